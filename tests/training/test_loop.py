"""The loop: stopped and resumed, in parts, in several processes, under another loop, and when something breaks."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_models import DIALOGUES, build_example, build_tiny

from momentor_lib.training.batches import Batches
from momentor_lib.training.loop import LossNotFinite, Settings, make_accelerator, train
from momentor_lib.training.optimizer import build_adamw, build_optimizers


class Videos:
    """Random videos, one to four instructions each."""

    def __init__(self, processor, count: int = 12) -> None:
        self.examples = [build_example(dialogues=DIALOGUES[: 1 + i % 4], seed=i) for i in range(count)]
        self.encoded = [processor.encode(example) for example in self.examples]
        self.lengths = [len(one["input_ids"]) for one in self.encoded]

    def __getitem__(self, index: int) -> dict:
        return self.encoded[index]

    def name(self, index: int) -> str:
        return f"video{index}"


def run(folder: Path, steps: int, *, batch: int = 4, muon: bool = False, dropout: float = 0.0, until: int | None = None, **settings):
    """Train a random model for some steps -> the model and the lines of its log."""
    model, processor = build_tiny(seed=3)
    model.language_model.config.attention_dropout = dropout
    for layer in model.language_model.model.layers:
        layer.self_attn.attention_dropout = dropout
    chosen = Settings(steps, **{"warmup": 0.0, "hold": 1.0, "log_every": 1, "save_every": 1, **settings})
    videos = Videos(processor)
    accelerator = make_accelerator(chosen, cpu=True)
    batches = Batches(
        videos,
        processor,
        batch,
        micro_batches=chosen.micro_batches,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
    )
    if until is not None:
        batches = StopsAt(batches, until)
    optimizers = build_optimizers(model, 0.02, 1e-2) if muon else build_adamw(model, 1e-2)
    with contextlib.suppress(KeyboardInterrupt):
        train(accelerator, model, batches, optimizers, chosen, folder)
    return model, [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class StopsAt:
    """As if the process were killed at a step."""

    def __init__(self, batches: Batches, step: int) -> None:
        self.batches, self.step = batches, step

    def __getitem__(self, step: int):
        if step == self.step:
            raise KeyboardInterrupt
        return self.batches[step]


def losses(log: list[dict]) -> list[float]:
    return [line["loss"] for line in log if "loss" in line]


@pytest.mark.parametrize("muon", [False, True])
def test_killed_and_resumed_equals_undisturbed_bit_for_bit(tmp_path, muon):
    whole, log = run(tmp_path / "whole", 8, dropout=0.3, muon=muon, save_every=3)
    run(tmp_path / "parts", 8, dropout=0.3, muon=muon, save_every=3, until=5)  # the last state is that of step 3
    run(tmp_path / "parts", 8, dropout=0.3, muon=muon, save_every=3, until=7)
    resumed, parts_log = run(tmp_path / "parts", 8, dropout=0.3, muon=muon, save_every=3)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert losses(log) == losses(parts_log)
    assert [line["step"] for line in parts_log if "loss" in line] == list(range(8))


def test_the_seed_is_of_dropout_too(tmp_path):
    first, second = (run(tmp_path / str(seed), 3, dropout=0.3, seed=seed)[1] for seed in (0, 1))
    assert losses(first) != losses(second)


def test_the_loss_falls(tmp_path):
    _, log = run(tmp_path, 30)
    assert losses(log)[-1] < 0.5 * losses(log)[0]


def test_micro_batches_add_up_to_the_batch(tmp_path):
    whole, log = run(tmp_path / "whole", 5)
    parts, parts_log = run(tmp_path / "parts", 5, micro_batches=2)
    assert losses(parts_log) == pytest.approx(losses(log), rel=1e-4)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a, b, atol=2e-4)


def test_gradient_checkpointing_changes_nothing(tmp_path):
    _, log = run(tmp_path / "plain", 4)
    _, checkpointed = run(tmp_path / "less", 4, gradient_checkpointing=True)
    assert losses(checkpointed) == losses(log)


def test_bf16_trains(tmp_path):
    plain, half = run(tmp_path / "plain", 12)[1], run(tmp_path / "half", 12, precision="bf16")[1]
    assert losses(half)[0] == pytest.approx(losses(plain)[0], rel=0.02)
    assert losses(half)[0] != losses(plain)[0]
    assert losses(half)[-1] == pytest.approx(losses(plain)[-1], rel=0.1)


def test_two_processes_have_the_losses_of_one(tmp_path):
    _, log = run(tmp_path / "one", 4)
    for accumulation in (1, 2):
        folder = tmp_path / f"two{accumulation}"
        _launch_two(folder, accumulation)
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert losses(lines) == pytest.approx(losses(log), rel=1e-4)


def _launch_two(folder: Path, micro_batches: int) -> None:
    code = f"import sys; sys.path[:0] = {[*sys.path[:3], str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}\n"
    code += f"from pathlib import Path\nfrom test_loop import run\nrun(Path({str(folder)!r}), 4, micro_batches={micro_batches})\n"
    code += "import torch.distributed as dist\nassert dist.get_world_size() == 2 and dist.get_backend() == 'gloo'\n"
    script = folder.parent / f"launch{micro_batches}.py"
    script.write_text(code)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    # accelerate's own launcher starts a single process where there is no GPU, whatever it is asked for.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    done = subprocess.run(launch, env=environment, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_loss_that_is_not_finite_stops_and_names_the_videos(tmp_path):
    model, processor = build_tiny(seed=3)
    videos = Videos(processor)
    videos.encoded[5] = {**videos.encoded[5], "features": torch.full_like(videos.encoded[5]["features"], math.inf)}
    settings = Settings(20, log_every=1)
    with pytest.raises(LossNotFinite, match=r"failed_batch\.json"):
        train(make_accelerator(settings, cpu=True), model, Batches(videos, processor, 4), build_adamw(model, 1e-3), settings, tmp_path)
    written = json.loads((tmp_path / "failed_batch.json").read_text())
    assert "video5" in written["videos"][0]
    assert written["loss"] == "nan"


def test_the_best_and_the_last_are_handed_over(tmp_path):
    model, processor = build_tiny(seed=3)
    settings = Settings(6, log_every=1, validate_every=2)
    scores, kept = iter([0.1, 0.5, 0.3, 0.4]), []
    train(
        make_accelerator(settings, cpu=True),
        model,
        Batches(Videos(processor), processor, 4),
        build_adamw(model, 1e-3),
        settings,
        tmp_path,
        validate=lambda: {"iou": next(scores)},
        keep=lambda which, weights: kept.append((which, weights["projection.weight"].clone())),
    )
    assert [which for which, _ in kept] == ["best", "best", "last"]
    assert torch.equal(kept[-1][1], model.projection.weight)
    assert not torch.equal(kept[1][1], model.projection.weight)


def test_the_trainer_of_transformers_has_the_same_losses(tmp_path):
    from transformers import Trainer, TrainingArguments

    _, log = run(tmp_path / "ours", 3)
    model, processor = build_tiny(seed=3)
    videos = Videos(processor)
    order = [int(index) for step in range(3) for index in Batches(videos, processor, 4).indices(step)]
    optimizer = build_adamw(model, 1e-2)[0]
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "theirs"),
        per_device_train_batch_size=4,
        max_steps=3,
        logging_steps=1,
        max_grad_norm=1.0,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=[videos[index] for index in order],
        data_collator=processor.collate,
        optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)),
    )
    trainer.train()
    theirs = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert theirs == pytest.approx(losses(log), rel=1e-3)
