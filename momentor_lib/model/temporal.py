"""The temporal perception module (TPM): continuous time as tokens.

Paper: section 3.2. N anchors stand at equal steps over a video; a time between two anchors is their interpolation. Two tables hold the
anchors' tokens: T_in for times that the language model reads, T_out for times that it writes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Tables(NamedTuple):
    """Both tables after propagation, ``input`` and ``output`` [N, D]: made once a forward pass and handed to every step."""

    input: Tensor
    output: Tensor


class DecodedTime(NamedTuple):
    """A temporal distribution read out: ``position`` in [0, 1], its standard deviation ``std`` (same unit), and ``mass`` in [0, 1], the
    probability inside the window that they were read from. Each has the shape of the distribution without its last axis; float32."""

    position: Tensor
    std: Tensor
    mass: Tensor


def propagate(tokens: Tensor) -> Tensor:
    """Neighbouring token propagation: the values of ``tokens`` [N, D], with gradients that spread to neighbours.

    A = P T with P_ij = 2^-|i-j|; T~ = T + (A - stopgrad(A)). The bracket is exactly zero in any dtype, so T~ = T; backwards an anchor
    receives its own gradient and P times everyone's. Paper: section 3.2.
    """
    index = torch.arange(tokens.shape[0], device=tokens.device)
    strength = torch.exp2(-(index[:, None] - index[None, :]).abs().to(tokens.dtype))  # [N, N]
    spread = strength @ tokens  # [N, D]
    # Departure: the bracket is formed first. The released code's (T + A) - stopgrad(A) rounds, and drifts in bfloat16.
    return tokens + (spread - spread.detach())


class TemporalPerceptionModule(nn.Module):
    """Temporal tokens: embedding, infusion, logits, targets and decoding.

    Args:
        num_tokens: N, the number of anchors, 2 or more.
        width: D, the language model's width.
        interpolation, propagation, infusion: switches for the ablations.
    """

    def __init__(self, num_tokens: int, width: int, *, interpolation: bool = True, propagation: bool = True, infusion: bool = True):
        super().__init__()
        if num_tokens < 2:
            raise ValueError(f"a temporal token space needs 2 anchors or more, not {num_tokens}")
        self.num_tokens = num_tokens
        self.interpolation = interpolation
        self.propagation = propagation
        self.infusion = infusion
        self.input_tokens = nn.Parameter(torch.empty(num_tokens, width))  # T_in  [N, D]
        self.output_tokens = nn.Parameter(torch.empty(num_tokens, width))  # T_out [N, D]
        self.reset_parameters()

    def reset_parameters(self, std: float = 0.02) -> None:
        """Draw both tables from a normal distribution of standard deviation ``std``."""
        nn.init.normal_(self.input_tokens, std=std)
        nn.init.normal_(self.output_tokens, std=std)

    def tables(self) -> Tables:
        """T~_in and T~_out [N, D]: propagated while training, as they are otherwise."""
        if self.propagation and self.training:
            return Tables(propagate(self.input_tokens), propagate(self.output_tokens))
        return Tables(self.input_tokens, self.output_tokens)

    def anchors(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Positions [...] in [0, 1] -> lower anchor f [...] (long, at most N-2) and remainder r [...] in [0, 1], as e = p(N-1) = f + r.

        The last anchor is f = N-2, r = 1, so that f + 1 always exists. Without interpolation r is 0 or 1, the nearest anchor.
        Departure: the paper's figure scales by N; its text and code by N-1, as here.
        """
        scaled = positions.clamp(0, 1) * (self.num_tokens - 1)
        if not self.interpolation:
            scaled = (scaled + 0.5).floor()
        floor = scaled.floor().clamp(max=self.num_tokens - 2)
        return floor.long(), scaled - floor

    def embed(self, positions: Tensor, table: Tensor | None = None) -> Tensor:
        """Positions [...] -> embeddings [..., D], (1-r) T[f] + r T[f+1], from ``table`` (by default T~_in)."""
        table = self.tables().input if table is None else table
        floor, remainder = self.anchors(positions)
        precision = torch.promote_types(table.dtype, torch.float32)  # a bfloat16 remainder would move the time
        remainder = remainder.to(precision).unsqueeze(-1)
        return ((1 - remainder) * table[floor] + remainder * table[floor + 1]).to(table.dtype)

    def infuse(self, features: Tensor, positions: Tensor, tables: Tables | None = None) -> Tensor:
        """Frame features [B, T, D] at positions [B, T] -> features + (T~_in(p) + T~_out(p)) / 2, [B, T, D].

        The number of frames need not be N: each frame has its own position.
        """
        if not self.infusion:
            return features
        tables = self.tables() if tables is None else tables
        mean_table = (tables.input + tables.output) / 2  # interpolation is linear: one look-up instead of two
        return features + self.embed(positions, mean_table)

    def logits(self, hidden: Tensor, tables: Tables | None = None) -> Tensor:
        """Hidden states [..., D] -> temporal logits [..., N]."""
        tables = self.tables() if tables is None else tables
        return hidden @ tables.output.to(hidden.dtype).T

    def decode(self, logits: Tensor, minimum: Tensor | None = None, *, window: int = 2, nearest: bool = False) -> DecodedTime:
        """Temporal logits [..., N] -> a continuous time.

        The position is the distribution's expectation over the anchors within ``window`` of its mode, so a training target
        ((1-r) on f, r on f+1) comes back exactly; std is the spread over the same anchors. The paper says nowhere how a time is read out.

        Args:
            minimum: positions [...] that the result may not precede (a span's start). Anchors below the one just before it are left
                out, and the result is clamped.
            nearest: read the mode's own anchor instead (for the ablation).
        """
        logits = logits.float()
        index = torch.arange(self.num_tokens, device=logits.device)
        if minimum is not None:
            floor, remainder = self.anchors(minimum)
            first_allowed = floor + (remainder >= 1).long()
            logits = logits.masked_fill(index < first_allowed.unsqueeze(-1), float("-inf"))
        probabilities = logits.softmax(-1)  # [..., N]
        decoded = self.read(probabilities, probabilities.argmax(-1), window=window, nearest=nearest)
        if minimum is None:
            return decoded
        return decoded._replace(position=torch.maximum(decoded.position, minimum.to(decoded.position)))

    def read(self, probabilities: Tensor, mode: Tensor, *, window: int = 2, nearest: bool = False) -> DecodedTime:
        """Probabilities of the anchors [..., N] -> the time around the anchor ``mode`` [...] (long)."""
        index = torch.arange(self.num_tokens, device=probabilities.device)
        # Measured from the mode, so that float32 loses nothing to the size of the index.
        offset = (index - mode.unsqueeze(-1)).to(probabilities.dtype)  # [..., N]
        inside = probabilities * (offset.abs() <= window)
        mass = inside.sum(-1)
        weights = inside / mass.unsqueeze(-1)
        mean_offset = (weights * offset).sum(-1)
        variance = (weights * (offset - mean_offset.unsqueeze(-1)).square()).sum(-1)
        place = mode if nearest else mode + mean_offset
        position = (place / (self.num_tokens - 1)).clamp(0, 1)
        return DecodedTime(position, variance.sqrt() / (self.num_tokens - 1), mass.clamp(max=1))
