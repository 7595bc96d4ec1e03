"""The paper's kinds of models: real classes with random weights, and scripted answers where words matter."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from engine import tiny_paper
from engine.looks import blank, look_of, one_event, track_of

from momentor_lib.data.check import check_file
from momentor_lib.data.convert import to_dialogue
from momentor_lib.data.moment10m import DATA_TYPES
from momentor_lib.engine.instructions import to_record
from momentor_lib.engine.matrix import DESCRIBED, Deed, Event, Matrix, Row
from momentor_lib.engine.paper.captioner import PaperCaptioner
from momentor_lib.engine.paper.load import MODELS, PUBLISHED, load_paper, tag_list
from momentor_lib.engine.paper.parts import ClipTagger, RamTagger
from momentor_lib.engine.paper.prompts import PROMPTS
from momentor_lib.engine.paper.writer import ChatWriter, parse
from momentor_lib.engine.run import generate
from momentor_lib.engine.settings import Settings


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Part -> folder of a tiny one."""
    folder = tmp_path_factory.mktemp("models")
    save = {
        "clip": tiny_paper.save_clip,
        "detector": tiny_paper.save_dino,
        "captioner": tiny_paper.save_blip,
        "writer": tiny_paper.save_chat,
    }
    return {part: str(make(folder / part)) for part, make in save.items()}


@pytest.fixture(scope="module")
def backends(models):
    return load_paper(Settings(), models)


@pytest.fixture(scope="module")
def look():
    return look_of(one_event("move_right", 0.4))


def test_every_part_of_the_paper_can_be_named(models):
    assert set(models) == set(MODELS)


def test_the_detector_gives_boxes_with_words_and_looks(backends, look):
    backends.detector._threshold = 0.0  # random weights are sure of nothing
    found = backends.detector.detect(look.pixels[:6], ["red circle", "dog"])
    backends.detector._threshold = 0.3
    assert len(found) == 6 and found[1] == [] and found[0], "every fifth frame is looked at"
    for detection in found[0]:
        left, top, right, bottom = detection.box
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        assert np.linalg.norm(detection.feature) == pytest.approx(1, abs=1e-4) and 0 <= detection.score <= 1


def test_the_captioner_and_the_chat_model_speak(backends, look):
    said = backends.captioner._describer.describe(look.pixels[0])
    assert isinstance(said, str) and said == backends.captioner._describer.describe(look.pixels[0])
    answer = backends.writer._ask("what is the red circle", 0)
    assert isinstance(answer, str) and answer == backends.writer._ask("what is the red circle", 0)


def test_tags_come_from_the_list(backends, look):
    tags = backends.tagger.tags(look.pixels)
    assert 0 < len(tags) <= 8 and set(tags) <= set(tag_list()) and len(set(tag_list())) == len(tag_list()) > 50


def test_the_tagger_takes_the_tags_that_fit_best():
    class Scripted:
        def embed_texts(self, texts):
            return np.eye(len(texts), dtype=np.float32)

        def embed_frames(self, pixels):
            return np.tile(np.array([[0.1, 0.9, 0.5]], np.float32), (len(pixels), 1))

    assert ClipTagger(Scripted(), ["dog", "cat", "car"], most=2).tags(blank(5).pixels) == ["cat", "car"]


def test_ram_is_asked_for_the_middle_frame():
    torch = pytest.importorskip("torch")
    asked = []

    def transform(picture):
        asked.append(picture.size)
        return torch.zeros(3, 4, 4)

    tagger = RamTagger(None, transform, lambda batch, model: ("dog | red ball |", ""))
    assert tagger.tags(blank(5).pixels) == ["dog", "red ball"] and asked == [(64, 64)]


def test_ram_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ram", None)
    with pytest.raises(ValueError, match="needs the ram package"):
        RamTagger.load("ram.pth")


def test_a_track_s_name_is_the_detector_s_usual_word_and_its_deed_a_caption_of_its_region():
    class Describer:
        def describe(self, picture):
            return f"{picture.shape[1]} by {picture.shape[0]}"

    track = track_of([0.5] * 20)
    track.labels, track.name = ["dog", "cat", "dog"], ""
    captioner = PaperCaptioner(Describer(), None)
    look = blank(20)
    captioner.identify(look, [track], [0, 20])
    deed = captioner.tell(look, track, 0.0, 2.0)
    assert track.name == "dog" and (deed.action, deed.text) == (DESCRIBED, "18 by 18"), "a box of a fifth of 64 pixels, and a margin"
    assert captioner.tell_whole(0.0, 2.0, []) == "64 by 64"
    assert captioner.tell(blank(60), track, 4.0, 5.0).action == "", "it is not there"


