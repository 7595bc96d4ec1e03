"""Shapes that the offline backend knows: pictures of each, turned, to compare an instance with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from momentor_lib.toy.motion import Pose
from momentor_lib.toy.sprite import draw_sprite
from momentor_lib.toy.words import SHAPES

SIDE = 32  # pixels of a picture
SPAN = 2.6  # how many radii a picture is wide
TURNS = 48  # pictures of a shape
FINE = 8  # pictures are drawn so many times larger first


@dataclass(frozen=True)
class Template:
    """A shape of radius 1.

    Attributes:
        shape: its name.
        masks: which pixels belong to it, float32 [TURNS, SIDE * SIDE], 0 to 1.
        fills: how bright they are: 1 its colour, about 0.2 outline and dot, 0 outside; float32 [TURNS, SIDE * SIDE].
        area: in squared radii.
        centroid: of its pixels, unturned, x and y in radii.
        extent: left, top, right and bottom edge from its centre, unturned, in radii.
    """

    shape: str
    masks: np.ndarray
    fills: np.ndarray
    area: float
    centroid: tuple[float, float]
    extent: tuple[float, float, float, float]


@cache
def template(shape: str) -> Template:
    """The pictures of a shape, drawn once."""
    fills, masks = [], []
    for turn in range(TURNS):
        canvas = np.zeros((SIDE * FINE, SIDE * FINE, 3), np.float32)
        draw_sprite(canvas, "white", shape, Pose(0.5, 0.5, 1 / SPAN, turn / TURNS))
        grey = canvas[..., 0] / 248
        fills.append(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        masks.append(cv2.resize((grey > 0.1).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        if turn == 0:
            rows, columns = np.nonzero(grey > 0.1)
            x, y = ((columns + 0.5) / FINE / SIDE - 0.5) * SPAN, ((rows + 0.5) / FINE / SIDE - 0.5) * SPAN
            area = len(rows) * (SPAN / FINE / SIDE) ** 2
    flat = [np.stack(pictures).reshape(TURNS, -1) for pictures in (masks, fills)]
    return Template(
        shape, *flat, area, (float(x.mean()), float(y.mean())), (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    )


def fit_shape(masks: list[np.ndarray]) -> tuple[str, float]:
    """Silhouettes bool [h, w] of one instance -> the shape that fits best and how well, 0 to 1 (mean intersection over union)."""
    fits = {shape: float(np.mean([_fit(mask, template(shape)) for mask in masks])) for shape in SHAPES}
    best = max(fits, key=fits.__getitem__)
    return best, fits[best]


def _fit(mask: np.ndarray, known: Template) -> float:
    """Intersection over union with the best turned picture of the same area."""
    radius = float(np.sqrt(mask.sum() / known.area))
    rows, columns = np.nonzero(mask)
    best, turn = 0.0, 0
    for _ in range(2):  # the shape's centre depends on its turn: first as if unturned, then by the best turn
        centre = centre_of((columns.mean() + 0.5, rows.mean() + 0.5), radius, turn / TURNS, known)
        picture = cut_out(mask.astype(np.float32), centre, radius).ravel()  # [SIDE * SIDE]
        shared = np.minimum(known.masks, picture).sum(axis=1)
        overlaps = shared / np.maximum(known.masks, picture).sum(axis=1)
        turn = int(overlaps.argmax())
        best = max(best, float(overlaps[turn]))
        if turn == 0:
            break
    return best


def centre_of(centroid: tuple[float, float], radius: float, turn: float, known: Template) -> tuple[float, float]:
    """Where a shape's centre is, given the centroid of its pixels; all in pixels, ``turn`` in turns clockwise."""
    cosine, sine = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    x, y = known.centroid
    return centroid[0] - radius * (cosine * x - sine * y), centroid[1] - radius * (sine * x + cosine * y)


def cut_out(picture: np.ndarray, centre: tuple[float, float], radius: float) -> np.ndarray:
    """A square around a centre, so wide that a shape of this radius has the size of the templates; [SIDE, SIDE], 0 beyond the picture."""
    scale = SIDE / (SPAN * radius)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * centre[0]], [0, scale, SIDE / 2 - scale * centre[1]]], np.float64)
    # pixel centres lie at halves
    matrix[:, 2] += 0.5 * (scale - 1)
    return cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
