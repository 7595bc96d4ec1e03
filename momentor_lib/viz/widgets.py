"""Explorer: choose a video, type a query, see its moments on the timeline. Plain ipywidgets around an ``Exploration``.

Where there is no ipywidgets, no kernel, or only an exported page, the timeline of the last answer stands in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from momentor_lib.viz.controls import WIDGET_VIEW, Controls, load_ipywidgets, view_of
from momentor_lib.viz.exploration import Exploration
from momentor_lib.viz.style import VERMILLION
from momentor_lib.viz.timeline import Timeline

if TYPE_CHECKING:
    from momentor_lib.predictor import Predictor

NO_WIDGETS = 'There are no controls, since ipywidgets is not installed (pip install ipywidgets). Ask by explorer.ask("...").'


class Explorer:
    """A video, a box for a query, and the timeline of the answer, which plays the video.

    ::

        Explorer(predictor)                                     # the sample videos
        Explorer(predictor, ["clip.mp4"])                       # your own
        Explorer(predictor, query="the blue moon spins")

    As a cell's last line it is shown with its controls. The saved notebook keeps the timeline of that moment; ``explorer.timeline``
    as a cell's last line keeps a later one.

    Args:
        predictor: answers; it keeps its own video, whatever is chosen here.
        videos: files to choose from; by default the sample videos, and before them the predictor's own video.
        query: asked at once, so that there is something to see.

    Attributes:
        exploration: the videos and the last answer.
        message: what went wrong last, in one line; or empty.

    Raises:
        ValueError: the first video cannot be read, or there is none.
    """

    def __init__(self, predictor: Predictor, videos: Sequence[str | Path] | None = None, query: str = ""):
        self.exploration = Exploration(predictor, videos)
        self.message = ""
        self.exploration.open(self.exploration.first)
        ipywidgets = load_ipywidgets()
        self.controls = Controls(ipywidgets, self.exploration) if ipywidgets else None
        if query:
            self.exploration.ask(query, count=1)
        if self.controls:
            self.controls.query.value = query
            self._connect(self.controls)
            self.controls.show(self.exploration)

    @property
    def timeline(self) -> Timeline:
        """The last answer: a cell shows it, and it can be saved as a page."""
        return self.exploration.timeline

    def choose(self, name: str) -> Explorer:
        """Open one of the videos by its name. What is wrong with it is shown, not raised, here and in what follows."""
        with self._busy("Reading the video ..."):
            self.exploration.open(name)
        return self

    def upload(self, name: str, content: bytes) -> Explorer:
        """Open a video by its bytes."""
        with self._busy("Reading the video ..."):
            self.exploration.upload(name, content)
        return self

    def ask(self, text: str = "", task: str = "ground", count: int | None = None, nearest: bool = False) -> Explorer:
        """Ask about the open video; the arguments are those of :meth:`Exploration.ask`."""
        with self._busy("Looking through the video ..."):
            self.exploration.ask(text, task, count, nearest)
        return self

    def _connect(self, controls: Controls) -> None:
        controls.connect(
            submit=self.ask,
            choose=lambda name: not self.choose(name).message,
            upload=lambda name, content: not self.upload(name, content).message,
            change_task=lambda: controls.suggest(self.exploration),
        )

    @contextmanager
    def _busy(self, words: str) -> Iterator[None]:
        """Says so while something runs, then shows the new timeline, or in one line what went wrong."""
        self._say(escape(words))
        try:
            yield
        except ValueError as error:
            self.message = str(error)
        except Exception as error:  # what a widget's callback raises is seen by nobody
            self.message = f"{type(error).__name__}: {error}"
        else:
            self.message = ""
        if self.controls:
            self.controls.show(self.exploration)
        self._say(self._error())

    def _say(self, markup: str) -> None:
        if self.controls:
            self.controls.status.value = f'<span role="status">{markup}</span>'

    def _error(self) -> str:
        return f'<b style="color:{VERMILLION}">Not done:</b> {escape(self.message)}' if self.message else ""

    def __repr__(self) -> str:
        return f"Explorer of {self.exploration.name}. {self.timeline.description()}"

    def _repr_html_(self) -> str:
        lines = [self._error(), "" if self.controls else escape(NO_WIDGETS)]
        return "".join(f"<p>{line}</p>\n" for line in lines if line) + self.timeline._repr_html_()

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        data: dict[str, object] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if self.controls:
            data[WIDGET_VIEW] = view_of(self.controls.box)
        return data

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.controls:
            self.controls.output.outputs = ()
        display(self._repr_mimebundle_(), raw=True)
        if self.controls:
            self.controls.show(self.exploration)  # Colab's output area shows only what comes after it
