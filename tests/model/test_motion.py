"""Differences from neighbouring frames, against a plain loop."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_tiny

from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.motion import MotionProjection


def test_differences_are_those_of_a_plain_loop_and_stop_at_padding():
    torch.manual_seed(0)
    motion = MotionProjection(3, 5, neighbours=2)
    features = torch.randn(2, 6, 3)
    visible = torch.ones(2, 6, dtype=torch.bool)
    visible[1, 4:] = False
    got = motion(features, visible)
    for b, count in enumerate((6, 4)):
        for t in range(count):
            parts = []
            for other in (t - 2, t - 1, t + 1, t + 2):
                parts.append(features[b, other] - features[b, t] if 0 <= other < count else torch.zeros(3))
            assert torch.allclose(got[b, t], motion.linear(torch.cat(parts)), atol=1e-6)


def test_a_still_video_has_no_motion():
    motion = MotionProjection(3, 5, neighbours=2)
    assert motion(torch.ones(1, 4, 3), torch.ones(1, 4, dtype=torch.bool)).abs().max() == 0


def test_the_paper_s_model_has_none():
    model, _ = build_tiny()
    assert model.config.motion_neighbours == 0
    assert model.motion is None


def test_fewer_than_no_neighbours_is_an_error():
    with pytest.raises(ValueError, match="motion_neighbours"):
        MomentorConfig(motion_neighbours=-1)
