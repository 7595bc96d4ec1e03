"""Training examples: what files say becomes rows of a data set; what cannot be learned is left out and counted."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instruction_files import HAND_DIALOGUES, HAND_DURATIONS, HAND_MADE, assert_comes_back, said, spoil, write

from momentor_lib import prompts
from momentor_lib.data import drafts, thresholds
from momentor_lib.data.convert import convert_file, to_dialogue
from momentor_lib.data.instructions import load_examples, read_examples, schema, stream_examples
from momentor_lib.toy import sample_script
from momentor_lib.training.toy_data import event_text


def test_hand_made_records_become_dialogues_with_tags(hand_made):
    examples = list(read_examples(hand_made, durations=HAND_DURATIONS))
    assert [said(example) for example in examples] == HAND_DIALOGUES
    assert [(e["video_id"], e["data_type"], e["duration"]) for e in examples] == [
        ("one", "segment_caption_data", 40.0),
        ("one", "comp_ret_data", 40.0),
        ("two", "appearance_data", 61.7),
    ]


def test_every_sample_record_is_an_example(samples, toy_durations):
    dropped = Counter()
    examples = list(read_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations, dropped=dropped))
    packed = json.loads((samples / "moment10m.json").read_text())
    records = [(video, kind, to_dialogue(record)) for video, kinds in packed.items() for kind, rows in kinds.items() for record in rows]
    assert not dropped and [(e["video_id"], e["data_type"], said(e)) for e in examples[: len(records)]] == records
    sequences = examples[len(records) :]
    assert [e["video_id"] for e in sequences] == list(toy_durations)
    for number, example in enumerate(sequences):  # as the toy world's own training writes them
        script = sample_script(7, "test", number)
        assert script.id == example["video_id"] and example["data_type"] == "event_sequence_decoding"
        assert said(example) == [(prompts.EVENTS, event_text(script))]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet"])
def test_a_converted_file_gives_the_same_examples(tmp_path, samples, toy_durations, suffix):
    packed, sequences = tmp_path / f"packed.{suffix}", tmp_path / f"sequences.{suffix}"
    convert_file(samples / "moment10m.json", packed, time_format="tags")
    convert_file(samples / "gesm.json", sequences, gesm=True, time_format="tags")
    straight = list(read_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations))
    assert list(read_examples([packed, sequences], durations=toy_durations)) == straight


@pytest.mark.parametrize("seed", range(6))
def test_a_file_converted_to_text_teaches_no_times(tmp_path, hand_made, seed):
    """Whatever the templates: its digits would be learned as words."""
    path = tmp_path / "text.jsonl"
    convert_file(hand_made, path, time_format="text", seed=seed)
    dropped = Counter()
    [example] = read_examples(path, durations=HAND_DURATIONS, dropped=dropped)
    assert example["data_type"] == "appearance_data" and dropped == {drafts.TEXT_TIMES: 2}


LEFT_OUT = {
    "too low": (thresholds.TOO_LOW, spoil(clip_similarity=0.1)),
    "no score": (thresholds.NO_SCORE, spoil(clip_similarity=None, match_score=None)),
    "unknown type": (thresholds.UNKNOWN_TYPE, {"one": {"pose_data": spoil()["one"]["comp_ret_data"]}}),
    "malformed": (drafts.MALFORMED, spoil(conversations="no")),
    "no variable": (drafts.NOT_FILLED, spoil(variables={"moment": [1, 2]})),
    "negative": (drafts.NOT_FILLED, spoil(variables={"SOURCE_CLIP": [-1, 1], "moment": [1, 2]})),
    "no moment": (drafts.MALFORMED, spoil(variables={"SOURCE_CLIP": [0, 1], "moment": 10**400})),
    "no span": (drafts.MALFORMED, spoil(variables={"SOURCE_CLIP": None, "moment": [[]]})),
    "reversed": (drafts.REVERSED, spoil(variables={"SOURCE_CLIP": [0, 1], "moment": [[1, 2], [4, 3]]})),
    "reversed in the text": (drafts.REVERSED, spoil(conversations=[{"User": "In <2.00s>-<1.00s>?", "Assistant": "{moment}"}])),
    "late": (drafts.LATE, spoil(variables={"SOURCE_CLIP": [0, 1], "moment": [30, 41.5]})),
    "empty": (drafts.EMPTY, spoil(conversations=[{"User": "{SOURCE_CLIP}", "Assistant": " "}])),
    "no turn": (drafts.EMPTY, spoil(conversations=[])),
    "no time": (drafts.NO_TIME, spoil(conversations=[{"User": "{SOURCE_CLIP}", "Assistant": "soon"}])),
    "no duration": (drafts.NO_DURATION, {"other": spoil()["one"]}),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_cannot_be_learned_is_left_out_and_counted(tmp_path, name):
    dropped = Counter()
    reason, packed = LEFT_OUT[name]
    path = write(tmp_path / "packed.json", packed | {"two": HAND_MADE["two"]})
    examples = list(read_examples(path, durations=HAND_DURATIONS, dropped=dropped))
    assert [example["video_id"] for example in examples] == ["two"] and dropped == {reason: 1}


def test_thresholds_can_be_ignored(tmp_path):
    path = write(tmp_path / "packed.json", LEFT_OUT["too low"][1])
    [example] = read_examples(path, durations=HAND_DURATIONS, keep_all=True)
    assert said(example) == HAND_DIALOGUES[1]


def test_a_time_a_little_after_the_end_is_the_end(tmp_path):
    path = write(tmp_path / "packed.json", spoil(variables={"SOURCE_CLIP": [0, 1], "moment": [[39.5, 40.6], [2, 3]]}))
    [example] = read_examples(path, durations=HAND_DURATIONS)
    assert said(example)[0][1] == "<39.50s>-<40.00s> and <2.00s>-<3.00s>"
    assert not list(read_examples(path, durations=HAND_DURATIONS, slack=0.5))
    # A span of which nothing is in the video would become empty.
    assert not list(read_examples(write(path, spoil(variables={"SOURCE_CLIP": [0, 1], "moment": [40.2, 40.6]})), durations=HAND_DURATIONS))


def test_event_sequences(tmp_path):
    videos = {
        "one": {"timestamps": [[5, 6.5], [1, 2]], "captions": ["A man sits. ", "is he well?"]},
        "two": {"timestamps": [[5, 4]], "captions": ["x"]},
        "three": {"timestamps": [], "captions": []},
        "four": {"timestamps": [[1, 2]], "captions": [" "]},
    }
    dropped = Counter()
    durations = dict.fromkeys(videos, 40.0)
    [example] = read_examples(gesm=write(tmp_path / "gesm.json", videos), durations=durations, dropped=dropped)
    assert said(example) == [(prompts.EVENTS, "<1.00s>-<2.00s> is he well? <5.00s>-<6.50s> A man sits.")]
    assert dropped == {drafts.REVERSED: 1, drafts.EMPTY: 2}


@pytest.mark.parametrize(
    "content, message", [("{", "file"), ("", "file"), ("hello", "file"), ("[1,", "not whole JSON"), ("PAR1", "Parquet")]
)
def test_files_of_another_kind_are_one_line(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        list(read_examples(path, durations={}))
    assert str(path) in str(error.value) and "\n" not in str(error.value)


pieces = st.sampled_from([b"", b"{", b"}", b'"', b"\\ud800", b"\xff", b"NaN", b"-", b"9" * 400, b"null", b"[" * 3000, b"{moment}", b"<1s>"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spoiled_files_give_sound_examples_or_one_line(tmp_path, data):
    """Whatever comes out can be encoded, and its texts come back."""
    kind = data.draw(st.sampled_from(["packed", "gesm", "list", "lines"]))
    record = {"id": "one", "data_type": "qa_data", "conversations": [{"User": "At <2.50s>?", "Assistant": "<1.00s>-<2.00s>"}]}
    content = {
        "packed": json.dumps(HAND_MADE),
        "gesm": json.dumps({"one": {"timestamps": [[1, 2], [3.5, 4]], "captions": ["a", "b"]}}),
        "list": json.dumps([record, record]),
        "lines": f"{json.dumps(record)}\n{json.dumps(record)}\n",
    }[kind].encode()
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, min(len(content), begin + 20)))
        content = content[:begin] + data.draw(pieces) + content[end:]
    path = tmp_path / "file"
    path.write_bytes(content)
    try:
        examples = list(read_examples(*(((), path) if kind == "gesm" else (path,)), durations=HAND_DURATIONS, keep_all=True))
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return
    for example in examples:
        assert_comes_back(example, exact=False)


# -- datasets ---------------------------------------------------------------------------------------------------------------------------


def test_the_data_set_has_the_declared_schema(hand_made, tmp_path):
    from datasets import List, Value

    turn = {"question": Value("string"), "answer": Value("string")}
    assert schema() == {"video_id": Value("string"), "data_type": Value("string"), "turns": List(turn), "duration": Value("float64")}
    straight = list(read_examples(hand_made, durations=HAND_DURATIONS))
    dropped = Counter()
    mapped = load_examples(hand_made, durations=HAND_DURATIONS, arrow_file=tmp_path / "made" / "examples.arrow", dropped=dropped)
    for dataset in (mapped, load_examples(hand_made, durations=HAND_DURATIONS), stream_examples(hand_made, durations=HAND_DURATIONS)):
        assert dataset.features == schema() and list(dataset) == straight
    assert mapped.cache_files and not dropped
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["examples.arrow"]


def test_no_example_is_a_data_set_too(tmp_path):
    empty = write(tmp_path / "empty.json", {"one": {}})
    dataset = load_examples(empty, durations={})
    assert len(dataset) == 0 and dataset.features == schema()


def test_a_failed_reading_leaves_no_data_set(tmp_path, hand_made):
    target = tmp_path / "examples.arrow"
    hand_made.write_text(hand_made.read_text()[:-20])
    with pytest.raises(ValueError):
        load_examples(hand_made, durations=HAND_DURATIONS, arrow_file=target)
    assert list(tmp_path.iterdir()) == [hand_made]


def test_a_stream_is_read_anew_and_its_files_are_shards(tmp_path, samples, toy_durations):
    stream = stream_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations)
    assert stream.num_shards == 2
    first, second = list(stream), list(stream)
    assert first == second == list(read_examples(samples / "moment10m.json", samples / "gesm.json", durations=toy_durations))
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2)
    key = lambda example: json.dumps(example, sort_keys=True)  # noqa: E731
    assert sorted(map(key, loader)) == sorted(map(key, first))
