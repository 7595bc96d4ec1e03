"""Backends by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from momentor_lib.engine.pipeline import Backends
from momentor_lib.engine.settings import Settings

NAMES = ("offline", "paper")


@lru_cache(maxsize=2)
def load_backends(name: str, settings: Settings, models: tuple[tuple[str, str], ...] = ()) -> Backends:
    """The backends of a name, once a process.

    Args:
        name: ``offline`` or ``paper``.
        settings: of the run.
        models: for ``paper``: (part, name or folder) pairs; parts are ``detector``, ``captioner``, ``clip`` and ``writer``.

    Raises:
        ValueError: no such backends, or a part of them.
        OSError: a model is not to be had.
    """
    if name == "offline":
        from momentor_lib.engine.filtering import TINY_CLIP
        from momentor_lib.engine.offline.captioner import OfflineCaptioner, notice
        from momentor_lib.engine.offline.detector import OfflineDetector, OfflineTagger
        from momentor_lib.engine.offline.writer import TemplateWriter
        from momentor_lib.engine.similarity import tiny_clip

        if models:
            raise ValueError("the offline backends take no models; --backends paper does")
        tagger, detector = OfflineTagger(), OfflineDetector(settings)
        return Backends(name, tagger, detector, OfflineCaptioner(settings), TemplateWriter(), tiny_clip(), TINY_CLIP, notice())
    if name == "paper":
        from momentor_lib.engine.paper.load import load_paper

        return load_paper(settings, dict(models))
    raise ValueError(f"unknown backends {name!r}; there are {' and '.join(NAMES)}")


def as_models(models: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A mapping in the form that :func:`load_backends` takes."""
    return tuple(sorted(models.items()))
