"""The ablation's runs differ in what their name says, are kept once done, and are summed up in a table and a plot."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch

from benchmarks import ablation

SMALL = replace(ablation.BASE, width=16, layers=4, heads=2, feed_forward=16, videos=4, val_videos=2, batch=2, steps=2, minutes=float("inf"))


@pytest.fixture(autouse=True)
def no_more_videos_than_asked(monkeypatch):
    monkeypatch.setattr(ablation.toy_data, "SHARD", SMALL.videos)  # one file, as for other processes


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("ablation")


@pytest.mark.parametrize("name", ["full", "times as text", "no GESM"])
def test_a_variant_runs_is_scored_and_kept(work, name, monkeypatch):
    scores = ablation.run_variant(name, 0, SMALL, work, 1)
    assert 0 <= scores["mean IoU"] <= 1
    config = json.loads((work / name.replace(" ", "_") / "0" / "checkpoint" / "config.json").read_text())
    assert config["time_format"] == ("text" if name == "times as text" else "tags")
    monkeypatch.setattr(ablation.tiny, "run", None)  # it would be called again
    assert ablation.run_variant(name, 0, SMALL, work, 1) == scores
    with pytest.raises(ValueError, match="of another plan"):
        ablation.run_variant(name, 0, replace(SMALL, steps=3), work, 1)


def test_runs_beside_each_other_find_what_one_alone_finds(work, tmp_path, monkeypatch):
    names = ("full", "no GESM")
    alone = {name: [ablation.run_variant(name, 0, SMALL, work, 1)] for name in names}
    shutil.copytree(work / "features", tmp_path / "features")
    monkeypatch.setattr(ablation, "VARIANTS", {name: ablation.VARIANTS[name] for name in names})
    assert ablation.run_all(SMALL, [0], tmp_path, 1, workers=2, threads=torch.get_num_threads()) == alone
    with pytest.raises(RuntimeError, match=r"full, seed 0: .*of another plan"):
        ablation.run_all(replace(SMALL, steps=3), [0], tmp_path, 1, workers=1, threads=torch.get_num_threads())


def test_each_variant_switches_off_what_it_says():
    changed = ablation.VARIANTS
    assert changed["full"] == {}
    plain = ablation.BASE
    for name, switches in changed.items():
        assert all(getattr(plain, key) != value for key, value in switches.items()), name
        assert len(switches) == (name != "full")


def test_the_table_gives_mean_and_spread_and_the_plot_is_drawn(tmp_path):
    results = {
        name: [dict.fromkeys(ablation.SCORES, 0.1 * (seed + 1) + 0.05 * place) for seed in range(3)]
        for place, name in enumerate(ablation.VARIANTS)
    }
    lines = ablation.as_table(results).splitlines()
    assert lines[2].startswith("| full | 0.200 (0.100-0.300) |")
    assert lines[2].endswith("| 29.3 |")
    assert len(lines) == 2 + len(ablation.VARIANTS)
    ablation.draw(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
