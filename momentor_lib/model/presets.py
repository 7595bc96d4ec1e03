"""The sizes of Momentor, ``tiny``, ``colab`` and ``paper``, and where trained ones come from. No other file downloads anything.

A preset is a plain function that gives a :class:`MomentorConfig`; the code is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, CLIPVisionConfig, LlamaConfig, PreTrainedTokenizerBase
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from momentor_lib.model import backbones, hub
from momentor_lib.model.adapter import find_base
from momentor_lib.model.assembly import frame_encoder_of, from_backbones, name_tokens
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import CONFIG_NAME, MomentorProcessor
from momentor_lib.paths import shipped

# The pretrained parts of the presets that have some: frame encoder, language model.
BACKBONES = {
    "colab": ("openai/clip-vit-base-patch32", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    "paper": ("openai/clip-vit-large-patch14", "lmsys/vicuna-7b-v1.5"),
}


def tiny(vocab_size: int = 600) -> MomentorConfig:
    """About 2.7 M parameters, 64 frames of 64x64 pixels, 32 anchors: trains on a CPU, ships with the library."""
    vision = CLIPVisionConfig(
        hidden_size=192, intermediate_size=448, num_hidden_layers=4, num_attention_heads=6, image_size=64, patch_size=8, projection_dim=160
    )
    text = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
    )
    return MomentorConfig(vision, text, num_temporal_tokens=32, num_frames=64, motion_neighbours=4)


def colab(vocab_size: int = 49152) -> MomentorConfig:
    """CLIP ViT-B/32 and a language model of SmolLM2-135M's shape: for a 15 GB T4."""
    vision = CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, image_size=224, patch_size=32
    )
    text = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_theta=100_000.0,
        tie_word_embeddings=True,
    )
    return MomentorConfig(vision, text, num_temporal_tokens=300, num_frames=300)


def paper(vocab_size: int = 32000) -> MomentorConfig:
    """CLIP ViT-L/14, LLaMA-7B, N = M = 300. Paper: section 5.1."""
    vision = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=224, patch_size=14
    )
    text = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        max_position_embeddings=4096,
    )
    return MomentorConfig(vision, text, num_temporal_tokens=300, num_frames=300)


PRESETS: dict[str, Callable[..., MomentorConfig]] = {"tiny": tiny, "colab": colab, "paper": paper}


def build(
    preset: str | MomentorConfig,
    tokenizer: PreTrainedTokenizerBase,
    image_mean: Sequence[float] = OPENAI_CLIP_MEAN,
    image_std: Sequence[float] = OPENAI_CLIP_STD,
) -> tuple[Momentor, MomentorProcessor]:
    """A Momentor of a preset's sizes (or of a given configuration) with random weights, and its processor.

    The language model's vocabulary is as large as the tokenizer, ``<video>`` and ``<time>`` included.

    Raises:
        ValueError: an unknown preset.
    """
    if isinstance(preset, str) and preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; the presets are {', '.join(PRESETS)}")
    config = PRESETS[preset]() if isinstance(preset, str) else preset
    processor = MomentorProcessor(tokenizer, config.vision_config.image_size, image_mean, image_std, config.num_frames, config.time_format)
    config.text_config.vocab_size = len(tokenizer)
    config.text_config.pad_token_id, config.text_config.eos_token_id = processor.pad_token_id, processor.eos_token_id
    config.text_config.bos_token_id = tokenizer.bos_token_id
    name_tokens(config, processor)
    return Momentor(config), processor


def backbones_of(name_or_folder: str | Path) -> tuple[str, str] | None:
    """The pretrained parts that a name stands for, frame encoder and language model; None where it names no such two.

    ``"colab"`` and ``"paper"`` have some, and a pair is written ``VISION+LANGUAGE``, each a folder or a name on the hub.
    """
    name = str(name_or_folder)
    if Path(name).is_dir():
        return None
    if name in BACKBONES:
        return BACKBONES[name]
    pairs = [(name[:index], name[index + 1 :]) for index, sign in enumerate(name) if sign == "+"]
    return next((pair for pair in pairs if all(map(hub.is_folder_or_name, pair))), None)


