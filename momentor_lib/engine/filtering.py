"""Which instructions are good enough: the last step. Paper: section 4.1.

The published thresholds are those of one CLIP. Another encoder's similarities lie elsewhere, so its own thresholds are fitted to keep the
same share, and a similarity is then written on the published scale: what is kept is above the published threshold, so that every reader
of a packed file keeps it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from momentor_lib.data.thresholds import THRESHOLDS
from momentor_lib.engine.instructions import Draft, to_record
from momentor_lib.engine.looking import Look
from momentor_lib.engine.similarity import ClipSimilarity

LOOKED_AT = 4  # frames of a span
# Of the tiny CLIP: fitted on the toy world's validation videos by `python -m momentor_lib.engine.tune`, to keep KEPT of the instructions.
TINY_CLIP = 0.08
KEPT = 0.95


def fit_threshold(similarities: Sequence[float], kept: float) -> float:
    """The threshold that a share ``kept`` of similarities is above.

    Raises:
        ValueError: no similarities, or a share that is none.
    """
    if not len(similarities) or not 0 < kept <= 1:
        raise ValueError(f"a threshold needs similarities and a share above 0 and up to 1, not {len(similarities)} and {kept}")
    return float(np.nextafter(np.quantile(np.asarray(similarities, float), 1 - kept, method="lower"), -np.inf))


def on_published_scale(similarity: float, own: float, published: float) -> float:
    """A similarity of an encoder whose threshold is ``own`` -> where it would lie beside the published threshold."""
    return published + (similarity - own)


def similarity_of(draft: Draft, look: Look, clip: ClipSimilarity, known: dict[str, Any]) -> float:
    """Mean cosine of a draft's caption with the frames of its spans; 0 where it has none.

    Args:
        known: what was encoded already, filled here: frame numbers and texts.
    """
    times = [time for start, end in draft.spans for time in np.linspace(start, end, LOOKED_AT + 2)[1:-1]]
    frames = sorted({int(np.clip(np.searchsorted(look.times, time, side="right") - 1, 0, len(look) - 1)) for time in times})
    if not frames:
        return 0.0
    text = known.setdefault("texts", {})
    if draft.shown not in text:
        text[draft.shown] = clip.embed_texts([draft.shown])[0]
    pictures = known.setdefault("frames", {})
    missing = [frame for frame in frames if frame not in pictures]
    for frame, vector in zip(missing, clip.embed_frames(look.pixels[missing]) if missing else (), strict=True):
        pictures[frame] = vector
    return float(np.mean([pictures[frame] @ text[draft.shown] for frame in frames]))


def keep_good(
    video_id: str,
    drafts: Mapping[str, Sequence[Draft]],
    look: Look,
    clip: ClipSimilarity | None,
    own: float | Mapping[str, float],
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
    """Drafts -> the records that pass, with their score, and how many of each data type did not.

    Args:
        clip: what judges; None: everything passes.
        own: the encoder's threshold, or one for each data type; the published ones for the CLIP that they belong to.
    """
    kept: dict[str, list[dict[str, Any]]] = {}
    dropped: Counter[str] = Counter()
    known: dict[str, Any] = {}
    for data_type, several in drafts.items():
        published = THRESHOLDS[data_type]
        threshold = own[data_type] if isinstance(own, Mapping) else own
        kept[data_type] = []
        for draft in several:
            score = published + 1.0 if clip is None else on_published_scale(similarity_of(draft, look, clip, known), threshold, published)
            record = to_record(video_id, data_type, draft, score)
            if record["clip_similarity"] > published:
                kept[data_type].append(record)
            else:
                dropped[data_type] += 1
    return kept, dict(dropped)
