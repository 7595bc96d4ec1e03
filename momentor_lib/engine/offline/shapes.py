"""Shapes that the offline backend knows: pictures of each, turned, to compare an instance with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from momentor_lib.toy.motion import Pose
from momentor_lib.toy.sprite import draw_sprite
from momentor_lib.toy.words import SHAPES

SIDE = 36  # pixels of a picture
SPAN = 3.0  # how many radii a picture is wide
TURNS = 48  # pictures of a shape
FINE = 8  # pictures are drawn so many times larger first


@dataclass(frozen=True)
class Template:
    """A shape of radius 1; its centroid is in the middle of its pictures.

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
    upright = _draw(shape, 0.0, (0.0, 0.0))
    rows, columns = np.nonzero(upright > 0.1)
    x, y = (((place + 0.5) / FINE / SIDE - 0.5) * SPAN for place in (columns, rows))  # in radii
    centroid = (float(x.mean()), float(y.mean()))
    extent = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    fills, masks = [], []
    for turn in range(TURNS):
        picture = _draw(shape, turn / TURNS, turned(centroid, turn / TURNS))
        fills.append(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel())
        masks.append(cv2.resize((picture > 0.1).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel())
    area = len(rows) * (SPAN / FINE / SIDE) ** 2
    return Template(shape, np.stack(masks), np.stack(fills), area, centroid, extent)


def _draw(shape: str, turn: float, middle: tuple[float, float]) -> np.ndarray:
    """A large picture of a shape, 1 where its fill is; the point ``middle`` (radii from its centre) is in the picture's middle."""
    canvas = np.zeros((SIDE * FINE, SIDE * FINE, 3), np.float32)
    draw_sprite(canvas, "white", shape, Pose(0.5 - middle[0] / SPAN, 0.5 - middle[1] / SPAN, 1 / SPAN, turn))
    return canvas[..., 0] / 248


def turned(point: tuple[float, float], turn: float) -> tuple[float, float]:
    """A point turned clockwise around the origin, y downwards."""
    cosine, sine = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    return float(cosine * point[0] - sine * point[1]), float(sine * point[0] + cosine * point[1])


def fit_shape(masks: list[np.ndarray]) -> tuple[str, float]:
    """Silhouettes bool [h, w] of one instance -> the shape that fits best and how well, 0 to 1 (mean intersection over union)."""
    fits = {shape: float(np.mean([_fit(mask, template(shape)) for mask in masks])) for shape in SHAPES}
    best = max(fits, key=fits.__getitem__)
    return best, fits[best]


def _fit(mask: np.ndarray, known: Template) -> float:
    """Intersection over union with the best turned picture of the same area, both around their centroids."""
    radius = float(np.sqrt(mask.sum() / known.area))
    rows, columns = np.nonzero(mask)
    picture = cut_out(mask.astype(np.float32), (columns.mean() + 0.5, rows.mean() + 0.5), radius).ravel()  # [SIDE * SIDE]
    shared = np.minimum(known.masks, picture).sum(axis=1)
    return float((shared / np.maximum(known.masks, picture).sum(axis=1)).max())


def cut_out(picture: np.ndarray, centre: tuple[float, float], radius: float) -> np.ndarray:
    """A square around a centre, so wide that a shape of this radius has the size of the templates; [SIDE, SIDE], 0 beyond the picture."""
    scale = SIDE / (SPAN * radius)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * centre[0]], [0, scale, SIDE / 2 - scale * centre[1]]], np.float64)
    # pixel centres lie at halves
    matrix[:, 2] += 0.5 * (scale - 1)
    return cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
