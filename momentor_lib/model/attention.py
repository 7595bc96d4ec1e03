"""What a language model attends to while it runs: its attention weights, kept for figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor


@contextmanager
def watch_attention(model: Momentor) -> Iterator[list[Tensor]]:
    """Inside the block every pass of the language model adds its attention weights to the list that the block gets::

        with watch_attention(model) as passes:
            conversation.extend(ids, positions)
        weights = passes[-1]  # [layers, B, heads, Q, tokens in the cache + Q]

    The fast attention never forms the weights, so the block runs transformers' eager one, which gives the same answers (a little more
    slowly) and hands the weights out; afterwards all is as it was.
    """
    language_model = model.language_model
    before = language_model.config._attn_implementation
    passes: list[Tensor] = []
    layers: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
        layers.append(output[1].detach())  # [B, heads, Q, tokens]

    def collect(module: nn.Module, inputs: tuple, output: object) -> None:
        passes.append(torch.stack(layers))
        layers.clear()

    decoder = language_model.get_decoder()
    hooks = [layer.self_attn.register_forward_hook(keep) for layer in decoder.layers]
    hooks.append(decoder.register_forward_hook(collect))
    language_model.set_attn_implementation("eager")
    try:
        yield passes
    finally:
        language_model.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()


def frame_columns(processor: MomentorProcessor, num_frames: int) -> list[int]:
    """Where the T frames stand among the tokens of every conversation about a video: T column numbers of attention weights."""
    ids = processor.encode_prefix(num_frames)
    return [column for column, token in enumerate(ids) if token == processor.video_token_id]
