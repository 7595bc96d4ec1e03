"""What README says is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from momentor_lib.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_scores_are_those_of_the_shipped_model():
    scores = json.loads((ROOT / "checkpoints/tiny/scores.json").read_text())
    section = README.partition("## How good is the tiny model?")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| ([^|]+?) \| (\d+\.\d+) \|", section, re.MULTILINE))
    assert len(told) >= 8
    assert told == {name: f"{scores[name]:.2f}" for name in told}


def test_every_command_is_in_the_table_and_every_one_there_exists():
    told = set(re.findall(r"^\| `momentor (\w+)", README, re.MULTILINE))
    assert told == {command.callback.__name__ for command in app.registered_commands}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_every_notebook_is_in_the_table():
    told = set(re.findall(r"^\| `(\d\d_\w+)`", README, re.MULTILINE))
    assert told == {source.stem for source in (ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py")}


def test_each_notebook_s_minutes_and_badge_are_in_the_table():
    address = re.search(r'^Repository = "https://github\.com/(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    rows = re.findall(r"^\| `(\d\d_\w+)` \| [^|]+ \| (\d+) \+ (\d+) \| \[!\[.+?\]\(.+?\)\]\((.+)\) \|$", README, re.MULTILINE)
    assert len(rows) == len(list((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))), "run: make badges"
    for name, read, run, link in rows:
        header = "".join(json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"][0]["source"])
        assert f"**Minutes**: {read} to read and solve, {run} to run" in header, "run: make badges"
        assert link == f"https://colab.research.google.com/github/{address}/blob/main/notebooks/{name}.ipynb"
