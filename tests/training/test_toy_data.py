"""Toy videos as training examples: times, cuts and dialogues follow the script."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momentor_lib.paths import shipped
from momentor_lib.timecode import find_spans
from momentor_lib.toy import render, sample_script
from momentor_lib.toy.writer import write_video
from momentor_lib.training import toy_data
from momentor_lib.training.tiny import start_projection
from momentor_lib.training.toy_data import cut_out, draw_dialogues, event_text, frame_times, held_out_pairs, make_example
from momentor_lib.video import load_video


@pytest.mark.parametrize("index", [0, 1, 2])
def test_frame_times_are_those_that_reading_the_file_gives(tmp_path, index):
    script = sample_script(1, "val", index)
    write_video(tmp_path / "toy.mp4", render(script, size=32))
    frames = load_video(tmp_path / "toy.mp4", num_frames=64)
    assert np.allclose(frames.times, frame_times(frames.duration, 64), atol=1e-6)
    assert frames.duration == pytest.approx(script.duration)


def test_a_cut_keeps_events_whole_and_moves_them_with_the_frames():
    rng = np.random.default_rng(0)
    cuts = 0
    for i in range(40):
        script = sample_script(2, "train", i)
        times = frame_times(script.duration, 64)
        part = cut_out(script, times, rng)
        if part is None:
            continue
        cuts += 1
        shorter, frames = part
        begin = times[frames][0]
        lengths = {round(e.end - e.start, 6) for e in script.events}
        for event in shorter.events:
            assert 0 <= event.start < event.end <= shorter.duration
            assert round(event.end - event.start, 6) in lengths
            assert any(abs(event.start + begin - e.start) < 1e-9 and e.action == event.action for e in script.events)
        assert times[frames][-1] - begin < shorter.duration
    assert cuts > 10


def test_features_are_those_of_the_first_videos_and_a_file_that_is_there_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(toy_data, "SHARD", 2)
    clip = shipped("checkpoints/tiny") / "clip"
    toy_data.make_features(clip, tmp_path, "val", 1, 8, workers=1)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    scripts, features = toy_data.make_features(clip, tmp_path, "val", 3, 8, workers=1)
    assert len(before) == 2 and len(list(tmp_path.iterdir())) == 4
    assert before.items() <= {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}.items()
    assert [script.id for script in scripts] == [sample_script(0, "val", number).id for number in range(3)]
    alone = toy_data.encode_script(toy_data.load_vision(clip).eval(), sample_script(0, "val", 2), 8)
    assert features[2].shape == alone.shape and torch.allclose(features[2].float(), alone, rtol=1e-2, atol=1e-2)


def test_the_same_seed_draws_the_same_dialogues_and_another_one_others():
    script = sample_script(2, "train", 0)
    assert draw_dialogues(script, np.random.default_rng(1)) == draw_dialogues(script, np.random.default_rng(1))
    assert draw_dialogues(script, np.random.default_rng(1)) != draw_dialogues(script, np.random.default_rng(2))


def test_every_event_stands_in_the_event_sequence_with_its_exact_times():
    script = sample_script(2, "train", 3)
    assert find_spans(event_text(script)) == [(e.start, e.end) for e in script.events]


def test_an_example_has_a_time_for_every_frame():
    script = sample_script(2, "train", 4)
    for seed in range(6):
        example = make_example(script, torch.zeros(64, 3), np.random.default_rng(seed), vary=True)
        assert len(example.times) == len(example.features)
        assert example.times[0] == 0
        assert max(example.times) < example.duration
        assert all(0 <= t <= example.duration for d in example.dialogues for q, a in d for span in find_spans(q + a) for t in span)


def test_the_projection_starts_as_a_whitening():
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(40, 64, 6, generator=generator) @ torch.diag(torch.tensor([9.0, 5, 2, 1, 0.5, 0.2])) + 3
    projection = torch.nn.Linear(6, 8)
    start_projection(projection, list(mixed), size=0.3, floor=0.0)
    white = projection(mixed.flatten(0, 1))[:, :6]
    assert torch.allclose(white.mean(0), torch.zeros(6), atol=1e-4)
    assert torch.allclose(white.T @ white / len(white), 0.09 * torch.eye(6), atol=1e-3)


def test_videos_with_held_out_pairs_are_trained_on_without_naming_one():
    rng, asked = np.random.default_rng(0), 0
    for index in range(20):
        script = sample_script(0, "unnamed", index)
        shown = held_out_pairs(script)
        assert shown
        for dialogue in draw_dialogues(script, rng):
            words = " ".join(part for turn in dialogue for part in turn).replace(".", " ").replace("?", " ").split()
            assert not any(colour in words and shape in words for colour, shape in shown), words
            asked += any(word in words for pair in shown for word in pair)
    assert asked > 50  # about their colour alone, or their shape alone
