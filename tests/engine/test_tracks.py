"""Boxes of single frames -> tracks, by hand-made boxes."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from engine.looks import seen
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import Track, box_iou, join_namesakes, link

SETTINGS = Settings()
RED, BLUE = (1.0, 0.0), (0.0, 1.0)


def test_two_that_pass_each_other_keep_their_looks():
    frames = [[seen(0.2 + 0.02 * t, 0.5, RED), seen(0.8 - 0.02 * t, 0.5, BLUE)] for t in range(30)]
    tracks = link(frames, 0, 0, 10, SETTINGS)
    assert len(tracks) == 2 and all(len(track.frames) == 30 for track in tracks)
    for track in tracks:
        places = [box[0] for box in track.boxes]
        assert places == sorted(places, reverse=bool(track.feature[1] > 0.5)), "each goes on in its own direction"


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_pairing_as_a_whole_is_taken(seed, monkeypatch):
    """Against every pairing there is."""
    monkeypatch.setattr("momentor_lib.engine.tracks._is_part", lambda track, other, fps: False)  # random boxes lie in each other
    rng = np.random.default_rng(seed)
    frames = [[seen(*rng.uniform(0.4, 0.6, 2), looks=rng.uniform(0.2, 1, 2), radius=0.1) for _ in range(3)] for _ in range(2)]
    tracks = link(frames, 0, 0, 10, replace(SETTINGS, worst_match=9.0, shortest_track=0.1))

    def cost(one, other):
        return 1 - box_iou([one.box], [other.box])[0, 0] + 1 - float(one.feature @ other.feature)

    least = min(sum(cost(frames[0][i], frames[1][p]) for i, p in enumerate(order)) for order in permutations(range(3)))
    by_box = {detection.box: detection for frame in frames for detection in frame}
    assert len(tracks) == 3
    assert sum(cost(*(by_box[box] for box in track.boxes)) for track in tracks) == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize(("missing", "count"), [(10, 1), (15, 1), (17, 2), (25, 2)])
def test_a_track_outlives_a_short_gap_and_no_longer_one(missing, count):
    """The gap is 1.6 s: sixteen frames."""
    frames = [[seen(0.5, 0.5)]] * 10 + [[]] * missing + [[seen(0.5, 0.5)]] * 10
    tracks = link(frames, 0, 0, 10, SETTINGS)
    assert len(tracks) == count
    if count == 1:
        assert tracks[0].box_at(12) == pytest.approx(tracks[0].boxes[0]) and 12 not in tracks[0].frames


def test_what_is_seen_only_for_a_moment_is_no_track():
    assert link([[seen(0.5, 0.5)]] * 4 + [[]] * 20, 0, 0, 10, SETTINGS) == []


def test_a_jump_across_the_frame_to_other_looks_begins_a_new_track():
    frames = [[seen(0.1, 0.1, RED)]] * 10 + [[seen(0.9, 0.9, BLUE)]] * 10
    assert len(link(frames, 0, 0, 10, SETTINGS)) == 2


def test_frames_are_counted_in_the_video_and_the_scene_is_kept():
    [track] = link([[seen(0.5, 0.5)]] * 10, 40, 3, 10, SETTINGS)
    assert (track.first, track.last, track.scene, track.scene_frames) == (40, 49, 3, (40, 50))


def test_a_fragment_inside_another_box_is_dropped():
    frames = [[seen(0.5, 0.5, radius=0.2)] + ([seen(0.5, 0.5, radius=0.05)] if 10 < t < 20 else []) for t in range(40)]
    assert len(link(frames, 0, 0, 10, SETTINGS)) == 1


def test_a_fragment_is_dropped_also_where_the_instance_itself_has_shrunk_to_one():
    """Half faded, an instance falls into two pieces: its own track goes on with one of them, the other one is no instance."""
    whole, upper, lower = seen(0.5, 0.5, radius=0.2), seen(0.5, 0.4, radius=0.05), seen(0.5, 0.62, radius=0.05)
    frames = [[whole]] * 10 + [[upper, lower]] * 6 + [[whole]] * 10
    [track] = link(frames, 0, 0, 10, SETTINGS)
    assert len(track.frames) == 26
    elsewhere = [[whole]] * 10 + [[upper, seen(0.1, 0.1)]] * 6 + [[whole]] * 10
    assert len(link(elsewhere, 0, 0, 10, SETTINGS)) == 2


def test_namesakes_of_one_scene_are_joined_and_those_of_two_scenes_are_not():
    def piece(scene, first):
        [track] = link([[seen(0.5, 0.5)]] * 10, first, scene, 10, SETTINGS)
        track.name, track.attributes = "red ring", {"shape": "ring"}
        return track

    joined = join_namesakes([piece(0, 0), piece(0, 30), piece(1, 60)])
    assert [(track.scene, track.first, track.last, len(track.frames)) for track in joined] == [(0, 0, 39, 20), (1, 60, 69, 10)]
    nameless = [piece(0, 0), piece(0, 30)]
    for track in nameless:
        track.attributes = {}
    assert len(join_namesakes(nameless)) == 2, "two large grey things need not be one"


box = st.tuples(*[st.floats(0, 1)] * 2, *[st.floats(0.01, 1)] * 2).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(st.lists(box, min_size=1, max_size=3), st.lists(box, min_size=1, max_size=3))
def test_overlap_is_intersection_over_union(first, second):
    got = box_iou(np.array(first), np.array(second))
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            assert got[i, j] == pytest.approx(shared / union, abs=1e-9)


def test_an_empty_track_has_no_box():
    track = Track(0, [4], [(0, 0, 1, 1)])
    assert track.box_at(3) is None and track.box_at(5) is None and track.box_at(4) == (0, 0, 1, 1)
