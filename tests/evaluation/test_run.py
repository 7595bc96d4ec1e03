"""A model run over videos: what it is asked, what is written, how a stopped run goes on; and the baselines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from momentor_lib import cli
from momentor_lib.evaluation import run
from momentor_lib.evaluation.baselines import Prior, RandomSpan, WholeVideo, load_baseline
from momentor_lib.evaluation.formats import read_truth
from momentor_lib.evaluation.predictions import read_predictions
from momentor_lib.evaluation.protocol import Grounder, Predictor
from momentor_lib.evaluation.run import run_model, saliency_of_moments
from momentor_lib.evaluation.task_prompts import PROMPTS, prompt
from momentor_lib.moments import Answer, Moment

EVENTS = [Moment(0, 5, label="a"), Moment(5, 7, label="b"), Moment(2, 3, label="b")]
PRIOR = Prior.of([(10.0, EVENTS), (20.0, EVENTS[:1])])


@pytest.fixture
def samples(repository):
    return repository / "data_samples"


class Words:
    """A model that only talks."""

    def __init__(self, text="from 1 s to 3 s"):
        self.text, self.asked, self.videos = text, [], []

    def set_video(self, video):
        self.videos.append(video.stem)

    def ask(self, question):
        self.asked.append(question)
        return self.text


class Points(Words):
    """A model that gives moments."""

    def ground_many(self, queries):
        return [Answer("<1.00s>-<3.00s>", [Moment(1, 3, 0.5)], query) for query in queries]

    def caption(self):
        return [Moment(1, 3, label="something")]


def few(samples, task, count=2):
    truth = read_truth(samples / "annotations.jsonl", task)
    names = sorted({item.video for item in truth.items})[:count]
    truth.items = [item for item in truth.items if item.video in names]
    return truth


def test_a_talking_model_is_asked_the_written_prompts(samples, tmp_path):
    model, truth = Words(), few(samples, "grounding")
    found, _ = read_predictions(run_model(model, samples, truth, "grounding", tmp_path / "run", progress=False), "grounding")
    assert model.asked == [prompt("grounding", item.text) for item in truth.items]
    assert model.videos == sorted({item.video for item in truth.items})  # each video once
    assert {one.moments for one in found} == {(Moment(1, 3),)}
    assert [one.id for one in found] == [item.id for item in truth.items]
    assert isinstance(model, Predictor) and not isinstance(model, Grounder) and isinstance(Points(), Grounder)


def test_what_a_talking_model_says_may_be_unreadable(samples, tmp_path):
    truth = few(samples, "grounding")
    found, _ = read_predictions(run_model(Words("no idea"), samples, truth, "grounding", tmp_path, progress=False), "grounding")
    assert all(one.unparsed for one in found)


@pytest.mark.parametrize("task", sorted(PROMPTS))
def test_every_task_by_moments_where_a_model_has_them(samples, tmp_path, task):
    model, truth = Points(), few(samples, task)
    found, _ = read_predictions(run_model(model, samples, truth, task, tmp_path, progress=False), task)
    if task == "qa":
        assert model.asked == [item.text for item in truth.items]
        assert {one.answer for one in found} == {"from 1 s to 3 s"}
        return
    assert model.asked == []
    assert {(m.start, m.end) for one in found for m in one.moments} == {(1, 3)}
    if task == "highlights":
        assert found[0].saliency[:3] == (0.25, 0.25, 0.0)


def test_a_stopped_run_goes_on_and_a_run_of_something_else_is_refused(samples, tmp_path):
    class Stops(Words):
        def set_video(self, video):
            if len(self.videos) == 2:
                raise KeyboardInterrupt
            super().set_video(video)

    truth = few(samples, "grounding", 4)
    names = sorted({item.video for item in truth.items})
    Stops.__name__ = "Words"
    first, second = Stops(), Words()
    with pytest.raises(KeyboardInterrupt):
        run_model(first, samples, truth, "grounding", tmp_path / "run", progress=False)
    path = run_model(second, samples, truth, "grounding", tmp_path / "run", progress=False)
    assert (first.videos, second.videos) == (names[:2], names[2:])
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [item.id for item in truth.items]
    third = Words()
    run_model(third, samples, truth, "grounding", tmp_path / "run", progress=False)
    assert third.videos == []
    with pytest.raises(ValueError, match="holds a run with another model; name another folder with --out"):
        run_model(Points(), samples, truth, "grounding", tmp_path / "run", progress=False)
    with pytest.raises(ValueError, match="another task"):
        run_model(Words(), samples, truth, "highlights", tmp_path / "run", progress=False)


def test_videos_that_are_missing_or_damaged_are_told_and_count_as_missing(samples, tmp_path):
    truth, told = few(samples, "grounding", 3), []
    names = sorted({item.video for item in truth.items})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{names[0]}.mp4").write_bytes((samples / "videos" / f"{names[0]}.mp4").read_bytes())
    (tmp_path / "data" / f"{names[1]}.mp4").write_text("no video")
    path = run_model("baseline:whole", tmp_path / "data", truth, "grounding", tmp_path / "run", progress=False, tell=told.append)
    assert {json.loads(line)["video"] for line in path.read_text().splitlines()} == {names[0]}
    assert any(names[2] in line and "not in" in line for line in told) and any(line.startswith(f"{names[1]} failed") for line in told)
    (tmp_path / "data" / f"{names[0]}.mp4").unlink()
    with pytest.raises(ValueError, match="every video failed; the first: "):
        run_model("baseline:whole", tmp_path / "data", truth, "grounding", tmp_path / "other", progress=False)


TEN_LINES = """
from momentor_lib.video import probe

