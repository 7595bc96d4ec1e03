"""Momentor: a video language model that answers *when*.

The names below are the public ones; each is imported when it is first used, so that ``import momentor_lib`` costs nothing::

    from momentor_lib import Predictor
    answer = Predictor("tiny").set_video("video.mp4").ground("the red circle moves left")
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Answer": "moments",
    "Frames": "video",
    "Moment": "moments",
    "Momentor": "model.momentor",
    "MomentorConfig": "model.config",
    "MomentorProcessor": "model.processing",
    "Predictor": "predictor",
    "TemporalPerceptionModule": "model.temporal",
    "Timeline": "viz.timeline",
    "VideoError": "video",
    "load_video": "video",
    "probe": "video",
    "shipped": "paths",
    "write_toy": "toy",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'momentor_lib' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f"momentor_lib.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
