"""The second toy world: other colours and other words for the same deeds; the first stays as it was."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

from momentor_lib.toy import annotate, render, sample_script
from momentor_lib.toy.words import ACTIONS, SHAPES, WORLDS

PLAIN, STUDIO = WORLDS["plain"], WORLDS["studio"]


def test_the_worlds_share_neither_colours_nor_words_for_actions():
    assert not set(PLAIN.colours) & set(STUDIO.colours)
    assert set(PLAIN.actions) == set(STUDIO.actions) == set(ACTIONS)
    for action in ACTIONS:
        assert not set(PLAIN.actions[action]) & set(STUDIO.actions[action])
    for world in WORLDS.values():
        wordings = [wording for words in world.actions.values() for wording in words]
        assert len(set(wordings)) == len(wordings)


def test_every_colour_can_be_told_from_every_other():
    paints = [np.array(rgb) for world in WORLDS.values() for rgb in world.colours.values()]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(paints, 2)) > 50


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda world: world.name)
def test_a_world_is_told_in_its_own_words_only(world):
    others = [other for other in WORLDS.values() if other is not world]
    foreign = [words[0] for other in others for words in other.actions.values()] + [colour for other in others for colour in other.colours]
    for index in range(6):
        script = sample_script(3, "test", index, world.name)
        text = str(annotate(script))
        assert {actor.colour for actor in script.actors} <= set(world.colours)
        assert not any(f" {word} " in text or f"'{word} " in text for word in foreign)
        assert all(script.caption(event).endswith(world.actions[event.action][0]) for event in script.events)


def test_the_studios_test_videos_hold_out_pairs_too():
    train = {(a.colour, a.shape) for i in range(60) for a in sample_script(0, "train", i, "studio").actors}
    assert not train & set(STUDIO.held_out_pairs)
    for index in range(10):
        assert any((a.colour, a.shape) in STUDIO.held_out_pairs for a in sample_script(0, "test", index, "studio").actors)
    assert {colour for colour, _ in STUDIO.held_out_pairs} == set(STUDIO.colours)
    assert {shape for _, shape in STUDIO.held_out_pairs} == set(SHAPES)


def test_its_pixels_have_its_colours():
    script = sample_script(1, "train", 0, "studio")
    frame = render(script, [0.0])[0].astype(int)  # [3, H, W]
    for actor in script.actors:
        if actor.scene == 0 and not any(e.action == "enter" for e in script.events_of(script.actors.index(actor))):
            distance = np.abs(frame - np.array(STUDIO.colours[actor.colour])[:, None, None]).max(0)
            assert (distance < 12).sum() > 20


def test_the_plain_world_is_still_the_same():
    digest = hashlib.sha256("".join(str(annotate(sample_script(7, "test", i))) for i in range(3)).encode()).hexdigest()
    assert digest == "11a3e8a34c32854d41bfcbd66094e5d1d9fa5920d69cace04a4f0b9ee1b0ca90"


def test_an_unknown_world_is_named_beside_the_known_ones():
    with pytest.raises(ValueError, match="unknown world 'moon': choose one of plain, studio"):
        sample_script(0, "train", 0, "moon")
