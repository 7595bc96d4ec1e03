"""The instance-event matrix and its renderings, by hand."""

from __future__ import annotations

import pytest
from engine.looks import blank, track_of

from momentor_lib.engine.boundaries import Boundaries, Boundary
from momentor_lib.engine.matrix import STILL, WHOLE, Deed, Matrix, Row, build_matrix
from momentor_lib.engine.matrix_view import as_html, as_text


def tell_by(table):
    """A captioner that knows what each track does when."""

    def tell(look, track, start, end):
        middle = (start + end) / 2
        for (name, begin, stop), action in table.items():
            if name == track.name and begin <= middle < stop:
                return Deed(action, action.replace("_", " "), start, end)
        return Deed(STILL, "stands still", start, end)

    return tell


def two():
    one, other = track_of([0.2] * 100), track_of([0.8] * 100)
    one.name, other.name = "red star", "blue ring"
    return [one, other]


def matrix_of(boundaries, table, tracks=None):
    return build_matrix("v", blank(100), tracks or two(), Boundaries(boundaries), tell_by(table), lambda s, e, doing: " and ".join(doing))


def test_an_event_that_another_one_interrupts_stays_one_event():
    boundaries = [Boundary(2.0, "event", 0), Boundary(4.0, "event", 1), Boundary(6.0, "event", 1), Boundary(8.0, "event", 0)]
    matrix = matrix_of(boundaries, {("red star", 2, 8): "spin", ("blue ring", 4, 6): "grow"})
    assert matrix.columns == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), (8.0, 10.0)]
    assert [(event.caption, event.start, event.end) for event in matrix.events] == [
        ("the red star spin", 2.0, 8.0),
        ("the blue ring grow", 4.0, 6.0),
    ]
    assert [cell.action for cell in matrix.rows[0].cells] == [STILL, "spin", "spin", "spin", STILL]
    assert [cell.action for cell in matrix.rows[1].cells] == [STILL, STILL, "grow", STILL, STILL]
    assert [row.name for row in matrix.rows] == ["red star", "blue ring", WHOLE] and matrix.rows[-1].track is None
    assert matrix.rows[-1].cells[2].text == "the red star spin and the blue ring grow"


def test_the_same_thing_on_both_sides_of_a_boundary_is_one_event():
    boundaries = [Boundary(2.0, "event", 0), Boundary(4.0, "event", 0), Boundary(6.0, "event", 0)]
    matrix = matrix_of(boundaries, {("red star", 2, 6): "blink"})
    assert [(event.start, event.end) for event in matrix.events] == [(2.0, 6.0)]


def test_an_instance_is_in_its_own_scene_only():
    one, other = two()
    other.scene = 1
    matrix = matrix_of([Boundary(5.0, "cut")], {}, [one, other])
    assert [[cell is not None for cell in row.cells] for row in matrix.rows[:2]] == [[True, False], [False, True]]


def test_places_are_where_the_boxes_are():
    matrix = matrix_of([], {})
    assert [place for _, place in matrix.places[0]] == [(0.2, 0.5)] * 5
    assert [time for time, _ in matrix.places[0]] == [1.0, 3.0, 5.0, 7.0, 9.0]


@pytest.fixture
def small():
    cells = [Deed(STILL, "stands still", 0, 2), Deed("spin", "spins", 2, 5), None]
    rows = [Row(0, "red <star>", {}, 0, cells), Row(None, WHOLE, {}, None, [Deed("scene", "nothing moves", 0, 2)] * 3)]
    return Matrix("v & w", 7.0, [(0.0, 2.0), (2.0, 5.0), (5.0, 7.0)], rows)


def test_as_text_every_cell_is_below_its_column(small):
    head, first, last = as_text(small).splitlines()
    for words, line in (("stands still", first), ("spins", first), ("·", first)):
        assert words in line
    assert head.index("2.0-5.0") == first.index("spins") and head.index("5.0-7.0") == first.index("·")
    assert last.startswith(WHOLE)


def test_as_html_texts_are_escaped_and_what_happens_stands_out(small):
    page = as_html(small)
    assert "red &lt;star&gt;" in page and "v &amp; w" in page and "<star>" not in page and "<script" not in page
    assert page.count("<td style") == 6 and page.count("font-weight:bold") == 1
