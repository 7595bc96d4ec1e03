"""A video is encoded once: the keys and values of the system prompt and the video tokens, kept for every question about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.timecode import to_position


@dataclass(frozen=True)
class VideoPrefix:
    """The cached beginning of every conversation about one video.

    Attributes:
        layers: keys and values of each layer, [1, heads, P, width of a head]. They are never written to: a question works on a cache that
            begins with them, so an error in the middle of an answer leaves them whole.
        duration: of the video, seconds.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    duration: float

    @property
    def length(self) -> int:
        """P, the tokens of system prompt and video."""
        return self.layers[0][0].shape[-2]


@torch.no_grad()
def prepare_video(model: Momentor, processor: MomentorProcessor, features: Tensor, times: Sequence[float], duration: float) -> VideoPrefix:
    """Frame features [T, D_v] at ``times`` [T] (seconds) of a video of ``duration`` seconds -> its cached prefix."""
    device = model.device
    positions = torch.tensor([[to_position(time, duration) for time in times]], dtype=torch.float64, device=device)  # [1, T]
    tables = model.temporal.tables()
    video = model.infuse_time(features.to(device).unsqueeze(0), positions, tables)  # [1, T, D]
    input_ids = torch.tensor([processor.encode_prefix(len(features))], device=device)  # [1, P]
    embeds = model.splice(input_ids, None, video, positions, tables)  # [1, P, D]
    cache = DynamicCache()
    model.run_language_model(embeds, past_key_values=cache)
    return VideoPrefix(tuple((layer.keys, layer.values) for layer in cache.layers), duration)


def open_cache(videos: Sequence[VideoPrefix]) -> tuple[DynamicCache, Tensor]:
    """Prefixes of B conversations -> a cache that begins with them, and which of its places hold a token [B, longest P].

    Prefixes of different lengths are padded on the right; the mask hides what was padded, and position ids are given explicitly.
    """
    lengths = torch.tensor([video.length for video in videos], device=videos[0].layers[0][0].device)
    longest = int(lengths.max())
    cache = DynamicCache()
    for index in range(len(videos[0].layers)):
        for_all = [[_padded(video.layers[index][part], longest) for video in videos] for part in (0, 1)]
        cache.update(torch.cat(for_all[0]), torch.cat(for_all[1]), index)
    return cache, torch.arange(longest, device=lengths.device) < lengths[:, None]


def _padded(states: Tensor, length: int) -> Tensor:
    missing = length - states.shape[-2]
    return torch.nn.functional.pad(states, (0, 0, 0, missing)) if missing else states
