"""The read-out loss measures what it says, and all losses together train every part of the CLIP."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momentor_lib.toy import stills
from momentor_lib.training.frame_encoder import add_layer, build_clip, build_tokenizer, normalise
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
    weight = (stills.COLOUR_GROUPS + ReadoutLoss.SHAPES * (stills.GROUPS - stills.COLOUR_GROUPS)) / stills.GROUPS
    drawn = readings.clone()
    drawn += 1  # wrong in all alike: differences are right
    total, report = loss(drawn.flatten(1), readings, later=2)
    assert total.item() == pytest.approx(weight, abs=1e-5)
    assert max(report["unread_change_colours"], report["unread_change_shapes"]) == pytest.approx(0, abs=1e-9)
    assert set(report) == {f"{kind}_{what}" for kind in ("unread", "unread_change") for what in ("colours", "shapes")}
    drawn = readings.clone()
    drawn[-2:] += 1  # wrong after, right before
    total, _ = loss(drawn.flatten(1), readings, later=2)
    assert total.item() == pytest.approx(weight * (2 / 6 + ReadoutLoss.DIFFERENCES), abs=1e-4)


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
    assert ("unread_shapes" in report) == reads


def test_the_added_layer_changes_nothing_at_first_and_then_learns():
    torch.manual_seed(0)
    small, pixels = build_clip(len(build_tokenizer())).eval(), torch.randn(2, 3, 64, 64)
    large = add_layer(small).eval()
    assert large.config.vision_config.num_hidden_layers == small.config.vision_config.num_hidden_layers + 1
    seen = large.vision_model(pixel_values=pixels).pooler_output
    assert torch.equal(seen, small.vision_model(pixel_values=pixels).pooler_output)
    assert all(torch.equal(tensor, large.state_dict()[name]) for name, tensor in small.state_dict().items())
    seen.square().sum().backward()
    assert large.vision_model.encoder.layers[-1].mlp.fc2.weight.grad.abs().sum() > 0


def test_an_error_in_a_shape_counts_more_than_one_in_a_colour():
    torch.manual_seed(0)
    loss = ReadoutLoss(4)
    with torch.no_grad():
        loss.linear.weight.zero_()
        loss.linear.bias.zero_()
    vectors, colour, shape = torch.zeros(4, 4), *(torch.zeros(4, stills.GROUPS, stills.READINGS) for _ in range(2))
    colour[:, 0, 0], shape[:, stills.COLOUR_GROUPS, 0] = torch.arange(4.0), torch.arange(4.0)
    of_shape, of_colour = (loss(vectors, readings, 2)[0].item() for readings in (shape, colour))
    assert of_shape == pytest.approx(ReadoutLoss.SHAPES * of_colour)
