"""Instructions and their filter: well formed, and right where the script says so."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from momentor_lib.data.check import check_file
from momentor_lib.data.convert import convert_file, to_dialogue
from momentor_lib.data.moment10m import DATA_TYPES, read_gesm, read_packed
from momentor_lib.data.thresholds import THRESHOLDS, why_dropped
from momentor_lib.engine.filtering import fit_threshold, keep_good, on_published_scale
from momentor_lib.engine.instructions import Draft, write_instructions
from momentor_lib.engine.matrix import Deed, Event, Matrix, Row
from momentor_lib.engine.offline.writer import TemplateWriter
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.similarity import tiny_clip
from momentor_lib.toy import queries


def event(track, name, action, start, end):
    from momentor_lib.toy.words import ACTIONS

    return Event(track, name, Deed(action, ACTIONS[action][0], start, end))


@pytest.fixture
def matrix():
    events = [
        event(0, "red star", "spin", 1.0, 4.0),
        event(1, "blue ring", "grow", 3.0, 6.0),
        event(0, "red star", "move_left", 7.0, 9.0),
        event(0, "red star", "spin", 11.0, 14.0),
    ]
    there = Deed("still", "stands still", 0.0, 15.0)
    rows = [
        Row(0, "red star", {"colour": "red", "shape": "star"}, 0, [there]),
        Row(1, "blue ring", {"colour": "blue", "shape": "ring"}, 0, [there]),
    ]
    places = {0: [(2.0, (0.25, 0.5))], 1: [(2.0, (0.75, 0.5))]}
    return Matrix("v", 15.0, [(0.0, 15.0)], rows, events, places)


def texts(matrix, data_type, seed=0):
    return [(d.question, d.answer, d.variables) for d in TemplateWriter(seed).write(matrix, data_type)]


def test_every_data_type_has_instructions(matrix):
    drafts = write_instructions(matrix, TemplateWriter())
    assert tuple(drafts) == DATA_TYPES and all(drafts.values())


def test_what_happens_twice_has_two_moments(matrix):
    spins = [
        v["moment"] for _, answer, v in texts(matrix, "segment_locate_data") if answer == "{moment}" and isinstance(v["moment"][0], list)
    ]
    assert spins == [[[1.0, 4.0], [11.0, 14.0]]]
    counts = {question: answer for question, answer, _ in texts(matrix, "cross_segment_qa_data")}
    assert counts["How often does the red star spin?"] == "twice" and counts["How often does the blue ring grow?"] == "once"


def test_composed_retrieval_asks_for_another_thing_of_the_same_instance(matrix):
    for question, answer, variables in texts(matrix, "comp_ret_data"):
        assert "{SOURCE_CLIP}" in question and answer == "{moment}"
        assert variables["SOURCE_CLIP"] != variables["moment"] and "red star" in question, "the ring does one thing only"


def test_an_instance_is_told_from_beginning_to_end(matrix):
    answers = {answer for _, answer, _ in texts(matrix, "instance_caption_data")}
    assert answers == {"the red star spins, then moves left, then spins", "the blue ring grows"}


def test_what_comes_first_comes_first(matrix):
    for seed in range(8):
        question, answer, _ = texts(matrix, "cross_segment_qa_data", seed)[-1]
        assert question.startswith("What comes first") and answer == "the blue ring grows", "it begins before the only other single event"


def test_wordings_vary_with_the_seed_and_not_otherwise(matrix):
    ways = {str(texts(matrix, "segment_locate_data", seed)) for seed in range(6)}
    assert len(ways) > 3 and texts(matrix, "qa_data") == texts(matrix, "qa_data")


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_answers_are_short(matrix, data_type):
    for _, answer, _ in texts(matrix, data_type):
        assert 0 < len(answer.split()) <= 20


def test_the_made_files_are_clean_and_whole(made, videos):
    for name in ("moment10m.json", "gesm.json"):
        report = check_file(made / name, durations={path.stem: 60.0 for path in videos.iterdir()})
        assert report.clean and report.videos == 3 and report.texts > 10
    found = dict(read_packed(made / "moment10m.json", strict=True))
    types = Counter(record.data_type for records in found.values() for record in records)
    assert set(types) == set(DATA_TYPES)
    for records in found.values():
        assert all(why_dropped(r.data_type, r.match_score, r.clip_similarity) is None for r in records)


def test_they_convert(made, tmp_path):
    summary = convert_file(made / "moment10m.json", tmp_path / "tags.jsonl", time_format="tags")
    assert sum(tally.kept for tally in summary.tallies.values()) == sum(tally.total for tally in summary.tallies.values()) > 100
    assert "{moment}" not in (tmp_path / "tags.jsonl").read_text()


def test_most_located_moments_are_the_script_s(made, scripts):
    found = json.loads((made / "moment10m.json").read_text())
    right = total = 0
    for script in scripts:
        true = [span for moments in queries(script).values() for span in moments]
        for record in found[script.id]["segment_locate_data"]:
            moment = record["variables"]["moment"]
            for start, end in moment if isinstance(moment[0], list) else [moment]:
                total += 1
                right += any(abs(start - s) < 0.5 and abs(end - e) < 0.5 for s, e in true)
    assert total >= 8 and right / total >= 0.7


def test_gesm_is_in_order(made):
    for _, sequence in read_gesm(made / "gesm.json", strict=True):
        starts = [start for start, _ in sequence.timestamps]
        assert starts == sorted(starts) and all(caption.startswith("the ") for caption in sequence.captions)


def test_texts_with_braces_in_names_stay_as_they_are(matrix):
    draft = Draft({"moment": [1.0, 2.0]}, "What is {odd} in {moment}?", "a {thing}", "a thing", [(1.0, 2.0)])
    kept, _ = keep_good("v", {"qa_data": [draft]}, None, None, 0.0)
    [(question, answer)] = to_dialogue(kept["qa_data"][0])
    assert question == "What is {odd} in <1.00s>-<2.00s>?" and answer == "a {thing}"


# the filter


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.95, 1.0])
def test_a_fitted_threshold_keeps_the_share(kept):
    similarities = np.random.default_rng(0).normal(0.2, 0.1, 1000)
    threshold = fit_threshold(similarities, kept)
    assert np.mean(similarities > threshold) == pytest.approx(kept, abs=0.002)


@pytest.mark.parametrize(("similarities", "kept"), [([], 0.5), ([0.1], 0.0), ([0.1], 1.5)])
def test_a_threshold_needs_similarities_and_a_share(similarities, kept):
    with pytest.raises(ValueError, match="needs similarities and a share"):
        fit_threshold(similarities, kept)


def test_a_similarity_above_its_own_threshold_is_above_the_published_one():
    for published in THRESHOLDS.values():
        assert on_published_scale(0.31, 0.3, published) > published > on_published_scale(0.29, 0.3, published)


def test_the_wrong_instance_is_filtered_out(scripts):
    from engine.looks import look_of

    look, script = look_of(scripts[0]), scripts[0]
    one = script.events[0]
    actor = script.actors[one.actor]
    span = [(one.start, one.end)]
    right = Draft({"moment": list(span[0])}, "q", "right", f"a {actor.colour} {actor.shape}", span)
    absent = next(c for c in ("red", "blue", "white", "cyan") if c not in {a.colour for a in script.actors})
    wrong = Draft({"moment": list(span[0])}, "q", "wrong", f"a {absent} {actor.shape}", span)
    from momentor_lib.engine.filtering import TINY_CLIP

    kept, dropped = keep_good("v", {"segment_caption_data": [right, wrong]}, look, tiny_clip(), TINY_CLIP)
    assert [record["conversations"][0]["Assistant"] for record in kept["segment_caption_data"]] == ["right"]
    assert dropped == {"segment_caption_data": 1}


def test_settings_are_hashable():
    assert hash(Settings()) == hash(Settings())
