"""Which records of Moment-10M are good enough: the thresholds of the released converter, one a data type."""

from __future__ import annotations

from typing import Protocol

THRESHOLDS: dict[str, float] = {
    "segment_caption_data": 0.145,
    "instance_segment_caption_data": 0.146,
    "instance_caption_data": 0.126,
    "appearance_data": 0.129,
    "qa_data": 0.177,
    "instance_qa_data": 0.159,
    "cross_segment_qa_data": 0.211,
    "hypo_scene_data": 0.888,
    "comp_ret_data": 0.195,
    "segment_locate_data": 1.067,
}
UNKNOWN_TYPE = "unknown data type"
NO_SCORE = "no score"
TOO_LOW = "score not above the threshold"


class Scored(Protocol):
    """What is looked at."""

    data_type: str
    match_score: float | None
    clip_similarity: float | None


def keeps(record: Scored) -> bool:
    """Whether a record passes: its ``match_score`` is above its data type's threshold, else its ``clip_similarity`` is."""
    return why_dropped(record.data_type, record.match_score, record.clip_similarity) is None


def why_dropped(data_type: str, match_score: float | None, clip_similarity: float | None) -> str | None:
    """Why a record does not pass: ``UNKNOWN_TYPE``, ``NO_SCORE`` or ``TOO_LOW``; None where it does."""
    threshold = THRESHOLDS.get(data_type)
    if threshold is None:
        return UNKNOWN_TYPE
    if match_score is None and clip_similarity is None:
        return NO_SCORE
    above = (match_score is not None and match_score > threshold) or (clip_similarity is not None and clip_similarity > threshold)
    return None if above else TOO_LOW
