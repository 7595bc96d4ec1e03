"""Names of colours: of a pixel before a backdrop, also where it is half transparent."""

from __future__ import annotations

import numpy as np

from momentor_lib.toy.words import COLOURS

# Beside the toy world's own colours, those that other videos need.
OTHERS = {"black": (20, 20, 20), "grey": (128, 128, 128), "brown": (120, 72, 32), "pink": (250, 150, 200)}
TOY_NAMES = tuple(COLOURS)
NAMES = (*COLOURS, *OTHERS)
RGB = np.array([*COLOURS.values(), *OTHERS.values()], np.float32)  # [K, 3]


def classify(pixels: np.ndarray, backdrop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the toy world's colours lies over the backdrop.

    A pixel of opacity a is ``backdrop + a (colour - backdrop)``: its difference from the backdrop points towards the colour, whatever a.

    Args:
        pixels, backdrop: [N, 3] blue, green, red.

    Returns:
        Number of the colour, int [N], and the cosine of the angle to it, float32 [N].
    """
    behind = backdrop[:, ::-1].astype(np.float32)
    difference = pixels[:, ::-1].astype(np.float32) - behind
    colours = RGB[: len(TOY_NAMES)]
    products = difference @ colours.T - np.einsum("nc,nc->n", difference, behind)[:, None]  # [N, K]: difference . (colour - backdrop)
    square = np.einsum("kc,kc->k", colours, colours)[None] - 2 * behind @ colours.T + np.einsum("nc,nc->n", behind, behind)[:, None]
    length = np.sqrt(np.einsum("nc,nc->n", difference, difference))[:, None]
    cosines = products / (length * np.sqrt(np.maximum(square, 0)) + 1e-6)
    best = cosines.argmax(axis=1)
    return best, cosines[np.arange(len(best)), best]


def nearest_name(rgb: np.ndarray) -> str:
    """The name of the nearest colour; rgb 0-255, [3]. Distances are those of the CIE Lab space."""
    import cv2

    def lab(colours: np.ndarray) -> np.ndarray:
        return cv2.cvtColor((colours / 255).astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0]

    return NAMES[int(np.linalg.norm(lab(RGB) - lab(np.asarray(rgb, np.float32)[None]), axis=1).argmin())]
