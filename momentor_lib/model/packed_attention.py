"""Attention over packed blocks in pieces: what no token sees is not computed.

A mask alone hides the other blocks but multiplies with them all the same. Here the queries of a few blocks meet the video and their own
blocks only, and the video's queries what came before them. It is an attention implementation of transformers, ``packed_sdpa``, and its
``sdpa`` where there is nothing to leave out.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.utils.import_utils import is_torch_greater_or_equal

from momentor_lib.model.autocast import in_one_dtype
from momentor_lib.model.packing import block_mask, block_position_ids

NAME = "packed_sdpa"
CPU_KERNELS = is_torch_greater_or_equal("2.13")  # which take fewer keys than queries
PIECE = 128  # queries that go together
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

    def add(self, tensor: Tensor, keys: Tensor) -> None:
        """Add to the keys [B, heads, K, d] of a tensor, in place: what :meth:`keys` does, backwards."""
        begin = 0 if self.own <= self.shared else self.own
        own = self.stop - begin
        tensor[:, :, begin : self.stop] += keys[:, :, keys.shape[2] - own :]
        if begin:
            tensor[:, :, : self.shared] += keys[:, :, : self.shared]


class Plan(NamedTuple):
    """The pieces of one batch, and who sees whom in each, ready to be added to its scores [B, 1, queries, keys]."""

    pieces: list[Piece]
    masks: list[Tensor]


def plan(block_ids: Tensor, mask: Tensor, dtype: torch.dtype) -> Plan | None:
    """What to compute, once for all layers; None where a single call is as quick.

    Args:
        block_ids: [B, L], 0 the prefix; see ``packing``.
        mask: who may see whom [B, 1, L, L], made from them.
        dtype: of queries and keys.
    """
    found = pieces(block_ids)
    if found is None:
        return None
    seen = [piece.keys(mask[:, :, piece.begin : piece.stop], -1) for piece in found]
    return Plan(found, [torch.zeros_like(part, dtype=dtype).masked_fill_(~part, float("-inf")) for part in seen])


def pieces(block_ids: Tensor) -> list[Piece] | None:
    """Block ids [B, L] -> who goes together, or None where a single call is as quick."""
    length = block_ids.shape[1]
    index = torch.arange(length, device=block_ids.device)
    prefix = (block_ids == 0).any(dim=0).nonzero()
    shared = int(prefix[-1]) + 1 if len(prefix) else 0
    new = block_ids < 0  # padding needs itself only, so that its row is not empty
    new[:, 0] = True
    new[:, 1:] |= block_ids[:, 1:] != block_ids[:, :-1]
    begins = torch.where(new, index, 0).cummax(dim=1).values.amin(dim=0).tolist()  # of each token's block, in the row where it is longest
    found = [Piece(first, min(first + PIECE, shared), 0, 0) for first in range(0, shared, PIECE)]
    found += [Piece(first, min(first + PIECE, length), shared, max(shared, begins[first])) for first in range(shared, length, PIECE)]
    pairs = sum((piece.stop - piece.begin) * (piece.shared + piece.stop - piece.own) for piece in found)
    return found if pairs < WORTH * length**2 else None


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    plan: Plan | None = None,
    **kwargs,
) -> tuple[Tensor, None]:
    """Queries [B, heads, Q, d], keys and values [B, heads or fewer, K, d] -> [B, Q, heads, d]; ``sdpa`` where there is no plan."""
    if plan is None:
        attend = AttentionInterface()["sdpa"]
        return attend(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs)
    same = in_one_dtype(query, key, value)
    if same and query.device.type == "cpu" and dropout == 0 and CPU_KERNELS:
        return _OnCpu.apply(*same, plan, scaling), None
    repeats = query.shape[1] // key.shape[1]  # a mask and fewer keys than queries together leave a GPU's quick kernels
    key, value = repeat_kv(key, repeats), repeat_kv(value, repeats)
    parts = []
    queries = query.split([piece.stop - piece.begin for piece in plan.pieces], dim=2)
    for piece, mask, rows in zip(plan.pieces, plan.masks, queries, strict=True):
        keys, values = piece.keys(key, 2), piece.keys(value, 2)
        part = functional.scaled_dot_product_attention(rows, keys, values, attn_mask=mask.to(rows.dtype), dropout_p=dropout, scale=scaling)
        parts.append(part.transpose(1, 2))
    return torch.cat(parts, dim=1), None


class _OnCpu(torch.autograd.Function):
    """The same by the kernels that ``scaled_dot_product_attention`` has for a CPU, called by name.

    Left to itself, autograd keeps each piece's keys, values and result, although they are copies of parts of what is there already.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, plan: Plan, scale: float | None) -> Tensor:
        output = value.new_empty(query.shape[0], query.shape[2], query.shape[1], value.shape[3])
        log_sums = []
        for piece, mask in zip(plan.pieces, plan.masks, strict=True):
            rows = slice(piece.begin, piece.stop)
            part, log_sum = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                query[:, :, rows], piece.keys(key, 2), piece.keys(value, 2), attn_mask=mask.to(query.dtype), scale=scale
            )
            output[:, rows] = part.transpose(1, 2)
            log_sums.append(log_sum)
        ctx.plan, ctx.scale = plan, scale
        ctx.save_for_backward(query, key, value, output, *log_sums)
        return output

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, output, *log_sums = ctx.saved_tensors
        by_query, by_key, by_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for piece, mask, log_sum in zip(ctx.plan.pieces, ctx.plan.masks, log_sums, strict=True):
            rows = slice(piece.begin, piece.stop)
            by_rows, by_keys, by_values = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                slope[:, rows].transpose(1, 2),
                query[:, :, rows],
                piece.keys(key, 2),
                piece.keys(value, 2),
                output[:, rows].transpose(1, 2),
                log_sum,
                0.0,
                False,
                attn_mask=mask.to(query.dtype),
                scale=ctx.scale,
            )
            by_query[:, :, rows] = by_rows
            piece.add(by_key, by_keys)
            piece.add(by_value, by_values)
        return by_query, by_key, by_value, None, None


def attend_in_pieces(language_model: PreTrainedModel) -> None:
    """Switches a language model from ``sdpa`` to this, if it hands a call's arguments on to its attention, as most do."""
    takes_more = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(language_model.get_decoder().forward).parameters.values())
    if language_model.config._attn_implementation == "sdpa" and takes_more:
        language_model.set_attn_implementation(NAME)


def arguments(
    implementation: str, dtype: torch.dtype, mask: Tensor | None, position_ids: Tensor | None, block_ids: Tensor | None
) -> dict[str, Any]:
    """What a language model's decoder is called with so that every token sees whom it may, and no other.

    Args:
        implementation: the attention that the language model runs.
        dtype: of its queries and keys.
        mask, position_ids, block_ids: as :meth:`Momentor.run_language_model` takes them.

    Raises:
        ValueError: this attention takes no such mask (flash attention).
    """
    if implementation not in (NAME, "sdpa", "eager"):
        raise ValueError(f"attention {implementation!r} takes no mask of blocks: load the language model with sdpa or eager attention")
    in_pieces = {}
    if block_ids is not None:
        mask, position_ids = block_mask(block_ids), block_position_ids(block_ids)
        if implementation == NAME:
            in_pieces = {"plan": plan(block_ids, mask, dtype)}
    if mask is not None and implementation == "eager":  # which adds its mask to the scores
        mask = torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)
    return {"attention_mask": mask, "position_ids": position_ids, **in_pieces}


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
