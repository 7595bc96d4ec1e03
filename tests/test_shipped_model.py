"""The shipped model answers about every sample video as well as its card lets expect."""

from __future__ import annotations

import json

import numpy as np
import pytest
from transformers import AutoImageProcessor

from benchmarks.adaptation import mean_iou
from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.model.backbones import load_vision, pixel_statistics
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.moments import Moment
from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor


@pytest.fixture(scope="module")
def answers() -> list[tuple[list[Moment], list[list[float]], float]]:
    """For each query of each sample: the moments that were said, the true ones, and the seconds between two frames."""
    predictor, found = Predictor("tiny"), []
    for line in shipped("data_samples/annotations.jsonl").read_text().splitlines():
        sample = json.loads(line)
        predictor.set_video(shipped("data_samples") / sample["path"])
        spoken = predictor.ground_many([query["query"] for query in sample["queries"]])
        spacing = predictor.duration / (len(predictor.frames) - 1)
        found += [(said.moments, query["moments"], spacing) for said, query in zip(spoken, sample["queries"], strict=True)]
    return found


def test_first_moments_overlap_the_truth(answers):
    overlaps = [temporal_iou([(said[0].start, said[0].end)], true).max() for said, true, _ in answers]
    assert len(overlaps) > 40
    assert np.mean(overlaps) > 0.6
    assert np.mean([overlap > 0.5 for overlap in overlaps]) > 0.7


def test_a_moment_that_is_right_is_right_to_half_a_frame(answers):
    errors = []
    for said, true, spacing in answers:
        start, end = true[int(temporal_iou([(said[0].start, said[0].end)], true).argmax())]
        errors += [abs(said[0].start - start) / spacing, abs(said[0].end - end) / spacing]
    assert np.median(errors) < 0.6


def test_the_frame_encoder_s_own_folder_says_how_its_pixels_are_scaled():
    folder, processor = shipped("checkpoints/tiny"), MomentorProcessor.from_pretrained(shipped("checkpoints/tiny"))
    mean, std = pixel_statistics(folder / "clip", load_vision(folder / "clip").config)
    assert (list(mean), list(std)) == (processor.image_mean, processor.image_std)
    assert list(AutoImageProcessor.from_pretrained(folder / "clip", backend="pil").image_mean) == processor.image_mean


def test_the_studio_adapter_belongs_to_this_checkpoint():
    tiny, adapted = Predictor("tiny"), Predictor(shipped("checkpoints/studio"))
    assert mean_iou(adapted, "studio", 8) > mean_iou(tiny, "studio", 8) + 0.15
