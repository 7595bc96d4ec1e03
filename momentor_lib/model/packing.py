"""Packed blocks: a video once, and many of its instructions after it in one sequence.

A block sees the video and itself, never another block, and its position ids go on from the video's end: loss and gradients equal those of
separate sequences, while the video (300 tokens against some 40 of text) is paid for once.
"""

from __future__ import annotations

import torch
from torch import Tensor


def block_mask(block_ids: Tensor) -> Tensor:
    """Block ids [B, L] -> who may see whom [B, 1, L, L], True where token i sees token j.

    Block 0 is the prefix (system prompt and video), 1..K are instruction blocks, -1 is padding. A padding token sees the prefix and the
    padding before it, itself included, so that no row is empty: an empty row would be NaN in a softmax.
    """
    length = block_ids.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=block_ids.device).tril()
    same = block_ids[:, :, None] == block_ids[:, None, :]
    prefix = (block_ids == 0)[:, None, :]
    return ((same | prefix) & causal)[:, None]


def block_position_ids(block_ids: Tensor) -> Tensor:
    """Block ids [B, L] -> position ids [B, L]: 0.. over the prefix, and from its end on within each block."""
    index = torch.arange(block_ids.shape[1], device=block_ids.device).expand_as(block_ids)
    begins = torch.ones_like(block_ids, dtype=torch.bool)
    begins[:, 1:] = block_ids[:, 1:] != block_ids[:, :-1]
    begin = torch.where(begins, index, 0).cummax(dim=1).values  # where each token's block begins
    prefix_length = (block_ids == 0).sum(dim=1, keepdim=True)
    return torch.where(block_ids == 0, index, prefix_length + index - begin)
