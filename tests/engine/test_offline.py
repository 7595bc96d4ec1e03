"""What the offline backend sees in rendered frames: backdrop, boxes, colours, shapes, poses and deeds."""

from __future__ import annotations

import numpy as np
import pytest
from engine.looks import blank, look_of, one_event, track_of

from momentor_lib.engine.boundaries import find_boundaries
from momentor_lib.engine.changes import arrival, departure
from momentor_lib.engine.matrix import build_matrix
from momentor_lib.engine.offline.backdrop import find_backdrop
from momentor_lib.engine.offline.captioner import OfflineCaptioner
from momentor_lib.engine.offline.detector import OfflineDetector
from momentor_lib.engine.offline.naming import name_track
from momentor_lib.engine.offline.palette import NAMES, RGB, TOY_NAMES, classify, nearest_name
from momentor_lib.engine.offline.shapes import fit_shape
from momentor_lib.engine.scores import score_frames
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import link
from momentor_lib.toy import Actor, Scene, Script
from momentor_lib.toy.motion import Pose, pose_at
from momentor_lib.toy.render import draw_backdrop
from momentor_lib.toy.sprite import draw_sprite
from momentor_lib.toy.words import ACTIONS, SHAPES

SETTINGS = Settings()
AMOUNTS = {"grow": 1.7, "shrink": 1.7, "spin": 1.0, "blink": 2.0, "bounce": 2.0, "enter": 1.0, "leave": 1.0}


def tracks_of(look):
    found = OfflineDetector(SETTINGS).detect(look.pixels, [])
    return OfflineCaptioner(SETTINGS).identify(look, link(found, 0, 0, look.fps, SETTINGS), [0, len(look)])


def still(*actors: Actor) -> Script:
    return Script("still", 2.0, (Scene(0.0, 2.0, "a backdrop"),), actors, ())


def test_the_backdrop_is_found_behind_what_moves_and_what_stands():
    look = look_of(one_event("move_right", 0.4))
    true = draw_backdrop("one")[..., ::-1]
    error = np.abs(find_backdrop(look.pixels).astype(float) - true)
    assert error.mean() < 1.0 and error.max() < 40


@pytest.mark.parametrize("colour", TOY_NAMES)
@pytest.mark.parametrize("opacity", [1.0, 0.4])
def test_a_colour_is_told_also_where_it_is_half_transparent(colour, opacity):
    backdrop = np.full((1, 3), 95.0)
    rgb = RGB[TOY_NAMES.index(colour)]
    [best], [cosine] = classify((backdrop + opacity * (rgb[::-1] - backdrop)).round(), backdrop)
    assert TOY_NAMES[best] == colour and cosine > 0.99


def test_every_named_colour_is_nearest_to_itself():
    assert [nearest_name(rgb) for rgb in RGB] == list(NAMES)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turn", [0.0, 0.13])
@pytest.mark.parametrize("radius", [11, 24])
def test_a_shape_is_told_from_its_outline(shape, turn, radius):
    canvas = np.zeros((64, 64, 3), np.float32)
    draw_sprite(canvas, "white", shape, Pose(0.5, 0.5, radius / 64, turn))
    found, fit = fit_shape([canvas[..., 0] > 20])
    assert found == shape and fit > 0.75


def test_two_that_touch_are_cut_apart_by_their_colours():
    look = look_of(still(Actor("red", "circle", 0, 0.35, 0.5, 0.15), Actor("cyan", "square", 0, 0.62, 0.5, 0.15)))
    found = OfflineDetector(SETTINGS).detect(look.pixels, [])[5]
    middles = sorted((d.box[0] + d.box[2]) / 2 for d in found)
    assert middles == pytest.approx([0.35, 0.62], abs=0.03)


def test_an_empty_scene_has_nothing_in_it():
    assert all(found == [] for found in OfflineDetector(SETTINGS).detect(look_of(still()).pixels, []))


def test_names_and_sizes():
    actors = (Actor("purple", "moon", 0, 0.25, 0.3, 0.2), Actor("white", "star", 0, 0.75, 0.7, 0.09))
    tracks = tracks_of(look_of(still(*actors)))
    assert sorted((track.name, track.attributes["size"]) for track in tracks) == [("purple moon", "large"), ("white star", "small")]


def test_what_has_no_known_shape_is_named_by_size_and_colour():
    look = look_of(still())
    for frame in look.pixels:
        frame[60:64, 10:110] = (30, 40, 220)  # a long red bar
        frame[20:100, 58:60] = (30, 40, 220)
    [track] = tracks_of(look)
    assert track.name == "large red object" and "shape" not in track.attributes


@pytest.mark.parametrize("action", ["move_right", "grow", "spin", "bounce", "blink", "enter", "leave"])
def test_poses_follow_the_script(action):
    script = one_event(action, AMOUNTS.get(action, 0.35))
    [track] = tracks_of(look_of(script))
    actor, events = script.actors[0], script.events
    off = {"x": [], "y": [], "radius": [], "turn": [], "opacity": []}
    for place, frame in enumerate(range(track.first, track.last + 1)):
        true = pose_at(actor, events, frame / 10)
        for name in off:
            error = track.poses[name][place] - getattr(true, name)
            off[name].append(abs((error + 0.5) % 1 - 0.5) if name == "turn" else abs(error))
    for name, most in {"x": 0.012, "y": 0.012, "radius": 0.012, "turn": 0.03, "opacity": 0.12}.items():
        assert np.percentile(off[name], 90) < most, name


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_told_and_timed(action):
    script = one_event(action, AMOUNTS.get(action, 0.35))
    look, captioner = look_of(script), OfflineCaptioner(SETTINGS)
    tracks = tracks_of(look)
    boundaries = find_boundaries(look, score_frames(look.pixels, SETTINGS), tracks, lambda p: np.ones((len(p), 1)), SETTINGS)
    matrix = build_matrix("one", look, tracks, boundaries, captioner.tell, captioner.tell_whole)
    [event] = matrix.events
    assert event.caption == script.caption(script.events[0])
    assert (event.start, event.end) == pytest.approx((3.0, 7.0), abs=0.3)


def test_who_stands_at_the_edge_is_named_by_its_clear_frames_and_not_by_its_fragments():
    """Nearly faded, only pieces of it stand out, which do not touch the edge: no reason to look at those."""
    actor = Actor("red", "moon", 0, 0.5, 0.112, 0.11)
    look = look_of(still(actor))
    [track] = link(OfflineDetector(SETTINGS).detect(look.pixels, []), 0, 0, look.fps, SETTINGS)
    assert all(box[1] == 0 for box in track.boxes)
    for sighting in (5, 6, 7):
        left, _, right, bottom = track.boxes[sighting]
        track.boxes[sighting], track.masks[sighting] = (left, 0.08, right, bottom), track.masks[sighting][10:] & False
        track.masks[sighting][-8:, :8] = True
    name_track(look.pixels, track, 0, SETTINGS)
    assert track.name == "red moon"


def test_who_is_first_seen_in_the_middle_has_not_come_in():
    look = blank(60)
    at_the_side = track_of([0.05 + 0.01 * step for step in range(40)], first=20, frames=60)
    in_the_middle = track_of([0.5 + 0.005 * step for step in range(40)], first=20, frames=60)
    assert arrival(look, at_the_side, 0) == pytest.approx(20 - 15, abs=0.5)  # just outside, at -0.1, 15 frames before
    assert arrival(look, in_the_middle, 0) is None
    gone = track_of([0.5] * 40, frames=60)
    assert departure(look, gone, 60) is None
