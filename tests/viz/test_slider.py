"""A figure under a slider, as a kernel moves it and as a page without one shows it."""

from __future__ import annotations

import base64
import io
import sys

import numpy as np
import pytest
from PIL import Image

from momentor_lib.viz import token_plots
from momentor_lib.viz.controls import WIDGET_VIEW
from momentor_lib.viz.slider import Slider

POSITIONS = np.linspace(0, 1, 201)
WEIGHTS = np.maximum(0, 1 - np.abs(4 * POSITIONS[:, None] - np.arange(5)))  # tents of five anchors


def tents(position: float):
    return token_plots.tents(POSITIONS, WEIGHTS, "Two neighbours share a weight of one", marked=position)


@pytest.mark.parametrize(
    ("position", "told"), [(0.3, "0.80 of T[1] and 0.20 of T[2]"), (0.5, "At 0.50: 1.00 of T[2]."), (1.0, "At 1.00: 1.00 of T[4].")]
)
def test_moving_it_draws_the_weights_there(position, told) -> None:
    slider = Slider(tents, "position", 0.1)
    assert "0.60 of T[0] and 0.40 of T[1]" in repr(slider)
    slider.control.value = position
    [output] = slider._output.outputs
    assert told in output["metadata"]["image/png"]["alt"] and told in repr(slider)
    with Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))) as image:
        assert image.width > 300


def test_without_a_kernel_or_ipywidgets_there_is_a_figure(monkeypatch) -> None:
    data, metadata = Slider(tents, "position", 0.3)._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG") and WIDGET_VIEW in data and "0.80 of T[1]" in metadata["image/png"]["alt"]
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # its import fails
    bare = Slider(tents, "position", 0.3)
    assert set(bare._repr_mimebundle_()[0]) == {"image/png", "text/plain"} and bare.control is None
