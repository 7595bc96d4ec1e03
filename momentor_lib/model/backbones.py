"""Pretrained parts from folders: a frame encoder, a language model and its tokenizer. Nothing here asks a network.

Weights go from the file into the model tensor by tensor, so memory holds one copy of them; pickled ones (.bin) are read as tensors only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    ImageProcessingMixin,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.utils import logging

from momentor_lib.model import hub
from momentor_lib.model.config import MomentorConfig

# LLaVA's own layout, and Video-ChatGPT's: a LLaMA's configuration and weights with those of the image parts among them.
FLAT_LLAVA = ("llava", "llava_llama", "videochatgpt")
# transformers' layout of LLaVA, as it was and as it is: the language model's weights lie under a name.
NESTED_KEYS = {r"^language_model\.model\.": "model.", r"^language_model\.lm_head": "lm_head", r"^model\.language_model\.": "model."}
SENTENCEPIECE = {"sentencepiece": "sentencepiece", "protobuf": "google.protobuf"}  # package -> module, of a tokenizer.model's readers
LARGE = 1_000_000_000  # parameters


def load_vision(folder: str | Path) -> PreTrainedModel:
    """The vision tower in a folder of a CLIP or SigLIP, whole or the tower alone; in float32. Of a whole one no text tower is read.

    Raises:
        ValueError: it holds no such model, or not all its weights.
    """
    config = _read_config(folder)
    config = getattr(config, "vision_config", config)
    for size in ("hidden_size", "image_size"):
        if not isinstance(getattr(config, size, None), int):
            raise ValueError(f"{folder} holds a {config.model_type}, no frame encoder: its configuration has no {size}")
    if not getattr(config, "vision_use_head", True):
        raise ValueError(f"{folder} holds a SigLIP without its pooling head: it gives no feature of a whole frame")
    return _load(AutoModel, folder, config, torch.float32)


def load_language(folder: str | Path, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """The language model in a folder: any of transformers' causal ones, or that of a LLaVA without its image parts.

    Args:
        folder: of a LLaMA, Vicuna, SmolLM2, ...; of a LLaVA as transformers saves it; or of a LLaVA or Video-ChatGPT in their own layout.
        dtype: of its weights; by default float32, and bfloat16 for more than a billion parameters.

    Raises:
        ValueError: it holds no language model, or not all its weights.
    """
    nested = "text_config" in _read_json(Path(folder) / "config.json")
    config = language_config(folder)
    return _load(AutoModelForCausalLM, folder, config, dtype or default_dtype(config), NESTED_KEYS if nested else None)


def language_config(folder: str | Path) -> PreTrainedConfig:
    """The configuration of the language model in a folder.

    Raises:
        ValueError: there is none.
    """
    raw = _read_json(Path(folder) / "config.json")
    if str(raw.get("model_type")).lower() in FLAT_LLAVA and "text_config" not in raw:
        known = {*LlamaConfig().to_dict(), "rope_theta", "rope_scaling", "torch_dtype"} - {"model_type", "architectures"}
        return LlamaConfig(**{name: value for name, value in raw.items() if name in known})
    config = _read_config(folder)
    if isinstance(config, MomentorConfig):
        raise ValueError(f"{folder} holds a whole Momentor: load it by its folder alone")
    config = config.get_text_config(decoder=True)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ValueError(f"{folder} holds a {config.model_type}, no language model that writes text")
    return config


def default_dtype(config: PreTrainedConfig) -> torch.dtype:
    """float32, and bfloat16 for a language model of more than a billion parameters: 7 billion are 13.5 GB then, not 27."""
    with torch.device("meta"):
        large = AutoModelForCausalLM.from_config(config).num_parameters() > LARGE
    return torch.bfloat16 if large else torch.float32


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder.

    Raises:
        ValueError: there is none, or sentencepiece and protobuf are missing, which one without a ``tokenizer.json`` needs.
    """
    folder = Path(folder)
    missing = [package for package, module in SENTENCEPIECE.items() if not _is_there(module)]
    if missing and (folder / "tokenizer.model").is_file() and not (folder / "tokenizer.json").is_file():
        raise ValueError(f"{folder} has its tokenizer as tokenizer.model, which needs another package: pip install {' '.join(missing)}")
    # A configuration that transformers does not know (Video-ChatGPT's) must not keep it from reading the tokenizer.
    config = language_config(folder) if (folder / "config.json").is_file() else None
    try:
        return AutoTokenizer.from_pretrained(folder, config=config)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder} holds no tokenizer that can be read: {first_line(error)}") from error


def pixel_statistics(folder: str | Path, vision: PreTrainedConfig) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation of the pixels (0-1, three numbers each) that a frame encoder was trained with.

    As the folder's ``preprocessor_config.json`` says; without one, CLIP's, and 0.5 for a SigLIP.
    """
    from transformers.image_utils import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    siglip = vision.model_type.startswith("siglip")
    mean, std = (IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD) if siglip else (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    try:
        pixels, _ = ImageProcessingMixin.get_image_processor_dict(folder)
    except OSError:
        return mean, std
    return pixels.get("image_mean") or mean, pixels.get("image_std") or std


def saved_dtype(folder: str | Path, prefix: str) -> torch.dtype | None:
    """The precision in which a folder has its first floating-point weight whose name begins so; None where it has none."""
    for file in hub.weight_files(Path(folder)):
        with safe_open(file, framework="pt") as opened:
            names = opened.keys()
            for name in names:
                if name.startswith(prefix) and (dtype := opened.get_slice(name)[:1].dtype).is_floating_point:
                    return dtype
    return None


def first_line(error: BaseException) -> str:
    """An error's first line; its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextmanager
def quiet(bars: bool = False) -> Iterator[None]:
    """Without transformers' report of weights that were left out on purpose; with ``bars``, without its progress bars too."""
    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.set_verbosity_error()
    if bars:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars and shown:
            logging.enable_progress_bar()


def _load(
    kind: type[AutoModel] | type[AutoModelForCausalLM],
    folder: str | Path,
    config: PreTrainedConfig,
    dtype: torch.dtype,
    keys: dict[str, str] | None = None,
) -> PreTrainedModel:
    """A model whose weights all come from the folder; what else lies there is left out.

    Raises:
        ValueError: weights are missing, of another shape, or cannot be read.
    """
    try:
        with quiet():
            model, report = kind.from_pretrained(folder, config=config, dtype=dtype, key_mapping=keys, output_loading_info=True)
    except UnpicklingError as error:
        raise ValueError(f"{folder}: a file of weights holds more than tensors, and is not read, since it could run code") from error
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no {config.model_type} that can be read: {first_line(error)}") from error
    if missing := sorted(report["missing_keys"]):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(f"{folder} does not hold all weights of its {config.model_type}: {missing[0]}{more} missing")
    return model


def _read_config(folder: str | Path) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} holds no model that transformers knows: {first_line(error)}") from error


def _read_json(file: Path) -> dict:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} is no configuration: it holds no JSON object")
    return content


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False
