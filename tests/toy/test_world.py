"""The toy world follows its script: from a seed, in every process, exactly."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from momentor_lib.toy import annotate, event_sequence, instructions, queries, render, sample_script
from momentor_lib.toy.motion import pose_at
from momentor_lib.toy.script import SIZE
from momentor_lib.toy.words import ACTIONS, ALL_PAIRS, COLOURS, HELD_OUT_PAIRS, SHAPES, TRAIN_PAIRS

SCRIPTS = [sample_script(5, "train", i) for i in range(60)] + [sample_script(5, "test", i) for i in range(60)]


def test_another_process_draws_the_same_script_and_pixels():
    code = (
        "import hashlib; from momentor_lib.toy import render, sample_script; s = sample_script(3, 'val', 4);"
        "print(s); print(hashlib.sha256(render(s, [0.0, 7.3]).tobytes()).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1
    assert str(sample_script(3, "val", 4)) in runs.pop()


def test_the_first_script_is_the_one_that_it_always_was():
    """A changed draw would make other videos from the same seeds, and the shipped scores would no longer be about them."""
    script = sample_script(0)
    assert (script.duration, len(script.events)) == (FIRST["duration"], FIRST["events"])
    assert script.caption(script.events[0]) == FIRST["caption"]
    assert script.events[0].start == FIRST["start"]


FIRST = {"duration": 27.9, "events": 6, "caption": "the purple cross shrinks", "start": 1.935}


def test_splits_are_disjoint_and_hold_out_pairs():
    def pairs(split):
        return {(a.colour, a.shape) for i in range(200) for a in sample_script(0, split, i).actors}

    assert pairs("train") <= set(TRAIN_PAIRS)
    assert pairs("val") <= set(TRAIN_PAIRS)
    assert set(HELD_OUT_PAIRS) <= pairs("test")
    assert len({sample_script(0, split) for split in ("train", "val", "test")}) == 3
    assert len(ALL_PAIRS) == len(COLOURS) * len(SHAPES) == 64
    assert {c for c, _ in TRAIN_PAIRS} == set(COLOURS)
    assert {s for _, s in TRAIN_PAIRS} == set(SHAPES)


def test_every_test_video_shows_a_held_out_pair():
    assert all(any((a.colour, a.shape) in HELD_OUT_PAIRS for a in s.actors) for s in SCRIPTS[60:])


@pytest.mark.parametrize("script", SCRIPTS[::6], ids=lambda s: s.id)
def test_the_world_keeps_its_rules(script):
    assert 20 <= script.duration <= 60
    assert 2 <= len(script.events) <= 6
    assert script.scenes[0].start == 0
    assert script.scenes[-1].end == script.duration
    for event in script.events:
        scene = script.scenes[script.actors[event.actor].scene]
        assert scene.start < event.start < event.end < scene.end
    starts = [event.start for event in script.events]
    assert starts == sorted(starts)
    for time in starts:
        assert sum(event.start <= time < event.end for event in script.events) <= 2


def test_all_actions_occur_and_some_recur():
    assert {event.action for script in SCRIPTS for event in script.events} == set(ACTIONS)
    assert any(len(moments) > 1 for script in SCRIPTS for moments in queries(script).values())


def test_an_actor_stands_still_outside_its_events_and_moves_in_them():
    script = next(s for s in SCRIPTS if any(e.action == "move_left" for e in s.events))
    event = next(e for e in script.events if e.action == "move_left")
    actor, own = script.actors[event.actor], script.events_of(event.actor)
    before, start, middle, end, after = (
        pose_at(actor, own, t).x for t in (event.start - 0.2, event.start, (event.start + event.end) / 2, event.end, event.end + 0.2)
    )
    assert before == pytest.approx(start)
    assert after == pytest.approx(end)
    assert start - end == pytest.approx(event.amount)
    assert start - middle == pytest.approx(event.amount / 2)


def test_pixels_show_the_colour_where_the_track_says():
    script = next(s for s in SCRIPTS if not any(e.action in ("blink", "enter") for e in s.events))
    for i, actor in enumerate(script.actors):
        time = script.scenes[actor.scene].start
        pose = pose_at(actor, script.events_of(i), time)
        if actor.shape in ("ring", "moon", "heart"):
            continue
        frame = render(script, [time])[0]
        x, y = int(pose.x * SIZE), int((pose.y + 0.1 * pose.radius) * SIZE)
        assert np.abs(frame[:, y, x].astype(int) - COLOURS[actor.colour]).max() < 40


def test_annotations_are_exact_and_complete():
    script = SCRIPTS[0]
    line = json.loads(json.dumps(annotate(script)))
    assert [(e["start"], e["end"]) for e in line["events"]] == [(e.start, e.end) for e in script.events]
    assert {tuple(m) for q in line["queries"] for m in q["moments"]} == {(e.start, e.end) for e in script.events}
    for track, actor in zip(line["tracks"], script.actors, strict=True):
        scene = script.scenes[actor.scene]
        assert len(track["boxes"]) == round((scene.end - scene.start) * 10)
    assert event_sequence(script)["timestamps"] == [[e.start, e.end] for e in script.events]


def test_all_ten_data_types_are_there_and_held_out_pairs_are_never_named_in_training():
    kinds = {kind for script in SCRIPTS[:20] for kind, records in instructions(script).items() if records}
    assert len(kinds) == 10
    texts = " ".join(json.dumps(instructions(s)) for s in SCRIPTS[:60])
    assert not any(f"{colour} {shape}" in texts for colour, shape in HELD_OUT_PAIRS)


@pytest.mark.parametrize(("arguments", "word"), [((0, "training"), "split"), ((-1, "train"), "seed"), ((0, "train", -2), "seed")])
def test_bad_arguments_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        sample_script(*arguments)
