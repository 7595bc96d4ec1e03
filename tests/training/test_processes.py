"""Two processes train what one does: each on its share of a batch, with the whole model or with half of it (FSDP)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from momentor_lib.cli import main

FILES = ("adapter_model.safetensors", "momentor_parts.safetensors", "best/adapter_model.safetensors")


def arguments(toy: Path, out: Path, *more: str) -> list[str]:
    chosen = ["--preset", str(toy / "start"), "--stage", "instruct", "--lora", "--data", str(toy), "--features", str(toy / "features")]
    chosen += ["--batch", "2", "--steps", "4", "--save-every", "2", "--validate-every", "2", "--max-tokens", "400", "--val", str(toy)]
    return [*chosen, "--learning-rate", "1e-3", "--cpu", "--out", str(out), *more]


def launch(*given: str) -> subprocess.CompletedProcess:
    here = Path(__file__).parent
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(here / "launched.py"), *given]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)


def log_of(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if "minutes" not in name and "second" not in name} for line in lines]


@pytest.fixture(scope="module")
def alone(toy, tmp_path_factory):
    """The folder of one process."""
    out = tmp_path_factory.mktemp("alone") / "out"
    assert main(["train", *arguments(toy, out)]) == 0
    return out


@pytest.mark.parametrize("how", [[], ["--fsdp"]], ids=["whole", "cut up"])
def test_two_processes_write_what_one_does(toy, alone, tmp_path, how):
    out = tmp_path / "out"
    done = launch(*how, *arguments(toy, out))
    assert done.returncode == 0, done.stderr[-9000:]
    assert done.stdout.count("steps on") == 1, "one of them tells"
    there, here = log_of(out), log_of(alone)
    assert [line.keys() for line in there] == [line.keys() for line in here]
    for mine, theirs in zip(there, here, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    for file in FILES:
        mine, theirs = load_file(out / file), load_file(alone / file)
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=1e-4, msg=name)
    again = launch(*how, *arguments(toy, out, "--resume"))
    assert again.returncode == 0, again.stderr[-9000:]


def test_new_words_are_not_cut_up(toy, tmp_path):
    done = launch("--fsdp", *arguments(toy, tmp_path / "out", "--new-words", "5"))
    assert done.returncode != 0 and "--new-words does not go with FSDP" in done.stderr
