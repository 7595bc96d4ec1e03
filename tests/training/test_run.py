"""A run that was stopped goes on as if it had not been."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import build_tokenizer
from transformers import CLIPVisionConfig, CLIPVisionModel

from momentor_lib.toy import sample_script
from momentor_lib.training import loop, tiny
from momentor_lib.training.optimizer import build_optimizers, schedule
from momentor_lib.training.run import TrainingRun
from momentor_lib.training.toy_data import make_example

WIDTH = 12


def start(steps: int, folder: Path) -> torch.nn.Module:
    """Train a very small model for some steps; a checkpoint is due after every one."""
    torch.manual_seed(0)
    vision = CLIPVisionModel(
        CLIPVisionConfig(hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)
    )
    plan = tiny.Plan(
        frames=8,
        anchors=5,
        width=16,
        layers=1,
        heads=2,
        feed_forward=16,
        batch=2,
        watch_layer=0,
        match_layer=0,
        point_layer=0,
        steps=steps,
        minutes=float("inf"),
        save_every=1,
    )
    model, processor = tiny.build_model(plan, build_tokenizer(), vision)
    scripts = [sample_script(0, "train", i) for i in range(3)]
    generator = torch.Generator().manual_seed(1)
    features = [torch.randn(8, WIDTH, generator=generator) for _ in scripts]
    val = [make_example(scripts[0], features[0], np.random.default_rng(0), vary=False)]
    tiny.train(plan, model, processor, (scripts, features), val, folder)
    return model


def test_stopped_and_resumed_equals_undisturbed_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "schedule", lambda *_: 1.0)  # its end differs between the two
    whole = start(6, tmp_path / "whole").state_dict()
    start(4, tmp_path / "parts")
    parts = start(6, tmp_path / "parts").state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_frame_encoder_does_not_learn_and_the_rest_does(tmp_path):
    before, after = start(1, tmp_path / "a").state_dict(), start(3, tmp_path / "b").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith("vision_model") for name in changed)
    assert {"temporal.input_tokens", "temporal.output_tokens", "projection.weight"} <= changed


def test_log_lines_after_the_checkpoint_are_dropped(tmp_path):
    run = TrainingRun(tmp_path)
    for step in range(5):
        run.log(step, loss=1.0)
    run.save({"step": 3})
    assert TrainingRun(tmp_path).load()["step"] == 3
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [0, 1, 2]


def test_each_parameter_has_one_optimizer():
    model = torch.nn.ModuleDict({"layers": torch.nn.Linear(4, 4), "table": torch.nn.Embedding(3, 4)})
    model["table"].weight.requires_grad_(False)
    adamw, muon = build_optimizers(torch.nn.ModuleDict({"m": model}), 0.02, 1e-3)
    owned = [p for o in (adamw, muon) for g in o.param_groups for p in g["params"]]
    assert {id(p) for p in owned} == {id(p) for p in model["layers"].parameters()}
    assert muon.param_groups[0]["params"] == [model["layers"].weight]


def test_the_schedule_rises_holds_and_falls():
    values = [schedule(p / 100) for p in range(101)]
    assert values[0] == pytest.approx(0.01)
    assert values[30] == 1.0
    assert values[100] == pytest.approx(0.01)
    assert all(a >= b for a, b in itertools.pairwise(values[60:]))