class Mine:
    def set_video(self, video):
        self.duration = probe(video).duration

    def ask(self, question):
        return f"from 0 s to {self.duration / 2:.1f} s"
"""


def test_a_model_of_one_s_own_in_ten_lines(samples, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(TEN_LINES)
    assert cli.main(["evaluate", "grounding", "--model", "mine.py:Mine", "--data", str(samples), "--json", "--bootstrap", "0"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"]["unparsed"] == document["counts"]["missing"] == 0
    assert document["counts"]["videos"] == 12
    assert 0 < next(score["value"] for score in document["scores"] if score["metric"] == "mIoU") < 50
    assert len(list((tmp_path / "runs" / "evaluate").iterdir())) == 1
    for name, says in (("mine.py:Yours", "has no 'Yours'"), ("other.py:X", "no such file"), ("mine.py:probe", "has no set_video")):
        assert cli.main(["evaluate", "grounding", "--model", name, "--data", str(samples), "--out", name.replace(":", "_")]) == 2
        assert says in capsys.readouterr().err


def test_the_prompts():
    assert prompt("grounding", "the dog runs.").startswith("When does this happen: the dog runs? Answer with")
    assert prompt("qa", "Who?") == "Who?"
    assert prompt("qa", "Who?", ("x", "y")) == "Who? Options: (A) x (B) y. Answer with the letter of the right option."
    assert prompt("grounding", "{query}").count("{query}") == 1


def test_saliency_of_moments():
    assert saliency_of_moments([Moment(1, 5, 0.5), Moment(4, 6, 1.0)], 8.9).tolist() == [0.25, 0.5, 1.0, 0.0]
    assert saliency_of_moments([], 1.0).tolist() == []


# baselines


def test_the_prior_of_training_annotations(samples):
    assert PRIOR.lengths.tolist() == pytest.approx([0.5, 0.2, 0.1, 0.25])
    assert PRIOR.counts.tolist() == [3, 1]
    assert PRIOR.commonest == "a"
    own = Prior.of_file(samples / "annotations.jsonl")
    assert len(own.counts) == 12 and 0 < own.lengths.mean() < 0.5
    with pytest.raises(ValueError, match="no training moment"):
        Prior.of([(10.0, [])])


def test_the_whole_video(sample_video):
    model = WholeVideo(PRIOR)
    model.set_video(sample_video)
    [[moment]] = model.ground_many(["x"])
    assert moment.start == 0 and 20 <= moment.end <= 60
    assert [event.label for event in model.caption()] == ["a"]


def test_a_random_span_follows_from_seed_video_and_query(sample_video):
    first, second, other = (RandomSpan(PRIOR, seed) for seed in (0, 0, 1))
    for model in (first, second, other):
        model.set_video(sample_video)
    queries = [f"query {number}" for number in range(300)]
    spans = first.ground_many(queries)
    assert spans[::-1] == second.ground_many(queries[::-1])
    assert spans != other.ground_many(queries)
    duration = WholeVideo(PRIOR)
    duration.set_video(sample_video)
    whole = duration.ground_many(["x"])[0][0].end
    shares = np.array([(moment.end - moment.start) / whole for [moment] in spans])
    assert set(np.round(shares, 6)) == {0.1, 0.2, 0.25, 0.5}  # the training lengths, each about as often as it comes there
    assert all(0 <= moment.start <= moment.end <= whole + 1e-9 for [moment] in spans)
    assert len(first.caption()) in (1, 3) and first.caption() == second.caption()
    shares = [(moment.start / whole, moment.end / whole) for [moment] in spans]
    second.set_video(max(sample_video.parent.glob("*.mp4")))
    duration.set_video(max(sample_video.parent.glob("*.mp4")))
    whole = duration.ground_many(["x"])[0][0].end
    elsewhere = [(moment.start / whole, moment.end / whole) for [moment] in second.ground_many(queries)]
    assert np.abs(np.subtract(shares, elsewhere)).mean() > 0.1  # another video, other guesses


def test_clip_similarity_finds_the_frames_that_resemble_the_words(sample_video):
    model = load_baseline("clip")
    with pytest.raises(ValueError, match="no video is set"):
        model.ground_many(["a red circle"])
    model.set_video(sample_video)
    rows = model.similarities(["a red circle", "the red circle moves left"])
    assert rows[0] == pytest.approx(rows[1], abs=0.2)  # words that it does not know are left out
    for moments, row in zip(
        model.ground_many(["a red circle", "a blue star"]), model.similarities(["a red circle", "a blue star"]), strict=True
    ):
        peak = model._times[row.argmax()]
        assert moments[0].start <= peak <= moments[0].end
        assert all(a.end <= b.start or b.end <= a.start for a in moments for b in moments if a is not b)
    assert model.ground_many([]) == []


def test_any_clip_of_a_folder(tmp_path, sample_video, repository):
    from transformers import AutoTokenizer, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = repository / "checkpoints" / "tiny" / "clip"
    CLIPModel.from_pretrained(folder).save_pretrained(tmp_path / "clip")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "clip")
    size = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}
    CLIPImageProcessorPil(**size, image_mean=[0.42] * 3, image_std=[0.11] * 3).save_pretrained(tmp_path / "clip")
    ours, other = load_baseline("clip"), load_baseline(f"clip={tmp_path / 'clip'}")
    for model in (ours, other):
        model.set_video(sample_video)
    mine, theirs = (model.similarities(["a red circle"])[0] for model in (ours, other))
    assert np.corrcoef(mine, theirs)[0, 1] > 0.9  # two ways to make a picture smaller
    assert other.caption() == []


@pytest.mark.parametrize(("name", "says"), [("best", "no baseline 'best'"), ("clip=no/such/clip", "no CLIP 'no/such/clip'")])
def test_no_such_baseline(name, says):
    with pytest.raises(ValueError, match=says):
        load_baseline(name)


def test_the_run_of_the_tiny_model_asks_each_video_s_queries_together(samples, tmp_path, monkeypatch):
    from momentor_lib.predictor import Predictor as Momentor

    calls = []
    together = Momentor.ground_many

    def counted(self, queries, *arguments, **options):
        calls.append(len(queries))
        return together(self, queries, *arguments, **options)

    monkeypatch.setattr(Momentor, "ground_many", counted)
    truth = few(samples, "grounding", 2)
    run_model("tiny", samples, truth, "grounding", tmp_path, progress=False)
    assert sum(calls) == len(truth.items) and len(calls) == 2
    assert run.load_model("tiny") is not None
