"""The table of a model and its baselines, on two videos."""

from __future__ import annotations

import re

from momentor_lib.evaluation import baseline_table
from momentor_lib.evaluation.baseline_table import METRICS, as_table, evaluate_all, losses


def test_one_command_makes_the_table_and_goes_on_where_it_was(tmp_path, capsys, monkeypatch):
    command = ["--videos", "2", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "table.md")]
    code = baseline_table.main(command)
    table = capsys.readouterr().out
    assert table == (tmp_path / "table.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    assert rows[0] == ["task", "metric", "tiny", "whole video", "random span", "CLIP similarity"]
    assert [(row[0], row[1]) for row in rows[2:]] == [(task, metric) for task, metrics in METRICS.items() for metric in metrics]
    for row in rows[2:]:
        for cell in row[2:]:
            value, low, high = map(float, re.fullmatch(r"([\d.]+|nan) \(([\d.]+|nan)-([\d.]+|nan)\)", cell).groups())
            assert not low > value and not value > high
    ours = {(row[0], row[1]): [float(cell.split()[0]) for cell in row[2:]] for row in rows[2:]}
    unbeaten = sum(not values[0] > other for values in ours.values() for other in values[1:])
    assert code == (1 if unbeaten else 0)
    monkeypatch.setattr("momentor_lib.evaluation.run.load_model", None)  # nothing is left to be asked
    assert baseline_table.main(command) == code
    assert capsys.readouterr().out == table


def test_a_baseline_that_is_not_beaten_is_named(tmp_path, repository):
    found = evaluate_all({"whole": "baseline:whole", "same": "baseline:whole"}, repository / "data_samples", tmp_path)
    assert losses(found)[0].startswith("grounding, R@1, IoU>=0.3: whole ")
    assert len(losses(found)) == sum(map(len, METRICS.values()))
    assert as_table(found).count("\n") == 2 + sum(map(len, METRICS.values()))
