"""The benchmark table: rows as they were given, and a benchmark that fails named without hiding the others."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from benchmarks import __main__ as benchmarks


def fake(monkeypatch: pytest.MonkeyPatch, name: str, rows: list[dict] | Exception) -> None:
    module = ModuleType(f"benchmarks.{name}")

    def give() -> list[dict]:
        if isinstance(rows, Exception):
            raise rows
        return rows

    module.rows = give
    monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)


ROW = {"claim": "twice|as fast", "ours": "1 s", "rival": "2 s", "ratio": 2.0042, "target": ">= 2"}


def test_prints_a_markdown_table(monkeypatch, capsys):
    fake(monkeypatch, "reading", [ROW])
    fake(monkeypatch, "loss", [ROW | {"claim": "less memory"}])
    assert benchmarks.main(["reading", "loss"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| claim | ours | rival | ratio | target |",
        "| --- | --- | --- | --- | --- |",
        "| twice\\|as fast | 1 s | 2 s | 2 | >= 2 |",
        "| less memory | 1 s | 2 s | 2 | >= 2 |",
    ]


def test_a_failing_benchmark_is_one_line_and_exit_code_1(monkeypatch, capsys):
    fake(monkeypatch, "reading", RuntimeError("no clip\nhere"))
    fake(monkeypatch, "loss", [ROW])
    fake(monkeypatch, "prefix", [{"claim": "a row without its figures"}])
    assert benchmarks.main(["reading", "loss", "prefix"]) == 1
    printed = capsys.readouterr()
    assert "twice" in printed.out
    assert "reading failed: RuntimeError: no clip here" in printed.err.splitlines()
    assert "prefix failed: KeyError: 'ours'" in printed.err.splitlines()


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        benchmarks.main(["speed"])
    assert stop.value.code == 2
    assert "no benchmark speed" in capsys.readouterr().err


def test_every_name_has_its_file(repository):
    files = {path.stem for path in (repository / "benchmarks").glob("*.py")} - {"__init__", "__main__"}
    assert set(benchmarks.NAMES) <= files
