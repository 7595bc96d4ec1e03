"""Three stages, one after the other, from files to folders that a Predictor loads."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch

from momentor_lib import Predictor
from momentor_lib.cli import main
from momentor_lib.data.features import feature_path, read_features
from momentor_lib.model.presets import load
from momentor_lib.timecode import find_spans
from momentor_lib.training.sequences import cut_window, read_sequences
from momentor_lib.training.stage_run import Data, Lora, Recipe, run_stage
from momentor_lib.training.stages import STAGES

RECIPE = Recipe(steps=3, batch=2, learning_rate=1e-3, max_tokens=400, log_every=1, validate_every=2, save_every=2, val_sequences=2)


def data_of(toy) -> Data:
    return Data([toy], toy / "features", toy, None)


def test_each_stage_starts_from_the_last_ones_folder(toy, tmp_path):
    folder = toy / "start"
    for stage in STAGES.values():
        model, processor = load(folder)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        recipe = replace(RECIPE, lora=Lora(rank=2)) if stage.lora else RECIPE
        trained = run_stage(model, processor, stage, data_of(toy), tmp_path / stage.name, recipe, cpu=True)
        assert trained.steps == 3
        folder = tmp_path / stage.name
        saved, _ = load(folder)
        assert all(torch.equal(a, b) for a, b in zip(saved.state_dict().values(), model.state_dict().values(), strict=True))
        changed = {
            name.split(".")[0] for name, tensor in saved.state_dict().items() if name in before and not torch.equal(tensor, before[name])
        }
        assert changed == {"projection"} | ({"temporal"} if stage.temporal else set())
        assert (folder / "best").is_dir()
        assert load(folder / "best")[0].training is False
    predictor = Predictor(folder).set_video(next((toy / "videos").glob("*.mp4")))
    assert predictor.ground("the red circle moves left").moments


def test_the_stages_learn_from_what_is_theirs(toy):
    _, processor = load(toy / "start")
    kinds = {}
    for stage in STAGES.values():
        videos = read_sequences(stage, toy, toy / "features", processor, max_tokens=900)
        kinds[stage.name] = Counter(kind for sequence in videos.sequences for kind in sequence.data_types)
        assert [len(videos[i]["input_ids"]) for i in range(len(videos))] == videos.lengths or stage.name == "align"
    packed = json.loads((toy / "moment10m.json").read_text())
    wanted = Counter({kind: sum(len(of.get(kind, [])) for of in packed.values()) for of in packed.values() for kind in of})
    assert kinds["instruct"] == wanted
    assert kinds["gesm"] == {"event_sequence_decoding": 2}
    captions = wanted["segment_caption_data"] + wanted["instance_segment_caption_data"]
    assert kinds["align"].total() == 2 * captions  # a clip and a picture each


def test_a_clip_is_the_frames_of_its_segment(toy):
    _, processor = load(toy / "start")
    videos = read_sequences(STAGES["align"], toy, toy / "features", processor)
    for index, sequence in enumerate(videos.sequences):
        example, whole = videos.example(index), read_features(feature_path(toy / "features", sequence.video_id))
        start, end = sequence.window
        inside = [k for k, time in enumerate(whole.times) if start <= time <= end] or [abs(whole.times - (start + end) / 2).argmin()]
        assert torch.equal(example.features, torch.from_numpy(whole.features[inside]).float())
        assert example.times[0] == 0
        assert not find_spans(example.dialogues[0][0][0])
        assert len(videos[index]["input_ids"]) <= videos.lengths[index] + 1


def test_cutting_keeps_one_frame_where_none_lies_inside():
    from tiny_models import build_example

    example = build_example(num_frames=6, duration=20.0)
    cut = cut_window(example, 5.0, 5.0)
    assert cut.times == [0.0]
    assert torch.equal(cut.features, example.features[1:2])
    assert cut.duration > 0


def test_the_command_trains_resumes_and_refuses(toy, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["train", "--preset", str(toy / "start"), "--stage", "gesm", "--data", str(toy), "--out", str(out), "--batch", "2", "--cpu"]
    arguments += ["--steps", "3", "--save-every", "2", "--max-tokens", "400", "--val", str(toy), "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"] == 3
    assert told["scores"]["negative_val_loss"] < 0
    assert {row["part"]: row["learn"] > 0 for row in told["parts"]} == {
        "frame encoder": False,
        "projection": True,
        "temporal tokens (TPM)": True,
        "language model": False,
    }
    assert main(arguments) == 2
    assert "holds a training run already" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    assert main([*arguments, "--resume", "--seed", "1"]) == 2
    assert "seed 0, not 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--stage", "align", "--lora"], "stage align trains no LoRA"),
        (["--preset", "huge"], "huge"),
        (["--batch", "3", "--micro-batches", "2"], "batch of 3 cannot be shared out"),
        (["--max-tokens", "16"], "leave no room"),
        (["--four-bit"], "CUDA GPU"),
        (["--epochs", "0"], "epochs must be a number above 0, not 0"),
        (["--epochs", "inf"], "epochs must be a number above 0, not inf"),
        (["--epochs", "nan"], "epochs must be a number above 0, not nan"),
    ],
)
def test_mistakes_get_one_line(toy, tmp_path, capsys, wrong, said):
    if "--four-bit" in wrong and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    arguments = ["train", "--preset", str(toy / "start"), "--stage", "instruct", "--data", str(toy), "--out", str(tmp_path / "out")]
    arguments += ["--features", str(toy / "features"), "--cpu", *([] if "--epochs" in wrong else ["--steps", "1"])]
    assert main([*arguments, *wrong]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("momentor: ")
    assert said in error
    assert not (tmp_path / "out").exists()


def test_tensorboard_shows_what_the_log_says(toy, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="pip install tensorboard")
    out = tmp_path / "out"
    arguments = ["train", "--preset", str(toy / "start"), "--stage", "gesm", "--data", str(toy), "--out", str(out), "--batch", "2", "--cpu"]
    assert main([*arguments, "--steps", "3", "--max-tokens", "400", "--tensorboard"]) == 0
    folder = next((out / "tensorboard").rglob("events.out.tfevents.*")).parent
    shown = events.EventAccumulator(str(folder)).Reload()
    logged = [line for line in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if "loss" in line]
    assert [(scalar.step, scalar.value) for scalar in shown.Scalars("loss")] == [
        (line["step"], pytest.approx(line["loss"], abs=1e-5)) for line in logged
    ]


def test_tensorboard_that_is_missing_gets_one_line(toy, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("momentor_lib.training.stage_run.find_spec", lambda name: None)
    out = tmp_path / "out"
    arguments = ["train", "--preset", str(toy / "start"), "--stage", "gesm", "--data", str(toy), "--out", str(out), "--batch", "2", "--cpu"]
    assert main([*arguments, "--steps", "3", "--max-tokens", "400", "--tensorboard"]) == 2
    assert "pip install tensorboard" in capsys.readouterr().err.strip().splitlines()[-1]
    assert not out.exists()
