"""The explorer's controls: which ipywidgets there are and what they show. What they do is connected in ``widgets``.

ipywidgets 7 and 8 both serve: Colab has 7, and shows nothing of 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType

from momentor_lib.viz.exploration import TASKS, UPLOAD_LIMIT, Exploration
from momentor_lib.viz.timeline import Timeline

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MOST_MOMENTS = 8
READINGS = (("continuous", False), ("nearest anchor", True))
PLACEHOLDERS = {
    "ground": "what to look for; press Enter",
    "ask": "a question; a time in it is written <12.3s>; press Enter",
    "events": "nothing to type: every event is listed",
}
WIDE = {"description_width": "5.5rem"}


def load_ipywidgets() -> ModuleType | None:
    """ipywidgets, where it is installed."""
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


class Controls:
    """The widgets, and ``box``, which holds them all."""

    def __init__(self, ipywidgets: ModuleType, exploration: Exploration):
        def layout(**sizes: str) -> object:
            return ipywidgets.Layout(**{"max_width": "100%", **sizes})

        self.video = ipywidgets.Dropdown(description="Video", options=list(exploration.clips), style=WIDE, layout=layout(width="24rem"))
        self.upload = ipywidgets.FileUpload(accept="video/*", multiple=False, description="Upload", layout=layout(width="9rem"))
        self.task = ipywidgets.ToggleButtons(options=[(label, task) for task, label in TASKS.items()], style={"button_width": "8rem"})
        self.query = ipywidgets.Combobox(description="Query", style=WIDE, layout=layout(width="30rem"))
        self.button = ipywidgets.Button(description="Ask", button_style="primary", icon="search", layout=layout(width="6rem"))
        self.count = ipywidgets.IntSlider(
            description="Moments", value=1, min=1, max=MOST_MOMENTS, continuous_update=False, style=WIDE, layout=layout(width="24rem")
        )
        self.reading = ipywidgets.ToggleButtons(options=READINGS, style={"button_width": "8rem"})
        self.status = ipywidgets.HTML(layout=layout(min_height="1.8rem", margin="0 0 0 6rem"))
        self.output = ipywidgets.Output(layout=layout(margin="0"))
        limit = ipywidgets.HTML(f"up to {UPLOAD_LIMIT / 1e6:.0f} MB")
        beside = layout(width="6rem", margin="2px", display="flex", justify_content="flex-end")  # their own label would lie above them
        ask, times = (ipywidgets.Label(words, layout=beside) for words in ("Ask", "Times"))
        rows = [(self.video, self.upload, limit), (ask, self.task), (self.query, self.button), (self.count,), (times, self.reading)]
        boxes = [ipywidgets.HBox(row, layout=layout(flex_flow="row wrap", align_items="center")) for row in rows]
        self.box = ipywidgets.VBox([*boxes, self.status, self.output])
        self.changing = False  # a value is being set from here, not by the user

    def show(self, exploration: Exploration) -> None:
        """The open video and the last answer."""
        self.changing = True
        try:
            if self.video.options != tuple(exploration.clips):
                self.video.options = tuple(exploration.clips)
            self.video.value = exploration.name
        finally:
            self.changing = False
        self.suggest(exploration)
        self.output.outputs = (as_output(exploration.timeline),)

    def suggest(self, exploration: Exploration) -> None:
        """What can be typed."""
        task = self.task.value
        self.query.options = exploration.clip.examples(task)
        self.query.placeholder = PLACEHOLDERS[task]
        self.query.disabled = task == "events"
        for control in (self.count, self.reading):
            control.disabled = task != "ground"

    def connect(
        self,
        *,
        submit: Callable[[str, str, int, bool], object],
        choose: Callable[[str], bool],
        upload: Callable[[str, bytes], bool],
        change_task: Callable[[], object],
    ) -> None:
        """What happens when a user does something; ``choose`` and ``upload`` say whether the video is open now."""

        def send(*_: object) -> None:
            submit(self.query.value, self.task.value, self.count.value, self.reading.value)

        def send_on_enter(_: object, content: Mapping[str, object], __: object) -> None:
            if content.get("event") == "submit":
                send()

        def send_again(_: object) -> None:
            if self.query.value.strip():
                send()

        def list_events() -> None:
            if self.task.value == "events":  # there is nothing to type first
                send()

        def switch(_: object) -> None:
            change_task()
            list_events()

        def pick(change: Mapping[str, str]) -> None:
            if not self.changing and choose(change["new"]):
                list_events()

        def take(change: Mapping[str, object]) -> None:
            for name, content in uploaded(change["new"]):
                if upload(name, content):
                    list_events()
            if change["new"]:
                self.upload.set_trait("value", type(change["new"])())  # so that the same file can come again

        self.query.on_msg(send_on_enter)
        self.button.on_click(send)
        self.task.observe(switch, "value")
        self.count.observe(send_again, "value")
        self.reading.observe(send_again, "value")
        self.video.observe(pick, "value")
        self.upload.observe(take, "value")


def view_of(widget: object) -> dict[str, object]:
    """What a cell's output holds of a widget: both versions of ipywidgets read it."""
    return {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}


def as_output(timeline: Timeline) -> dict[str, object]:
    """A timeline as ipywidgets' Output holds it: a message of the notebook's own format, so that its script runs."""
    data = {"text/html": timeline._repr_html_(), "text/plain": repr(timeline)}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def uploaded(value: Mapping[str, Mapping[str, object]] | Sequence[Mapping[str, object]]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file in the value of a FileUpload: a dict in ipywidgets 7, a tuple in 8."""
    files = [(name, file) for name, file in value.items()] if isinstance(value, Mapping) else [(file["name"], file) for file in value]
    for name, file in files:
        yield str(name), bytes(file["content"])
