"""The straightforward script that ``benchmarks/convert.py`` measures against: the whole file at once, templates drawn by NumPy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from momentor_lib.data.thresholds import THRESHOLDS

TEMPLATES = [
    lambda start, end: f"{start:.2f}s-{end:.2f}s",
    lambda start, end: f"{start:.2f} seconds-{end:.2f} seconds",
    lambda start, end: f"{start:.0f}s-{end:.0f}s",
    lambda start, end: f"{start:.0f} seconds-{end:.0f} seconds",
    lambda start, end: f"{start:.2f}s~{end:.2f}s",
    lambda start, end: f"{start:.2f} seconds~{end:.2f} seconds",
    lambda start, end: f"{start:.0f}s~{end:.0f}s",
    lambda start, end: f"{start:.0f} seconds~{end:.0f} seconds",
    lambda start, end: f"{start:.2f}s to {end:.2f}s",
    lambda start, end: f"{start:.2f} seconds to {end:.2f} seconds",
    lambda start, end: f"{start:.0f}s to {end:.0f}s",
    lambda start, end: f"{start:.0f} seconds to {end:.0f} seconds",
]


def convert(source: Path, target: Path) -> None:
    """The straightforward script: the whole file at once, a template drawn by NumPy for each placeholder."""
    with source.open() as file:
        packed = json.load(file)
    converted = []
    for data_types in packed.values():
        for data_type, records in data_types.items():
            for record in records:
                if passes(record, THRESHOLDS[data_type]):
                    turns = [{role: fill(text, record["variables"]) for role, text in turn.items()} for turn in record["conversations"]]
                    converted.append({"id": record["id"], "data_type": record["data_type"], "conversations": turns})
    with target.open("w") as file:
        json.dump(converted, file)


def passes(record: dict[str, Any], threshold: float) -> bool:
    """Whether one of the scores is above the threshold."""
    return record.get("match_score", 0) > threshold or record.get("clip_similarity", 0) > threshold


def fill(text: str, variables: dict[str, Any]) -> str:
    """A text whose placeholders are filled."""

    def write(found: re.Match) -> str:
        return write_variable(found[1], variables[found[1]]) if found[1] in variables else found[0]

    return re.sub(r"\{(\w+)\}", write, text)


def write_variable(name: str, value: Any) -> str:
    """A variable as text."""
    if name == "click_position":
        seconds, (x, y) = value
        return f"[{seconds}s, <{round(x, 2)}, {round(y, 2)}>]"
    if name not in ("moment", "SOURCE_CLIP"):
        return value
    template = np.random.choice(TEMPLATES)  # noqa: NPY002 (what such scripts use)
    if not isinstance(value[0], list):
        return template(*value)
    parts = [template(*span) for span in value]
    return ", ".join(parts[:-1]) + " and " + parts[-1]
