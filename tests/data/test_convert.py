"""Records of the packed file become dialogues with time tags."""

from __future__ import annotations

import pytest

from momentor_lib.data.convert import to_dialogue


def test_placeholders_are_filled_where_they_stand_and_other_braces_stay():
    record = {
        "variables": {"moment": [[1.5, 2], [3, 4]], "SOURCE_CLIP": [0.25, 1], "instance_class": "cat"},
        "conversations": [{"User": "{a} {SOURCE_CLIP} {instance_class} {SOURCE_CLIP} {", "Assistant": "{moment} {moments}"}],
    }
    assert to_dialogue(record) == [
        ("{a} <0.25s>-<1.00s> cat <0.25s>-<1.00s> {", "<1.50s>-<2.00s> and <3.00s>-<4.00s> {moments}"),
    ]


def test_a_bare_conversation_and_a_click():
    record = {
        "variables": {"click_position": [12.3, [0.104, 0.25]]},
        "conversations": {"User": "What is at {click_position}?", "Assistant": "a cat"},
    }
    assert to_dialogue(record) == [("What is at [<12.30s>, <0.1, 0.25>]?", "a cat")]


def test_a_text_that_a_variable_brings_is_not_filled_again():
    record = {"variables": {"content": "{moment}", "moment": [1, 2]}, "conversations": {"User": "{content}", "Assistant": ""}}
    assert to_dialogue(record)[0][0] == "{moment}"


def test_a_missing_variable_is_an_error():
    with pytest.raises(KeyError):
        to_dialogue({"conversations": {"User": "{moment}", "Assistant": ""}})
