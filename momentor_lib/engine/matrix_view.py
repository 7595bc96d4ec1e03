"""The instance-event matrix for people: as text and as HTML."""

from __future__ import annotations

from html import escape

from momentor_lib.engine.matrix import Matrix, Row
from momentor_lib.timecode import display

STYLE = (
    "border-collapse:collapse;font-size:13px",
    "border:1px solid #9a9a9a;padding:3px 7px;text-align:left;font-weight:normal",
    "border:1px solid #9a9a9a;padding:3px 7px;background:rgba(0,114,178,.16);font-weight:bold",
)


def as_text(matrix: Matrix, width: int = 22) -> str:
    """A table in plain letters: a column for each event, a row for each instance; ``·`` where it is not there."""
    names = [row.name[:width] for row in matrix.rows]
    first = max(map(len, names), default=0)
    heads = [f"{start:.1f}-{end:.1f}" for start, end in matrix.columns]
    cells = [[_text(row, column)[:width] for column in range(len(heads))] for row in matrix.rows]
    widths = [max([len(head), *(len(line[column]) for line in cells)]) for column, head in enumerate(heads)]
    lines = [" " * first + "  " + "  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True))]
    for name, line in zip(names, cells, strict=True):
        lines.append(name.ljust(first) + "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    return "\n".join(line.rstrip() for line in lines)


def as_html(matrix: Matrix) -> str:
    """The same as an HTML table, where something happens in bold on blue. All texts are escaped; no script."""
    table, plain, busy = STYLE
    head = "".join(f'<th scope="col" style="{plain}">{display(start)} – {display(end)}</th>' for start, end in matrix.columns)
    body = []
    for row in matrix.rows:
        cells = []
        for column in range(len(matrix.columns)):
            deed = row.cells[column]
            style = busy if deed is not None and deed.happens and row.track is not None else plain
            cells.append(f'<td style="{style}">{escape(_text(row, column))}</td>')
        body.append(f'<tr><th scope="row" style="{plain}">{escape(row.name)}</th>{"".join(cells)}</tr>')
    caption = f"<caption>Instances and events of {escape(matrix.video_id)}</caption>"
    return f'<div style="overflow-x:auto"><table style="{table}">{caption}<tr><td></td>{head}</tr>{"".join(body)}</table></div>'


def _text(row: Row, column: int) -> str:
    deed = row.cells[column]
    return "·" if deed is None else deed.text
