"""The style's colours can be told apart and read; its settings end with the block."""

from __future__ import annotations

import itertools

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb

from momentor_lib.viz import style

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009: severity 1.
SEEN_BY = {
    "all cones": np.eye(3),
    "no L cones": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "no M cones": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}


def linear(colour: str) -> np.ndarray:
    """Linear red, green, blue of a colour, 0 to 1."""
    encoded = np.asarray(to_rgb(colour))
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: contrast ratio of two colours."""
    bright, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def lightness_and_hue(colour: str, seen: np.ndarray) -> np.ndarray:
    """CIELAB (white D65) of a colour as it is seen."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ np.clip(seen @ linear(colour), 0, 1) / [0.9505, 1.0, 1.089], 0.0089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_any_two_colours_stay_apart_for_colour_blind_readers() -> None:
    for who, seen in SEEN_BY.items():
        for one, other in itertools.combinations(style.PALETTE, 2):
            distance = np.linalg.norm(lightness_and_hue(one, seen) - lightness_and_hue(other, seen))
            assert distance > 10, (who, one, other, distance)


def test_what_the_timeline_draws_with_stands_out_on_white_and_its_words_can_be_read() -> None:
    assert min(contrast(colour, "#FFFFFF") for colour in (style.PREDICTED, style.TRUTH, style.SELECTED)) >= 3
    assert contrast(style.MUTED, "#FFFFFF") >= 4.5


def test_the_page_uses_the_same_colours() -> None:
    from importlib.resources import files

    css = files("momentor_lib.viz").joinpath("page.css").read_text(encoding="utf-8")
    assert f"--predicted: {style.PREDICTED}; --truth: {style.TRUTH}; --selected: {style.SELECTED};" in css


def test_lines_differ_in_their_dashes_too_and_settings_end_with_the_block() -> None:
    before = matplotlib.rcParams["axes.prop_cycle"]
    with style.use():
        cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()
        assert len(set(map(str, cycle["linestyle"]))) == len(set(cycle["color"])) == len(style.PALETTE)
    assert matplotlib.rcParams["axes.prop_cycle"] == before
