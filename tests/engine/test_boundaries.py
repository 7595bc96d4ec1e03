"""Scores, their filter, their maxima and the merging, each against what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engine.looks import blank, look_of, one_event, track_of

from momentor_lib.engine.boundaries import Boundaries, Boundary, consistency, find_boundaries, merge, slope_of, smooth
from momentor_lib.engine.offline.captioner import OfflineCaptioner
from momentor_lib.engine.offline.detector import OfflineDetector
from momentor_lib.engine.scores import score_frames
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.tracks import link

SETTINGS = Settings()


def alike(pixels):
    return np.ones((len(pixels), 1))


def tracks_of(look):
    found = OfflineDetector(SETTINGS).detect(look.pixels, [])
    return OfflineCaptioner(SETTINGS).identify(look, link(found, 0, 0, look.fps, SETTINGS), [0, len(look)])


def test_scores_are_the_mean_change_of_saturation_and_brightness():
    frames = np.full((6, 16, 16, 3), 100, np.uint8)
    frames[3:] = 140  # grey: the saturation stays 0, the brightness rises by 40
    assert score_frames(frames, SETTINGS).values.tolist() == [0, 0, 0, 20, 0, 0]


def test_a_cut_is_found_at_the_frame_that_begins_the_scene():
    look = blank(40)
    look.pixels[17:, :, :32] = 200
    assert score_frames(look.pixels, SETTINGS).cuts == [17]


def test_a_flicker_that_is_everywhere_is_no_cut():
    look = blank(40)
    look.pixels[::2] = 110
    assert score_frames(look.pixels, SETTINGS).cuts == []


def test_the_filter_is_a_gaussian_of_sigma_seconds():
    impulse = np.zeros(101)
    impulse[50] = 1
    curve = smooth(impulse, 10.0, replace(SETTINGS, sigma=0.5))
    wanted = np.exp(-0.5 * (np.arange(101) - 50.0) ** 2 / 5.0**2)
    assert np.allclose(curve, wanted / wanted.sum(), atol=1e-4)
    assert smooth(impulse, 10.0, replace(SETTINGS, sigma=0.0)).tolist() == impulse.tolist()


def test_the_slope_is_steepest_where_movement_begins_and_ends():
    scores = np.zeros(100)
    scores[30:61] = 9.0
    slope = slope_of(scores, 10.0, SETTINGS)
    assert abs(int(slope[:45].argmax()) - 29.5) <= 0.5 and abs(45 + int(slope[45:].argmax()) - 60.5) <= 0.5


def brute_consistency(likeness, features, distances):
    """The formula of REFERENCE, one term after the other."""
    total = 0.0
    for (before, after), distance in zip(features, distances, strict=True):
        cosine = sum(a * b for a, b in zip(before, after, strict=True))
        cosine /= sum(a * a for a in before) ** 0.5 * sum(b * b for b in after) ** 0.5
        total += cosine * (1 - distance)
    return likeness + total / len(features)


def test_consistency_is_the_formula(monkeypatch):
    look = blank(60)
    tracks = [track_of([0.3] * 60), track_of([0.3] * 30 + [0.5] * 30), track_of([0.8] * 20)]
    features = {(0, True): [1, 0], (0, False): [1, 1], (1, True): [1, 2], (1, False): [2, 1]}
    numbers = {id(track): number for number, track in enumerate(tracks)}

    def feature(look, track, start, end):
        value = features.get((numbers[id(track)], end <= 3.0 + 1e-9))
        return None if value is None else np.array(value) / np.linalg.norm(value)

    monkeypatch.setattr("momentor_lib.engine.boundaries.change_feature", feature)
    got = consistency(0, [0], [Boundary(3.0, "event", 0)], look, tracks, 0.9, SETTINGS)
    assert got == pytest.approx(brute_consistency(0.9, [([1, 0], [1, 1]), ([1, 2], [2, 1])], [0.0, 0.2]), abs=0.01)


def test_who_is_seen_on_one_side_only_adds_nothing():
    look = blank(60)
    staying, going = track_of([0.3] * 60), track_of([0.6] * 30, frames=60)
    alone = consistency(0, [0], [Boundary(3.0, "cut")], look, [staying], 1.0, SETTINGS)
    both = consistency(0, [0], [Boundary(3.0, "cut")], look, [staying, going], 1.0, SETTINGS)
    assert (alone, both) == (pytest.approx(2.0), pytest.approx(1.5))


def test_another_instance_with_a_boundary_of_its_own_there_is_left_out():
    """It changes by its own boundary: one that goes on as before is not cut in two by it."""
    look = blank(90)
    going_on, setting_off = track_of([0.2] * 90, y=0.2), track_of([0.2] * 45 + [0.2 + 0.01 * step for step in range(45)], y=0.8)
    own, others = Boundary(4.0, "event", 0), Boundary(4.5, "event", 1)
    alone = consistency(0, [0], [own], look, [going_on], 1.0, SETTINGS)
    assert consistency(0, [0], [own], look, [going_on, setting_off], 1.0, SETTINGS) < alone - 0.1
    assert consistency(0, [0, 1], [own, others], look, [going_on, setting_off], 1.0, SETTINGS) == alone
    far = Boundary(4.0 + SETTINGS.window + 0.1, "event", 1)
    assert consistency(0, [0, 1], [own, far], look, [going_on, setting_off], 1.0, SETTINGS) < alone - 0.1


def test_merging_keeps_the_boundaries_at_which_something_changes():
    look = blank(90)
    xs = [0.2] * 30 + [0.2 + 0.01 * step for step in range(30)] + [0.5] * 30
    candidates = [Boundary(time, "event", 0) for time in (1.5, 3.0, 4.5, 6.0, 7.5)]
    kept, merged = merge(candidates, look, [track_of(xs)], alike, SETTINGS)
    assert [boundary.time for boundary in kept] == [3.0, 6.0]
    assert [boundary.time for boundary in merged] == [1.5, 4.5, 7.5]
    assert max(b.consistency for b in kept) <= SETTINGS.consistency < min(b.consistency for b in merged)


def test_a_rest_is_a_boundary_and_a_shorter_pause_is_none():
    look = blank(130)

    def path(rest):
        run = [0.01 * step for step in range(30)]
        return [0.2] * 20 + [0.2 + x for x in run] + [0.49] * rest + [0.49 + x for x in run] + [0.78] * (50 - rest)

    for rest, count in ((15, 4), (5, 2)):
        times = (2.0, 5.0, 5.0 + rest / 10, 8.0 + rest / 10)
        kept, _ = merge([Boundary(time, "event", 0) for time in times], look, [track_of(path(rest))], alike, SETTINGS)
        assert len(kept) == count


@pytest.mark.parametrize("action", ["move_left", "spin", "grow", "bounce", "blink"])
def test_an_event_of_a_rendered_clip_is_found_where_the_script_has_it(action):
    amounts = {"move_left": 0.35, "grow": 1.7, "bounce": 2.0, "blink": 2.0, "spin": 1.0}
    script = one_event(action, amounts[action])
    look = look_of(script)
    found = find_boundaries(look, score_frames(look.pixels, SETTINGS), tracks_of(look), alike, SETTINGS)
    assert [boundary.kind for boundary in found.kept] == ["event", "event"]
    assert found.times == pytest.approx([3.0, 7.0], abs=0.3)


def test_without_merging_a_blinking_instance_gives_more_boundaries_and_without_the_filter_still_more():
    look = look_of(one_event("blink", 2.0))
    tracks, scores = tracks_of(look), score_frames(look.pixels, SETTINGS)
    counts = [
        len(find_boundaries(look, scores, tracks, alike, replace(SETTINGS, **change)).kept)
        for change in ({}, {"merging": False}, {"merging": False, "sigma": 0.0})
    ]
    assert counts[0] < counts[1] < counts[2]


def test_segments_lie_between_boundaries():
    boundaries = Boundaries([Boundary(2.0, "cut"), Boundary(2.0, "event", 1), Boundary(5.0, "event", 0)])
    assert boundaries.segments(9.0) == [(0.0, 2.0), (2.0, 5.0), (5.0, 9.0)]
    assert Boundaries([]).segments(3.0) == [(0.0, 3.0)]


def test_a_video_without_instances_has_its_cuts():
    look = blank(40)
    look.pixels[20:] = 180
    scores = score_frames(look.pixels, SETTINGS)
    assert find_boundaries(look, scores, [], alike, SETTINGS).kept == [Boundary(2.0, "cut")]
