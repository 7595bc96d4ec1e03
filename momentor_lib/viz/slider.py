"""Slider: a figure that is drawn again for every value. Without a kernel or ipywidgets it is the figure of the first value."""

from __future__ import annotations

import base64
from collections.abc import Callable

from momentor_lib.viz.controls import WIDGET_VIEW, load_ipywidgets, view_of
from momentor_lib.viz.picture import Picture


class Slider:
    """A slider from 0 to 1 above a figure.

    ::

        Slider(lambda position: plots.tents(positions, weights, title, marked=position), "position", 0.3)

    Args:
        draw: a value -> its picture.
        label: what the slider moves.
        value: the first one, 0 to 1.

    Attributes:
        picture: of the present value.
        control: ipywidgets' slider; None without ipywidgets.
    """

    def __init__(self, draw: Callable[[float], Picture], label: str, value: float):
        self._draw = draw
        self.picture = draw(value)
        self.control = self._output = self._box = None
        if ipywidgets := load_ipywidgets():
            wide = ipywidgets.Layout(width="30rem", max_width="100%")
            self.control = ipywidgets.FloatSlider(
                value=value, min=0, max=1, step=0.01, description=label, continuous_update=False, layout=wide
            )
            self._output = ipywidgets.Output()
            self._box = ipywidgets.VBox([self.control, self._output])
            self.control.observe(self._move, "value")
            self._show()

    def _move(self, change: dict[str, float]) -> None:
        self.picture = self._draw(change["new"])
        self._show()

    def _show(self) -> None:
        data, metadata = self.picture._repr_mimebundle_()
        data = {**data, "image/png": base64.b64encode(data["image/png"]).decode("ascii")}
        self._output.outputs = ({"output_type": "display_data", "data": data, "metadata": metadata},)

    def __repr__(self) -> str:
        return repr(self.picture)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        data, metadata = self.picture._repr_mimebundle_()
        return {**data, **({WIDGET_VIEW: view_of(self._box)} if self._box else {})}, metadata

    def _ipython_display_(self) -> None:
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        if self._output:
            self._output.outputs = ()
        display(data, metadata=metadata, raw=True)
        if self._output:
            self._show()  # Colab's output area shows only what comes after it
