"""What is to be seen, and when, agrees with the script."""

from __future__ import annotations

from momentor_lib.timecode import find_spans, find_tags
from momentor_lib.toy import sample_script
from momentor_lib.toy.alignment import frame_caption, presence
from momentor_lib.toy.dice import Dice
from momentor_lib.toy.motion import pose_at
from momentor_lib.toy.render import scene_at


def test_a_frame_s_caption_names_who_is_there_at_that_time():
    named = 0
    for i in range(30):
        script = sample_script(4, "train", i)
        question, answer = frame_caption(script, Dice(f"test/{i}"))
        (tag,) = find_tags(question)
        for k, actor in enumerate(script.actors):
            there = actor.scene == scene_at(script, tag.seconds) and pose_at(actor, script.events_of(k), tag.seconds).on_screen
            same_name = any(
                other.name == actor.name and other.scene == scene_at(script, tag.seconds) for other in script.actors if other is not actor
            )
            assert (f"a {actor.colour} {actor.shape}" in answer) == there or same_name
            named += there
    assert named > 30


def test_an_instance_is_there_in_its_stretches_and_nowhere_else():
    for i in range(30):
        script = sample_script(4, "train", i)
        question, answer = presence(script, Dice(f"test/{i}"))
        spans = find_spans(answer)
        for step in range(1, round(script.duration * 10) - 1):
            time = step / 10 + 0.0501
            there = any(
                f"Find {actor.name}." == question
                and actor.scene == scene_at(script, time)
                and pose_at(actor, script.events_of(k), time).visible
                for k, actor in enumerate(script.actors)
            )
            assert there == any(start <= time < end for start, end in spans)
