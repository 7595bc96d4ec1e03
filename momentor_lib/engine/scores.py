"""How much changes from frame to frame: PySceneDetect's own scores, of whole frames or of a part of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scenedetect import FrameTimecode, StatsManager
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from momentor_lib.engine.settings import Settings

# A grey pixel's hue is noise, and compressed backdrops are full of it: only saturation and brightness count.
WEIGHTS = ContentDetector.Components(delta_hue=0.0, delta_sat=1.0, delta_lum=1.0, delta_edges=0.0)


@dataclass(frozen=True)
class Scores:
    """Attributes:
    values: float64 [T], 0-255: how much of saturation and brightness changed since the frame before, on average over pixels.
    cuts: numbers of the frames that begin a new scene.
    """

    values: np.ndarray
    cuts: list[int]


def score_frames(pixels: Iterable[np.ndarray], settings: Settings) -> Scores:
    """Frames uint8 [H, W, 3] (blue, green, red) -> PySceneDetect's scores and the cuts that its adaptive detector finds."""
    detector = AdaptiveDetector(
        adaptive_threshold=settings.cut_ratio, min_scene_len=2, window_width=2, min_content_val=settings.cut_score, weights=WEIGHTS
    )
    detector.stats_manager = StatsManager()
    detector.stats_manager.register_metrics(detector.get_metrics())
    found: list[FrameTimecode] = []
    stamps = []
    for number, frame in enumerate(pixels):
        stamps.append(FrameTimecode(number, fps=settings.fps))
        found += detector.process_frame(stamps[-1], frame)
    if stamps:
        found += detector.post_process(stamps[-1])
    values = [detector.stats_manager.get_metrics(stamp, [ContentDetector.FRAME_SCORE_KEY])[0] or 0.0 for stamp in stamps]
    return Scores(np.array(values, np.float64), [stamp.frame_num for stamp in found])