# the writer


def described(track, name, text, start, end):
    return Event(track, name, Deed(DESCRIBED, text, start, end))


@pytest.fixture
def matrix():
    events = [described(0, "dog", "a dog runs", 1.0, 4.0), described(1, "boy", "a boy throws a ball", 3.0, 6.0)]
    rows = [Row(0, "dog", {}, 0, [None]), Row(1, "boy", {}, 0, [None])]
    return Matrix("v", 9.0, [(0.0, 9.0)], rows, events, {0: [(2.0, (0.2, 0.3))], 1: [(4.0, (0.6, 0.7))]})


def obedient(prompt, seed=0):
    """Answers as every prompt asks."""
    if "difference" in prompt:
        return '{"difference": "who moves", "User": "After {SOURCE_CLIP}, when does the boy throw?"}'
    if '"User": "...", "Assistant"' in prompt:
        return '{"User": "Who runs?", "Assistant": "the dog"}'
    return '{"User": "Somebody throws a ball"}' if '{"User": "..."}' in prompt else '{"Assistant": "a dog runs across the grass"}'


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_each_task_has_a_prompt_and_becomes_a_record(matrix, data_type):
    prompts = []
    writer = ChatWriter(lambda prompt, seed: prompts.append(prompt) or obedient(prompt))
    drafts = writer.write(matrix, data_type)
    assert drafts and not writer.dropped and data_type in PROMPTS
    for prompt in prompts:
        assert "1. the dog: a dog runs" in prompt and 'Never write the words "frame" or "video"' in prompt and "20 words" in prompt
    for draft in drafts:
        [(question, answer)] = to_dialogue(to_record("v", data_type, draft, 0.5))
        assert "{" not in question + answer and question and answer


def test_the_whole_is_a_clean_packed_file(matrix, tmp_path):
    writer = ChatWriter(obedient)
    records = {kind: [to_record("v", kind, draft, 2.0) for draft in writer.write(matrix, kind)] for kind in DATA_TYPES}
    (tmp_path / "made.json").write_text(json.dumps({"v": records}))
    assert check_file(tmp_path / "made.json", durations={"v": 9.0}).clean


@pytest.mark.parametrize(
    ("data_type", "answer", "says"),
    [
        ("qa_data", "Sure! Here it is.", "no JSON"),
        ("qa_data", '{"User": "Who runs?"}', "keys must be User, Assistant"),
        ("qa_data", '{"User": "Who runs?", "Assistant": 3}', "no text"),
        ("qa_data", '{"User": "Who runs?", "Assistant": " "}', "no text"),
        ("qa_data", '["User"]', "keys must be"),
        ("segment_caption_data", json.dumps({"Assistant": "dog " * 21}), "at most 20 words"),
        ("segment_caption_data", '{"Assistant": "The video shows a dog."}', "must not"),
        ("segment_caption_data", '{"Assistant": "a dog in the frame."}', "must not"),
        ("comp_ret_data", '{"difference": "who", "User": "When does the boy throw?"}', "SOURCE_CLIP"),
    ],
)
def test_a_bad_answer_is_refused(data_type, answer, says):
    with pytest.raises(ValueError, match=says):
        parse(data_type, answer)


def test_a_bad_answer_is_asked_for_once_more_then_dropped_and_counted(matrix):
    seeds = []

    def stubborn(prompt, seed):
        seeds.append(seed)
        return obedient(prompt) if "note 1" in prompt and seed == 1 else "no idea"

    writer = ChatWriter(stubborn)
    drafts = writer.write(matrix, "segment_caption_data")
    assert len(drafts) == 1 and seeds == [0, 1, 0, 1] and writer.dropped == {"segment_caption_data": 1}


# everything


def test_thresholds_are_ones_that_a_cosine_can_reach():
    assert all(value < 0.5 for value in PUBLISHED.values()) and PUBLISHED["qa_data"] == 0.177


def test_it_runs_through_from_the_command_s_side(models, videos, tmp_path):
    outcome = generate(min(videos.iterdir()), tmp_path / "out", "paper", models=models, progress=False)
    assert not outcome.failed
    for name in ("moment10m.json", "gesm.json"):
        assert check_file(tmp_path / "out" / name).clean
    page = (tmp_path / "out" / "report.html").read_text()
    assert "offline backend" not in page


def test_a_model_that_is_not_there_is_named(models, tmp_path):
    with pytest.raises(ValueError, match=r"the detector '.*nowhere' does not load: .*--model detector=FOLDER"):
        load_paper(Settings(), models | {"detector": str(tmp_path / "nowhere")})