def lacking(preset: str) -> list[str]:
    """The pretrained parts of a preset that are not on this machine, and that :func:`load` would download; ``tiny`` has none.

    Raises:
        ValueError: an unknown preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; the presets are {', '.join(PRESETS)}")
    vision, language = BACKBONES.get(preset, (None, None))
    needed = [(name, tokenizer) for name, tokenizer in ((vision, False), (language, True)) if name is not None]
    return [name for name, tokenizer in needed if hub.on_this_machine(name, tokenizer=tokenizer) is None]


def load(name_or_folder: str | Path, dtype: torch.dtype | None = None) -> tuple[Momentor, MomentorProcessor]:
    """A Momentor and its processor, ready to answer.

    Args:
        name_or_folder: ``"tiny"``, the trained model that ships with the library; ``"colab"`` or ``"paper"``, or any pair
            ``VISION+LANGUAGE`` of folders and hub names, pretrained parts with a projection and temporal tokens that need training; or the
            folder of a saved Momentor.
        dtype: of the language model's weights; by default as :func:`from_backbones` has it, and as it was saved.

    Raises:
        ValueError: none of these, or the hub could not be reached.
        FileNotFoundError: the shipped checkpoint is missing.
    """
    name = str(name_or_folder)
    parts = backbones_of(name)
    if parts is not None:
        sizes = PRESETS[name]() if name in PRESETS else MomentorConfig()
        try:
            model, processor = from_backbones(
                *parts, num_temporal_tokens=sizes.num_temporal_tokens, num_frames=sizes.num_frames, dtype=dtype
            )
        except hub.PartNotFound as error:
            if name not in BACKBONES:
                raise
            raise _not_had(name, parts, error) from error
        return model.eval(), processor
    folder = checkpoint_folder(name)
    with backbones.quiet(bars=True):  # a bar for a second's reading is noise in a terminal and in a notebook
        model = _load_saved(folder, dtype)
    return model.eval(), MomentorProcessor.from_pretrained(folder)


def _load_saved(folder: Path, dtype: torch.dtype | None) -> Momentor:
    """A saved Momentor, its language model in its own precision: transformers alone would give all parts that of the first one."""
    whole, adapter = find_base(folder)
    whole = hub.find_part(whole)
    config = MomentorConfig.from_pretrained(whole)
    dtype = dtype or backbones.saved_dtype(whole, "language_model.")
    if dtype in (None, config.dtype):
        return Momentor.from_pretrained(whole, adapter=adapter)
    with torch.device("meta"):
        language_model = AutoModelForCausalLM.from_config(config.text_config, dtype=dtype)
    return Momentor.from_pretrained(whole, adapter=adapter, language_model=language_model)


def load_frame_encoder(name_or_folder: str | Path) -> tuple[Momentor, MomentorProcessor]:
    """As :func:`load`, but without a language model's weights: gigabytes that encoding frames has no use for.

    Raises:
        ValueError: no such model, or the hub could not be reached.
    """
    name = str(name_or_folder)
    parts = backbones_of(name)
    if parts is None:
        model, processor = load(name_or_folder)
        model.language_model.to("meta")
        return model, processor
    sizes = PRESETS[name]() if name in PRESETS else None
    try:
        model, processor = frame_encoder_of(*parts) if sizes is None else frame_encoder_of(*parts, sizes.text_config, sizes.num_frames)
    except hub.PartNotFound as error:
        if name not in BACKBONES:
            raise
        raise _not_had(name, parts[:1], error) from error
    return model.eval(), processor


def _not_had(name: str, parts: Sequence[str], error: ValueError) -> ValueError:
    return hub.PartNotFound(f"preset {name!r} needs {' and '.join(parts)} from the Hugging Face hub, which could not be had: {error}")


def checkpoint_folder(name_or_folder: str | Path) -> Path:
    """The folder of a saved Momentor: the shipped one for ``"tiny"``, else the folder itself.

    Raises:
        ValueError: neither a preset nor a folder that Momentor saved.
        FileNotFoundError: the shipped checkpoint is missing.
    """
    folder = Path(name_or_folder)
    if str(name_or_folder) == "tiny" and not (folder / CONFIG_NAME).is_file():
        return shipped("checkpoints/tiny")
    if (folder / CONFIG_NAME).is_file():
        return folder
    found = f"it holds no {CONFIG_NAME}" if folder.is_dir() else "there is no such folder"
    known = f"a preset ({', '.join(PRESETS)}), a pair VISION+LANGUAGE, or the folder of a saved Momentor"
    raise ValueError(f"no model {str(name_or_folder)!r}: {found}; name {known}")
