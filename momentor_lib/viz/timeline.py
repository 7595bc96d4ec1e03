"""Timeline: where an answer's moments lie in a video, as a figure, as a page, and in a notebook."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from momentor_lib.files import atomic_path, write_whole
from momentor_lib.moments import Moment
from momentor_lib.viz import style, thumbnails
from momentor_lib.viz.text import clean, describe, shorten, write_span, write_time

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from momentor_lib.video import Frames

EMBED_LIMIT = 2_000_000  # bytes of a video file that a page holds itself
HEADLINE_COLUMNS = 60


@dataclass(frozen=True, eq=False, repr=False)
class Timeline:
    """Moments on a video's time axis.

    In a notebook, a timeline as a cell's last line shows its page: a player, a button for each moment, and a table.

    Attributes:
        duration: seconds of the video, above 0.
        moments: best first, where they answer a query; a moment may reach beyond the video.
        query: what was asked, shown as the title.
        frames: pictures for the strip; read from ``video_path`` where they are not given.
        video_path: the file that the page plays. It is embedded up to ``embed_limit`` bytes.
        truth: the right answer, drawn in a row of its own.
        note: a sentence shown below the title.
        headline: a few words behind the query in place of the best moment's times, for instance an answer in words; the moments then
            stand in no order of merit.
        embed_limit: bytes.
    """

    duration: float
    moments: list[Moment]
    _: KW_ONLY
    query: str = ""
    frames: Frames | None = None
    video_path: str | Path | None = None
    truth: list[Moment] | None = None
    note: str = ""
    headline: str = ""
    embed_limit: int = EMBED_LIMIT

    def __post_init__(self) -> None:
        if not 0 < self.duration < math.inf:
            raise ValueError(f"a timeline needs a duration above 0 s, not {self.duration}")
        for moment in [*self.moments, *(self.truth or [])]:
            if not (math.isfinite(moment.start) and math.isfinite(moment.end) and moment.start <= moment.end):
                raise ValueError(f"a moment needs a start and an end of at least that, not {moment.start} s and {moment.end} s")

    def __repr__(self) -> str:
        return self.description()

    @cached_property
    def strip(self) -> list[thumbnails.Thumbnail]:
        """The frames of the strip; empty where there is neither a video nor its frames."""
        if self.frames is not None:
            return thumbnails.choose(self.frames, self.duration)
        return [] if self.video_path is None else thumbnails.read(self.video_path, self.duration)

    @property
    def subject(self) -> str:
        """What the timeline is of: the query in quotation marks, or how many moments in how long a video."""
        if self.query:
            return f"“{clean(self.query)}”"
        count = len(self.moments)
        if self.headline and not count:
            return f"{write_time(self.duration, self.duration)} of video"
        return f"{count} moment{'' if count == 1 else 's'} in {write_time(self.duration, self.duration)} of video"

    @property
    def point(self) -> str:
        """What the timeline shows, in a few words."""
        if self.headline:
            return shorten(clean(self.headline), HEADLINE_COLUMNS)
        if not self.moments:
            return self.nothing
        if not self.query:
            return ""
        best = write_span(self.moments[0], self.duration)
        return best if len(self.moments) == 1 else f"{best}, best of {len(self.moments)} moments"

    @property
    def nothing(self) -> str:
        """What stands in the place of moments where there are none."""
        return "No moments" if self.headline else "No moment found"

    def description(self) -> str:
        """The timeline in words, for those who cannot see it."""
        found = "; ".join(f"moment {i}: {describe(m, self.duration)}" for i, m in enumerate(self.moments, 1))
        found = "; ".join(filter(None, [clean(self.headline), found])) or "no moment found"
        truth = "; ".join(describe(m, self.duration, is_truth=True) for m in self.truth or [])
        words = f"Timeline of {self.subject}, {write_time(self.duration, self.duration)} long: {found}"
        return f"{words}; truth: {truth}." if truth else f"{words}."

    def figure(self) -> Figure:
        """The timeline as a matplotlib figure: frames, moments as bars with their uncertainty as whiskers, the truth."""
        from momentor_lib.viz.figure import draw

        return draw(self)

    def save_png(self, path: str | Path) -> None:
        """Writes the figure; the description goes into the file's metadata."""
        metadata = {"Title": self.subject, "Description": self.description(), "Software": None}
        with atomic_path(path) as temporary, style.use():
            self.figure().savefig(temporary, format="png", metadata=metadata)

    def html(self) -> str:
        """A page that needs no other file and no network, except that a video above ``embed_limit`` is not in it."""
        from momentor_lib.viz.page import page

        return page(self)

    def save_html(self, path: str | Path) -> None:
        """Writes the page. A video too large to embed is linked to where it lies in the page's own folder."""
        from momentor_lib.viz.page import page

        write_whole(path, page(self, folder=Path(path).parent))

    def _repr_html_(self) -> str:
        from momentor_lib.viz.page import fragment

        return fragment(self)
