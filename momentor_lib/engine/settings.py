"""Every threshold of the engine in one place.

The paper publishes none but those of the last filter. These were set on the toy world's validation videos by
``python -m momentor_lib.engine.tune``, which prints the boundary F1 of each value that it tries.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What the steps of the engine go by. Lengths are seconds, or shares of the frame's width, unless said otherwise.

    Attributes:
        fps: frames a second that are looked at, at most.
        side: pixels of a frame's shorter side while looking.
        max_frames: frames of a video that are looked at, at most; a longer one is looked at with fewer a second: memory is bounded.
        cut_ratio: how many times the score of its neighbours a cut's score is (PySceneDetect's adaptive detector).
        cut_score: a cut's score, at least.
        sigma: of the Gaussian filter; 0: none.
        peak: a local maximum of the smoothed curve is a candidate above this.
        merging: whether neighbours are merged at all.
        consistency: neighbours merge above this.
        shortest, window: how much of a sub-segment beside a boundary tells how an instance changes there, at least and at most.
        pause: what is between two boundaries of an instance is compared across where it is no longer than this.
        nearby: boundaries closer than this are one.
        overlap, appearance: weights of a box's overlap and of its looks when boxes are matched to tracks.
        worst_match: a match that costs more is none.
        gap: a track survives as long without being seen.
        shortest_track: a track seen for less is none.
        contrast: how far a pixel is from the backdrop to belong to an instance, 0-255.
        smallest: area of an instance, a share of the frame's.
        shape_fit: an instance whose outline fits none of the known shapes so well gets none (intersection over union).
    """

    fps: float = 10.0
    side: int = 128
    max_frames: int = 9000
    cut_ratio: float = 3.0
    cut_score: float = 8.0
    sigma: float = 0.25
    peak: float = 1.5
    merging: bool = True
    consistency: float = 1.85
    shortest: float = 0.9
    window: float = 1.2
    pause: float = 0.72
    nearby: float = 0.25
    overlap: float = 1.0
    appearance: float = 1.0
    worst_match: float = 1.4
    gap: float = 1.6
    shortest_track: float = 0.5
    contrast: float = 22.0
    smallest: float = 0.003
    shape_fit: float = 0.74
