"""What changes around a frame: differences from its neighbours, projected and added to its token.

Departure: the paper's video tokens are single frames, and its 7 B language model compares them. The tiny one is
given the differences, so that it need not find the comparison first. What that is worth has not been ablated.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MotionProjection(nn.Module):
    """Differences of frame features -> the language model's width.

    Args:
        feature_width: D_v.
        width: D.
        neighbours: K, frames to each side.
    """

    def __init__(self, feature_width: int, width: int, neighbours: int):
        super().__init__()
        self.neighbours = neighbours
        self.linear = nn.Linear(2 * neighbours * feature_width, width, bias=False)

    def forward(self, features: Tensor, visible: Tensor) -> Tensor:
        """Frame features [B, T, D_v], and which of them are frames rather than padding [B, T] -> [B, T, D].

        A neighbour that is not there differs by nothing.
        """
        batch, frames, _ = features.shape
        differences = []
        for offset in (*range(-self.neighbours, 0), *range(1, self.neighbours + 1)):
            index = torch.arange(frames, device=features.device) + offset
            inside = ((index >= 0) & (index < frames)).expand(batch, -1)
            index = index.clamp(0, frames - 1)
            there = inside & visible[:, index]  # [B, T]
            differences.append((features[:, index] - features) * there.unsqueeze(-1))
        return self.linear(torch.cat(differences, dim=-1))  # [B, T, 2 K D_v] -> [B, T, D]
