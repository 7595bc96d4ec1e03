"""An adapter's folder: the LoRA of a model and what trained with it, a few MB, beside the name of the base that it belongs to.

The folder holds what peft writes (``adapter_config.json``, ``adapter_model.safetensors``), so that ``PeftModel.from_pretrained`` reads it
onto the same language model, and two files of ours: the model's ``config.json``, and the parts beside the language model that train with
it (projection, motion, temporal tokens) in ``momentor_parts.safetensors``. What LoRA is inside the model: ``momentor_lib/model/lora.py``.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from momentor_lib.files import write_whole
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.lora import has_lora, insert_lora, is_lora, unload
from momentor_lib.paths import shipped

if TYPE_CHECKING:
    from momentor_lib.model.momentor import Momentor

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # peft's names
PARTS, CONFIG, WHOLE_MODEL = "momentor_parts.safetensors", "config.json", "model*.safetensors"
PEFT_PREFIX = "base_model.model."  # peft puts it before each weight's name
LANGUAGE, VISION = "language_model.", "vision_model."
SHIPPED = "tiny"
SIZES = {
    "text_config": ("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    "vision_config": ("hidden_size",),
    "": ("num_temporal_tokens", "motion_neighbours", "time_format", "video_token_id", "time_token_id"),
}


# -- to disk and back ----------------------------------------------------------------------------------------------------------------------


def save_adapter(
    model: Momentor, folder: str | Path, *, base: str | Path | None = None, state_dict: Mapping[str, Tensor] | None = None
) -> None:
    """Write an adapter's folder, a few MB. The processor is saved beside it as beside a whole model.

    Args:
        base: the folder (or name) of the whole model that the adapter belongs to; by default the one that the model was loaded from. A
            folder is written relative to the adapter's, so that both can be moved together; the shipped model is written as ``tiny``.
        state_dict: the whole model's weights, where they are not to be taken from it (gathered from several processes).

    Raises:
        ValueError: no LoRA inside, no base known, the folder holds a whole model, or something trains that an adapter cannot hold.
    """
    from peft import get_peft_model_state_dict

    folder = Path(folder)
    base = base or model.name_or_path
    _check_savable(model, folder, base)
    folder.mkdir(parents=True, exist_ok=True)
    whole = model.state_dict() if state_dict is None else state_dict
    language = {name.removeprefix(LANGUAGE): tensor for name, tensor in whole.items() if name.startswith(LANGUAGE)}
    lora = get_peft_model_state_dict(model.language_model, state_dict=language, save_embedding_layers=False)
    weights = save({f"{PEFT_PREFIX}{name}": tensor.contiguous() for name, tensor in lora.items()}, {"format": "pt"})
    parts = {name: tensor.contiguous() for name, tensor in whole.items() if not name.startswith((LANGUAGE, VISION))}
    write_whole(folder / CONFIG, model.config.to_json_string())
    write_whole(folder / ADAPTER_CONFIG, _config_text(model, _base_name(base, folder)))
    write_whole(folder / ADAPTER_WEIGHTS, weights)
    write_whole(folder / PARTS, save(parts, {"saved_with": _digest(weights)}))


def _check_savable(model: Momentor, folder: Path, base: str | Path) -> None:
    if not has_lora(model):
        raise ValueError("there is no LoRA inside the model: save it whole (save_pretrained)")
    if not base:
        raise ValueError("which model the adapter belongs to is not known, since it was not loaded from a folder: save_adapter(base=...)")
    if any(folder.glob(WHOLE_MODEL)):
        raise ValueError(f"{folder} holds a whole model: save the adapter to another folder")
    frozen = [*model.language_model.named_parameters(), *model.vision_model.named_parameters()]
    others = [name for name, parameter in frozen if parameter.requires_grad and not is_lora(name)]
    if others:
        raise ValueError(f"{others[0]} trains too, which an adapter does not hold: merge(model).save_pretrained(...) saves all of it")


def _config_text(model: Momentor, base: str) -> str:
    """``adapter_config.json`` as peft writes it."""
    config = copy.copy(model.language_model.peft_config["default"])
    config.base_model_name_or_path, config.inference_mode = base, True
    if isinstance(config.target_modules, set):
        config.target_modules = sorted(config.target_modules)  # a set's order differs from run to run
    with TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        return (Path(folder) / ADAPTER_CONFIG).read_text(encoding="utf-8")


def load_adapter(model: Momentor, folder: str | Path) -> Momentor:
    """Put a folder's LoRA into ``model`` and its other parts in place of the model's own. Its LoRA can be trained on.

    Returns:
        The same model.

    Raises:
        ValueError: the folder belongs to a model of other sizes, holds no adapter, or a save to it was cut short.
    """
    from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict

    folder = Path(folder)
    weights, parts = _read(folder)
    _check_sizes(model.config, folder)
    config = LoraConfig.from_pretrained(folder)
    config.inference_mode = False
    insert_lora(model, config)
    own = {f"{PEFT_PREFIX}{name}": tensor for name, tensor in get_peft_model_state_dict(model.language_model).items()}
    own |= {name: tensor for name, tensor in model.state_dict().items() if not name.startswith((LANGUAGE, VISION))}
    if wrong := _first_difference(own, weights | parts):
        unload(model)
        raise ValueError(f"the adapter in {folder} belongs to a model of other sizes: {wrong}")
    set_peft_model_state_dict(model.language_model, {name.removeprefix(PEFT_PREFIX): tensor for name, tensor in weights.items()})
    model.load_state_dict(parts, strict=False)
    return model


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, PARTS, CONFIG):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is no adapter's folder: it holds no {name}")
    try:
        with safe_open(folder / PARTS, "pt") as file:
            saved_with = (file.metadata() or {}).get("saved_with")
        weights, parts = load_file(folder / ADAPTER_WEIGHTS), load_file(folder / PARTS)
    except SafetensorError as error:
        raise ValueError(f"the adapter in {folder} cannot be read: {error}") from error
    if saved_with != _digest((folder / ADAPTER_WEIGHTS).read_bytes()):
        raise ValueError(
            f"in {folder}, {PARTS} was not saved with {ADAPTER_WEIGHTS}: a save was cut short, or one was replaced; save again"
        )
    return weights, parts


def _check_sizes(config: MomentorConfig, folder: Path) -> None:
    saved = MomentorConfig.from_pretrained(folder)
    for part, names in SIZES.items():
        here, there = (getattr(one, part) if part else one for one in (config, saved))
        for name in names:
            if getattr(here, name, None) != getattr(there, name, None):
                where = f"{part}.{name}" if part else name
                raise ValueError(
                    f"the adapter in {folder} belongs to a model of other sizes: {where} is {getattr(there, name, None)} there and "
                    f"{getattr(here, name, None)} in the base"
                )


def _first_difference(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> str | None:
    for name in sorted(own.keys() ^ saved.keys()):
        return f"{name} is only in the {'base' if name in own else 'adapter'}"
    for name, tensor in own.items():
        if tensor.shape != saved[name].shape:
            return f"{name} is {list(saved[name].shape)} there and {list(tensor.shape)} in the base"
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# -- the base ------------------------------------------------------------------------------------------------------------------------------


def find_base(model: str | Path | None, adapter: str | Path | None = None) -> tuple[str | Path | None, str | Path | None]:
    """What is to be loaded: a whole model's folder (or a name for the hub), and an adapter's folder or None.

    Args:
        model: a whole model's folder or name; or, where ``adapter`` is None, an adapter's folder, which names its own.

    Raises:
        ValueError: the adapter names no model, or a folder that is not there; or ``model`` is an adapter's folder, with another adapter.
    """
    if model is None or not (Path(model) / ADAPTER_CONFIG).is_file():
        return model, adapter
    if adapter is not None:
        raise ValueError(f"{model} holds an adapter: another one can only be put onto a whole model")
    folder = Path(model)
    name = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    give = f"give it: Momentor.from_pretrained(base, adapter={str(folder)!r})"
    if not name:
        raise ValueError(f"the adapter in {folder} does not say which model it belongs to: {give}")
    if name == SHIPPED:
        return shipped(f"checkpoints/{SHIPPED}"), folder
    for base in (folder / name, Path(name)):
        if base.is_dir():
            return base, folder
    if name.startswith(".") or Path(name).is_absolute():
        raise ValueError(f"the adapter in {folder} belongs to the model in {os.path.normpath(folder / name)}, which is not there: {give}")
    return name, folder


def _base_name(base: str | Path, folder: Path) -> str:
    """How an adapter in ``folder`` names its base: a folder from there, so that both can be moved together."""
    if not Path(base).is_dir():
        return str(base)
    whole = Path(base).resolve()
    with suppress(FileNotFoundError):
        if whole == shipped(f"checkpoints/{SHIPPED}").resolve():
            return SHIPPED
    try:
        name = Path(os.path.relpath(whole, folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return str(whole)
    return name if name.startswith("..") else f"./{name}"


def remove_adapter_files(folder: str | Path) -> None:
    """A whole model was saved here: an older adapter's files would be read in its stead."""
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, PARTS):
        (Path(folder) / name).unlink(missing_ok=True)
