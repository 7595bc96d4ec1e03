"""The figures of notebook 03: scores and thresholds, what rounding loses, and which tokens are learned.

As in :mod:`momentor_lib.viz.plots`, the caller gives the title, and nothing here computes what it shows.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from momentor_lib.viz import style
from momentor_lib.viz.picture import Picture
from momentor_lib.viz.plots import axes_of


def scores_and_thresholds(scores: Mapping[str, Sequence[float]], thresholds: Mapping[str, float], title: str) -> Picture:
    """A row of points for each data type, one a record, and a bar where its threshold is; kept ones are filled."""
    axes = axes_of(9, 0.42 * len(scores) + 1.3, title)
    for row, (name, values) in enumerate(scores.items()):
        values = np.asarray(values, dtype=float)
        kept = values > thresholds[name]
        spread = row + np.random.default_rng(row).uniform(-0.18, 0.18, len(values))
        axes.plot(values[~kept], spread[~kept], "o", ms=5, mfc="none", mec=style.MUTED, ls="none", label="dropped" if row == 0 else None)
        axes.plot(values[kept], spread[kept], "o", ms=5, color=style.BLUE, ls="none", label="kept" if row == 0 else None)
        axes.vlines(thresholds[name], row - 0.35, row + 0.35, color=style.VERMILLION, lw=3, label="threshold" if row == 0 else None)
    axes.set_yticks(range(len(scores)), list(scores))
    axes.set(xlabel="score", ylim=(len(scores) - 0.4, -0.6))
    axes.legend(loc="upper center", ncols=3, frameon=False, bbox_to_anchor=(0.4, -0.1 - 0.5 / len(scores)))
    return Picture(axes.figure, f"Scores of {len(scores)} data types as points, filled where they are above the bar of the threshold.")


def errors_by_format(errors: Mapping[str, Sequence[float]], title: str) -> Picture:
    """How far written times are from the true ones, seconds: a row of points for each format."""
    axes = axes_of(9, 0.6 * len(errors) + 1.2, title)
    for row, values in enumerate(errors.values()):
        values = np.asarray(values, dtype=float)
        spread = row + np.random.default_rng(row).uniform(-0.2, 0.2, len(values))
        axes.plot(values, spread, "o", ms=4, alpha=0.6, color=style.PALETTE[row], ls="none")
        axes.text(1.02, row, f"worst {values.max():.3f} s", transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(errors)), list(errors))
    axes.set(xlabel="distance from the true time (s)", ylim=(len(errors) - 0.5, -0.5))
    return Picture(axes.figure, f"Errors of times written in {len(errors)} formats, one point a time.")


@dataclass(frozen=True)
class TokenTable:
    """Tokens of a sequence as a table that a notebook shows: what is asked in grey, what is learned in colour and underlined.

    Attributes:
        tokens: as text [L].
        learned: whether each is a target [L].
        notes: a line under each, for instance the position of a time [L].
        caption: what to see.
    """

    tokens: Sequence[str]
    learned: Sequence[bool]
    notes: Sequence[str]
    caption: str

    def __repr__(self) -> str:
        words = [f"[{token}]" if target else token for token, target in zip(self.tokens, self.learned, strict=True)]
        return f"{self.caption}\n{' '.join(words)}"

    def _repr_html_(self) -> str:
        cells = "".join(map(self._cell, self.tokens, self.learned, self.notes))
        caption = f'<p style="margin:0 0 6px"><b>{html.escape(self.caption)}</b></p>'
        return f'<div style="font-family:monospace;line-height:1.4">{caption}<div style="display:flex;flex-wrap:wrap">{cells}</div></div>'

    def _cell(self, token: str, learned: bool, note: str) -> str:
        look = f"background:{style.ORANGE};color:#000;border-bottom:4px solid #000" if learned else "background:#eee;color:#555"
        word, below = html.escape(token), html.escape(note) or "&nbsp;"
        return (
            f'<div style="margin:2px;padding:2px 5px;{look};text-align:center">{word}'
            f'<div style="font-size:75%;color:inherit">{below}</div></div>'
        )
