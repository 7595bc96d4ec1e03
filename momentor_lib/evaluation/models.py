"""A model by its name: ours, a baseline, or a class of one's own in a file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from momentor_lib.evaluation.protocol import Predictor

BASELINE = "baseline:"


def load_model(name: str, seed: int = 0) -> Predictor:
    """A model by its name.

    Args:
        name: a preset or the folder of a saved Momentor; ``baseline:whole``, ``baseline:random`` or ``baseline:clip``, for which
            :func:`~momentor_lib.evaluation.baselines.load_baseline` says what may follow; or ``FILE.py:NAME``, a class of one's own, made
            without arguments.
        seed: of a random baseline.

    Raises:
        ValueError: no such model, or it cannot be shown a video.
    """
    if name.startswith(BASELINE):
        from momentor_lib.evaluation.baselines import load_baseline

        return load_baseline(name.removeprefix(BASELINE), seed)
    file, _, attribute = name.rpartition(":")
    if file.endswith(".py"):
        model = _own(Path(file), attribute)
        if not callable(getattr(model, "set_video", None)):
            raise ValueError(f"{name} has no set_video(video): see momentor_lib/evaluation/protocol.py")
        return model
    from momentor_lib.predictor import Predictor as Momentor

    return Momentor(name)


def _own(file: Path, attribute: str) -> Any:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        raise ValueError(f"{file} has no {attribute!r}")
    found = getattr(module, attribute)
    return found() if isinstance(found, type) else found
