"""The sizes of Momentor, ``tiny``, ``colab`` and ``paper``, and where trained ones come from. Only this file touches disk and hub.

A preset is a plain function that gives a :class:`MomentorConfig`; the code is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPVisionConfig,
    ImageProcessingMixin,
    LlamaConfig,
    PreTrainedTokenizerBase,
)
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from transformers.utils import logging

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
    """About 2.6 M parameters, 64 frames of 64x64 pixels, 32 anchors: trains on a CPU, ships with the library."""
    vision = CLIPVisionConfig(
        hidden_size=192, intermediate_size=448, num_hidden_layers=3, num_attention_heads=6, image_size=64, patch_size=8, projection_dim=160
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
    _name_tokens(config, processor)
    return Momentor(config), processor


def from_backbones(
    vision: str | Path, language: str | Path, *, num_temporal_tokens: int = 300, num_frames: int = 300, time_format: str = "tags"
) -> tuple[Momentor, MomentorProcessor]:
    """A Momentor around two pretrained parts (hub names or folders); projection and temporal tokens are new and need training.

    Args:
        vision: a CLIP or SigLIP, whole or its vision tower.
        language: a causal language model with its tokenizer.

    Raises:
        OSError: a part is neither a folder nor to be had from the hub.
    """
    frame_encoder = AutoModel.from_pretrained(vision)
    frame_encoder = getattr(frame_encoder, "vision_model", frame_encoder)  # of a whole CLIP, the text tower is not needed
    language_model, tokenizer = AutoModelForCausalLM.from_pretrained(language), AutoTokenizer.from_pretrained(language)
    pixels, _ = ImageProcessingMixin.get_image_processor_dict(vision)
    config = MomentorConfig(
        frame_encoder.config,
        language_model.config,
        num_temporal_tokens=num_temporal_tokens,
        num_frames=num_frames,
        time_format=time_format,
    )
    mean, std = pixels.get("image_mean", OPENAI_CLIP_MEAN), pixels.get("image_std", OPENAI_CLIP_STD)
    processor = MomentorProcessor(tokenizer, frame_encoder.config.image_size, mean, std, num_frames, time_format)
    _name_tokens(config, processor)
    return Momentor(config, frame_encoder, language_model), processor


def _name_tokens(config: MomentorConfig, processor: MomentorProcessor) -> None:
    config.video_token_id, config.time_token_id = processor.video_token_id, processor.time_token_id


def load(name_or_folder: str | Path) -> tuple[Momentor, MomentorProcessor]:
    """A Momentor and its processor, ready to answer.

    Args:
        name_or_folder: ``"tiny"``, the trained model that ships with the library; ``"colab"`` or ``"paper"``, pretrained parts from the hub
            with a projection and temporal tokens that need training; or the folder of a saved Momentor.

    Raises:
        ValueError: neither a preset nor such a folder, or the hub could not be reached.
        FileNotFoundError: the shipped checkpoint is missing.
    """
    name = str(name_or_folder)
    if name in BACKBONES and not Path(name).is_dir():
        vision, language = BACKBONES[name]
        sizes = PRESETS[name]()
        try:
            return from_backbones(vision, language, num_temporal_tokens=sizes.num_temporal_tokens, num_frames=sizes.num_frames)
        except OSError as error:
            raise ValueError(f"preset {name!r} needs {vision} and {language} from the Hugging Face hub, which could not be had") from error
    folder = checkpoint_folder(name)
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a bar for a second's reading is noise in a terminal and in a notebook
    try:
        model = Momentor.from_pretrained(folder)
    finally:
        if shown:
            logging.enable_progress_bar()
    return model.eval(), MomentorProcessor.from_pretrained(folder)


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
    raise ValueError(f"no model {str(name_or_folder)!r}: {found}; name a preset ({', '.join(PRESETS)}) or the folder of a saved Momentor")
