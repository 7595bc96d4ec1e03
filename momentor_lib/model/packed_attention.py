"""Attention over packed blocks in pieces: what no token sees is not computed.

A mask alone hides the other blocks but multiplies with them all the same. Here the queries of a few blocks meet the video and their own
blocks only. It is an attention implementation of transformers, ``packed_sdpa``, made of its ``sdpa``, and the same as that where there is
nothing to leave out.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "packed_sdpa"
PIECE = 64  # queries that go together
WORTH = 0.8  # of all pairs of tokens: where more are left, one call is as quick


@dataclass(frozen=True)
class Piece:
    """Queries ``begin`` to ``stop``, which see the keys before ``shared`` and those from ``own`` to ``stop``."""

    begin: int
    stop: int
    shared: int
    own: int

    def keys(self, tensor: Tensor, dim: int) -> Tensor:
        """Its part of a tensor's dimension of keys."""
        if self.own <= self.shared:
            return tensor.narrow(dim, 0, self.stop)
        return torch.cat((tensor.narrow(dim, 0, self.shared), tensor.narrow(dim, self.own, self.stop - self.own)), dim=dim)


def pieces(block_ids: Tensor) -> list[Piece] | None:
    """Block ids [B, L] (0 the prefix, see ``packing``) -> what to compute, or None where a single call is as quick."""
    length = block_ids.shape[1]
    index = torch.arange(length, device=block_ids.device)
    prefix = (block_ids == 0).any(dim=0).nonzero()
    shared = int(prefix[-1]) + 1 if len(prefix) else 0
    new = block_ids < 0  # padding needs itself only, so that its row is not empty
    new[:, 0] = True
    new[:, 1:] |= block_ids[:, 1:] != block_ids[:, :-1]
    begins = torch.where(new, index, 0).cummax(dim=1).values.amin(dim=0).tolist()  # of each token's block, in the row where it is longest
    found = [Piece(0, shared, 0, 0)] if shared else []
    found += [Piece(first, min(first + PIECE, length), shared, max(shared, begins[first])) for first in range(shared, length, PIECE)]
    pairs = sum((piece.stop - piece.begin) * (piece.shared + piece.stop - piece.own) for piece in found)
    return found if pairs < WORTH * length**2 else None


def packed_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, pieces: list[Piece] | None = None, **kwargs
) -> tuple[Tensor, None]:
    """Queries [B, heads, Q, d], keys and values [B, heads, K, d] -> [B, Q, heads, d]; as ``sdpa`` does where there are no ``pieces``."""
    attend = AttentionInterface()["sdpa"]
    if pieces is None or attention_mask is None:
        return attend(module, query, key, value, attention_mask, **kwargs)
    parts = []
    for piece in pieces:
        rows = slice(piece.begin, piece.stop)
        mask = piece.keys(attention_mask[..., rows, :], -1)
        parts.append(attend(module, query[:, :, rows], piece.keys(key, 2), piece.keys(value, 2), mask, **kwargs)[0])
    return torch.cat(parts, dim=1), None


def attend_in_pieces(language_model: PreTrainedModel) -> None:
    """Switches a language model from ``sdpa`` to this, if it hands a call's arguments on to its attention, as most do."""
    takes_more = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(language_model.get_decoder().forward).parameters.values())
    if language_model.config._attn_implementation == "sdpa" and takes_more:
        language_model.set_attn_implementation(NAME)


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
