"""The read-out loss measures what it says, and all losses together train every part of the CLIP."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momentor_lib.toy import stills
from momentor_lib.training.frame_encoder import build_clip, build_tokenizer, normalise
from momentor_lib.training.frame_losses import FrameLosses, ReadoutLoss


def test_vectors_that_hold_the_readings_have_no_read_out_loss():
    generator = torch.Generator().manual_seed(0)
    size = stills.GROUPS * stills.READINGS
    readings = torch.randn(6, stills.GROUPS, stills.READINGS, generator=generator)
    loss = ReadoutLoss(size)
    with torch.no_grad():
        loss.linear.weight.copy_(torch.eye(size))
        loss.linear.bias.zero_()
    assert loss(readings.flatten(1), readings, later=2)[0] == 0
    drawn = readings.clone()
    drawn += 1  # wrong in all alike: differences are right
    total, report = loss(drawn.flatten(1), readings, later=2)
    assert total.item() == pytest.approx(1, abs=1e-5)
    assert report["unread_change"] == pytest.approx(0, abs=1e-9)
    drawn = readings.clone()
    drawn[-2:] += 1  # wrong after, right before
    total, _ = loss(drawn.flatten(1), readings, later=2)
    assert total.item() == pytest.approx(2 / 6 + ReadoutLoss.DIFFERENCES, abs=1e-5)


@pytest.mark.parametrize("reads", [False, True])
def test_every_part_of_the_clip_learns(reads):
    torch.manual_seed(0)
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)
    model = build_clip(len(tokenizer))
    drawn = stills.sample_stills(rng, 8, crowded=0 if reads else 3, later=3 if reads else 0)
    loss, report = FrameLosses(model, tokenizer, reads)(normalise(drawn.pixels, rng), drawn, 8, rng)
    loss.backward()
    still = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert still <= {"logit_scale"}  # the contrastive loss has a scale of its own
    assert ("unread" in report) == reads
