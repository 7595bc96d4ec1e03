"""A projection from a file: Video-ChatGPT's ``mm_projector``, with which the paper's training begins. Paper: section 5.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from momentor_lib.model.backbones import first_line
from momentor_lib.model.momentor import Momentor

# What comes before it in a file is the way to it in the model that was saved.
NAME = re.compile(r"(?:.*\.)?(?:mm_projector|multi_modal_projector|projection)\.(weight|bias)|(weight|bias)")
LAYER_OF_SEVERAL = re.compile(r"(?:.*\.)?(?:mm_projector|multi_modal_projector)\.\w+\.(weight|bias)")
SUFFIXES = (".bin", ".pt", ".pth", ".safetensors")


def load_projection(model: Momentor, path: str | Path) -> None:
    """Give a Momentor's projection the weights of a file; a file without a bias makes it zero.

    Args:
        model: whose ``projection`` [D, D_v] is set, in its own precision. Nothing changes where the file does not fit.
        path: an ``mm_projector.bin``, ``.pt`` or ``.safetensors`` of Video-ChatGPT or LLaVA, of which tensors only are read; or the folder
            of a whole checkpoint of theirs.

    Raises:
        ValueError: no projector in it, one of another shape or of several layers, or a pickle of more than tensors, which could run code.
        FileNotFoundError: there is no such file.
    """
    weight, bias = read_projector(path)
    width, feature_width = model.projection.weight.shape
    if weight.shape != (width, feature_width) or bias.shape != (width,):
        raise ValueError(
            f"{path} holds a projector from {' x '.join(map(str, reversed(weight.shape)))} numbers; "
            f"this model's frame features are {feature_width} wide and its language model {width}"
        )
    with torch.no_grad():
        model.projection.weight.copy_(weight)
        model.projection.bias.copy_(bias)


def read_projector(path: str | Path) -> tuple[Tensor, Tensor]:
    """The weight [D, D_v] and bias [D] of the projector in a file or a folder, as they were saved.

    Raises:
        ValueError, FileNotFoundError: as :func:`load_projection`.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; name an mm_projector file, or the folder of a LLaVA or Video-ChatGPT")
    found: dict[str, Tensor] = {}
    several = False
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if path.is_dir() and file.suffix not in SUFFIXES:
            continue
        here, more = _projector_in(file)
        several |= more
        for kind, tensor in here.items():
            if kind in found and not torch.equal(found[kind], tensor):
                raise ValueError(f"{path} holds more than one projector; name the file of one")
            found[kind] = tensor
    if several:
        raise ValueError(f"{path} holds a projector of several layers; Momentor's is one linear layer, as Video-ChatGPT's")
    if "weight" not in found or found["weight"].dim() != 2:
        raise ValueError(f"{path} holds no projector: no weight under mm_projector")
    weight = found["weight"]
    bias = found.get("bias", torch.zeros(weight.shape[0]))
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise ValueError(f"{path} holds a projector with numbers that are not finite")
    return weight, bias


def _projector_in(file: Path) -> tuple[dict[str, Tensor], bool]:
    """What a file has of a projector, ``weight`` and ``bias``; and whether it has one of several layers."""
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                return _pick(opened.keys(), opened.get_tensor, file)
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except UnpicklingError as error:
        raise ValueError(f"{file}: not read, since it holds more than tensors, and could run code") from error
    except (OSError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(f"{file} cannot be read as tensors: {first_line(error)}") from error
    for inside in ("state_dict", "model", "module"):
        if isinstance(content, Mapping) and isinstance(content.get(inside), Mapping):
            content = content[inside]
    if not isinstance(content, Mapping):
        return {}, False
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return _pick(tensors, tensors.__getitem__, file)


def _pick(names, tensor_of: Callable[[str], Tensor], file: Path) -> tuple[dict[str, Tensor], bool]:
    found: dict[str, Tensor] = {}
    for name in names:
        if match := NAME.fullmatch(name):
            kind = match[1] or match[2]
            if kind in found:
                raise ValueError(f"{file} holds more than one projector; name the file of one")
            found[kind] = tensor_of(name)
    return found, any(LAYER_OF_SEVERAL.fullmatch(name) for name in names)
