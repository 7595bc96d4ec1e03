"""Two pretrained parts put together: a Momentor whose projection and temporal tokens are new."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from momentor_lib.model import backbones, hub
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor


def from_backbones(
    vision: str | Path,
    language: str | Path,
    *,
    num_temporal_tokens: int = 300,
    num_frames: int = 300,
    time_format: str = "tags",
    dtype: torch.dtype | None = None,
    image_mean: Sequence[float] | None = None,
    image_std: Sequence[float] | None = None,
) -> tuple[Momentor, MomentorProcessor]:
    """A Momentor around two pretrained parts; projection and temporal tokens are new and need training.

    A part is a folder or a name on the hub. A name is looked for on this machine first (:func:`momentor_lib.model.hub.find_part`); the size
    of a download is logged before it begins.

    Args:
        vision: a CLIP or SigLIP, whole or its vision tower. It is kept in float32, as are projection and temporal tokens.
        language: a LLaMA, Vicuna, SmolLM2 or another causal language model with its tokenizer; or a LLaVA or Video-ChatGPT, of which the
            language model is taken.
        dtype: of the language model's weights; by default float32, and bfloat16 for more than a billion parameters.
        image_mean, image_std: of the frame encoder's pixels in 0-1; by default as its folder says.

    Raises:
        ValueError: a part is neither on this machine nor to be had from the hub, or is none of these.
    """
    vision_folder, language_folder = _find(vision, language)
    frame_encoder = backbones.load_vision(vision_folder)
    language_model = backbones.load_language(language_folder, dtype)
    sizes = MomentorConfig(
        frame_encoder.config,
        language_model.config,
        num_temporal_tokens=num_temporal_tokens,
        num_frames=num_frames,
        time_format=time_format,
    )
    return _join(sizes, (frame_encoder, vision_folder), (language_model, language_folder), image_mean, image_std)


def _find(vision: str | Path, language: str | Path, language_weights: bool = True) -> tuple[Path, Path]:
    """The folders of two parts; where both are missing, both are named."""
    folders, missing = [], []
    for name, weights, tokenizer in ((vision, True, False), (language, language_weights, True)):
        try:
            folders.append(hub.find_part(name, weights=weights, tokenizer=tokenizer))
        except hub.PartNotFound as error:
            missing.append(error)
    if missing:
        raise hub.PartNotFound("; ".join(map(str, missing))) from missing[0]
    return folders[0], folders[1]


def _join(
    config: MomentorConfig,
    vision: tuple[PreTrainedModel, Path],
    language: tuple[PreTrainedModel, Path],
    image_mean: Sequence[float] | None = None,
    image_std: Sequence[float] | None = None,
) -> tuple[Momentor, MomentorProcessor]:
    """A Momentor of two models, with a processor of what lies in their folders."""
    mean, std = backbones.pixel_statistics(vision[1], vision[0].config)
    processor = MomentorProcessor(
        backbones.load_tokenizer(language[1]),
        config.vision_config.image_size,
        mean if image_mean is None else image_mean,
        std if image_std is None else image_std,
        config.num_frames,
        config.time_format,
    )
    name_tokens(config, processor)
    return Momentor(config, vision[0], language[0]), processor


def name_tokens(config: MomentorConfig, processor: MomentorProcessor) -> None:
    """Tell a configuration the ids of ``<video>`` and ``<time>``."""
    config.video_token_id, config.time_token_id = processor.video_token_id, processor.time_token_id


def frame_encoder_of(
    vision: str | Path, language: str | Path, text_config: PreTrainedConfig | None = None, num_frames: int = 300
) -> tuple[Momentor, MomentorProcessor]:
    """As :func:`from_backbones`, with a language model that has no weights: of it, the tokenizer is read.

    Args:
        text_config: of the language model; by default as its folder says.

    Raises:
        ValueError: as :func:`from_backbones`.
    """
    vision_folder, language_folder = _find(vision, language, language_weights=False)
    frame_encoder = backbones.load_vision(vision_folder)
    config = MomentorConfig(frame_encoder.config, text_config or backbones.language_config(language_folder), num_frames=num_frames)
    with torch.device("meta"):
        language_model = AutoModelForCausalLM.from_config(config.text_config)
    return _join(config, (frame_encoder, vision_folder), (language_model, language_folder))
