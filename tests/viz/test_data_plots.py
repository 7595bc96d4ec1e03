"""The figures of notebook 03 show what they are given."""

from __future__ import annotations

import pytest

from momentor_lib.viz.data_plots import TokenTable, errors_by_format, scores_and_thresholds


def test_scores_above_a_threshold_are_filled_and_the_others_hollow():
    picture = scores_and_thresholds({"a": [0.1, 0.3, 0.5], "b": [2.0]}, {"a": 0.3, "b": 1.0}, "title")
    [axes] = picture.figure.axes
    points = {}
    for line in axes.lines:
        points.setdefault(line.get_markerfacecolor() != "none", []).extend(line.get_xdata().tolist())
    assert sorted(points[False]) == [0.1, 0.3]  # one that is just the threshold does not pass
    assert sorted(points[True]) == [0.5, 2.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_each_format_names_its_worst_error():
    [axes] = errors_by_format({"text": [0.1, 0.5], "tags": [0.0]}, "title").figure.axes
    assert [text.get_text() for text in axes.texts] == ["worst 0.500 s", "worst 0.000 s"]


def test_the_token_table_marks_what_is_learned_and_shows_text_as_text():
    table = TokenTable(["<time>", "a&b"], [True, False], ["0.25", ""], "caption <1>")
    page = table._repr_html_()
    assert "&lt;time&gt;" in page and "a&amp;b" in page and "caption &lt;1&gt;" in page and "0.25" in page
    assert page.count("border-bottom:4px") == 1
    assert repr(table) == "caption <1>\n[<time>] a&b"


def test_a_token_without_a_flag_is_refused():
    with pytest.raises(ValueError):
        repr(TokenTable(["a", "b"], [True], ["", ""], ""))
