"""What a preset takes: counted on the meta device, against built models, a real cache, and formulas."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_tiny

from momentor_lib.model import presets, sizes
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.prefix import prepare_video


@pytest.fixture(scope="module")
def paper() -> sizes.Sizes:
    return sizes.count(presets.paper())


def test_parameters_are_those_of_the_built_model(paper):
    model, _ = build_tiny()
    counted = sizes.count(model.config).parameters
    assert sum(counted.values()) == model.num_parameters()
    assert counted["words"] == model.get_input_embeddings().weight.numel()  # tied: one table
    assert paper.parameters["words"] == 2 * 32000 * 4096
    assert sum(paper.parameters.values()) == 6_656_000 + 7_041_595_392  # as tests/model/test_paper_shapes.py has it


def test_keys_and_values_are_those_of_a_real_video():
    model, processor = build_tiny()
    frames = model.config.num_frames
    features = torch.randn(frames, model.config.vision_config.hidden_size)
    prefix = prepare_video(model, processor, features, torch.linspace(0, 9, frames).tolist(), 9.0)
    real = sum(part.numel() for layer in prefix.layers for part in layer)
    assert real / prefix.length == sizes.count(model.config).cache / (frames + sizes.TEXT_TOKENS)


def test_operations_are_two_for_each_weight_and_token(paper):
    tokens = 300 + sizes.TEXT_TOKENS
    attention = 2 * 2 * tokens**2 * 4096 * 32  # scores and their sums, in every layer
    projection = 2 * 300 * 1024 * 4096
    assert paper.read == pytest.approx(2 * paper.parameters["layers"] * tokens + attention + projection, rel=0.01)
    places = 257
    vision = 300 * (2 * paper.parameters["vision_model"] * places + 2 * 2 * places**2 * 1024 * 24)
    assert paper.encode == pytest.approx(vision, rel=0.01)
    assert paper.widest >= 64 * places * 4096  # the frame encoder's feed-forward, 64 frames at once


def test_more_frames_take_more_and_the_weights_stay():
    small, large = (sizes.count(MomentorConfig(presets.tiny().vision_config, presets.tiny().text_config, num_frames=n)) for n in (10, 60))
    assert large.encode == 6 * small.encode and large.parameters == small.parameters
    assert large.cache == small.cache * (60 + sizes.TEXT_TOKENS) / (10 + sizes.TEXT_TOKENS)


def test_memory_and_time(paper):
    gigabytes = {precision: sizes.memory(paper, precision)["language model"] / 1e9 for precision in sizes.PRECISIONS}
    assert gigabytes == pytest.approx({"float32": 26.95, "bfloat16": 13.48, "4 bits": 3.87}, abs=0.01)
    assert sizes.memory(paper, "bfloat16")["keys and values"] == 2 * 32 * 340 * 4096 * 2
    fast = sizes.Machine("fast", 1e9, half=2e12, single=1e12, bandwidth=1e9)
    took = sizes.seconds(paper, fast, "bfloat16")
    assert took["encode a video"] == pytest.approx(paper.encode / 0.4e12) and took["read it"] == pytest.approx(paper.read / 0.8e12)
    assert took["write a token"] == pytest.approx(13.48, abs=0.01)
