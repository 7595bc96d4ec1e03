"""How an instance is drawn: one function, so that richer worlds can put another one in its place."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from momentor_lib.toy.motion import Pose
from momentor_lib.toy.words import PAINT, SHAPES

GRID = 192  # cells of the distance table along one side
REACH = 1.25  # the table covers [-REACH, REACH] in units of the radius
MARK_RADIUS = 0.17
OUTLINE = 1.2  # pixels


def draw_sprite(canvas: np.ndarray, colour: str, shape: str, pose: Pose) -> None:
    """Draw an instance into a frame, in place, with smooth edges.

    A dark outline tells it from the backdrop, a dark dot near its edge shows which way it is turned.

    Args:
        canvas: float32 [H, W, 3], values 0-255.
        colour, shape: keys of ``words.PAINT`` and ``words.SHAPES``.
        pose: place, size, turn and opacity.
    """
    height, width = canvas.shape[:2]
    radius = pose.radius * width
    centre_x, centre_y = pose.x * width, pose.y * height
    reach = radius * REACH
    left, right = max(0, math.floor(centre_x - reach)), min(width, math.ceil(centre_x + reach) + 1)
    top, bottom = max(0, math.floor(centre_y - reach)), min(height, math.ceil(centre_y + reach) + 1)
    if left >= right or top >= bottom:
        return
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - centre_x)[None, :] / radius
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - centre_y)[:, None] / radius
    cosine, sine = math.cos(2 * math.pi * pose.turn), math.sin(2 * math.pi * pose.turn)
    own_x, own_y = cosine * x + sine * y, cosine * y - sine * x  # undo the turn
    table, mark = _distance_table(shape)
    scale = (GRID - 1) / (2 * REACH)
    columns = np.clip((own_x + REACH) * scale + 0.5, 0, GRID - 1).astype(np.intp)
    rows = np.clip((own_y + REACH) * scale + 0.5, 0, GRID - 1).astype(np.intp)
    distance = table[rows, columns] * radius  # [h, w] pixels, below 0 inside
    inside = np.clip(0.5 - distance, 0, 1)
    fill = np.clip(0.5 - distance - OUTLINE, 0, 1)
    dot = np.clip(0.5 - (np.hypot(own_x - mark[0], own_y - mark[1]) - MARK_RADIUS) * radius, 0, 1)
    rgb = np.asarray(PAINT[colour], np.float32)
    paint = rgb * (0.22 + 0.78 * (fill * (1 - 0.8 * dot)))[..., None]
    area = canvas[top:bottom, left:right]
    area += (inside * pose.opacity)[..., None] * (paint - area)


@cache
def _distance_table(shape: str) -> tuple[np.ndarray, tuple[float, float]]:
    """Signed distance of a shape of radius 1 (float32 [GRID, GRID]) and the place of its dot."""
    axis = np.linspace(-REACH, REACH, GRID)
    x, y = np.meshgrid(axis, axis)
    round_distance = np.hypot(x, y)
    mark = (0.0, -0.62)
    if shape == "circle":
        distance = round_distance - 0.95
    elif shape == "ring":
        distance, mark = np.abs(round_distance - 0.7) - 0.26, (0.0, -0.7)
    elif shape == "moon":
        distance, mark = np.maximum(round_distance - 0.98, 0.75 - np.hypot(x - 0.5, y)), (-0.62, 0.0)
    elif shape in SHAPES:
        corners = _corners(shape)
        distance = _polygon_distance(x, y, corners)
        mark = {"heart": (0.0, 0.4), "triangle": (0.0, -0.35), "star": (0.0, -0.45), "square": (0.0, -0.5)}.get(shape, mark)
    else:
        raise ValueError(f"unknown shape {shape!r}: choose one of {', '.join(SHAPES)}")
    return distance.astype(np.float32), mark


def _corners(shape: str) -> np.ndarray:
    """Corners of a polygon of radius 1, [K, 2], y downwards."""
    if shape == "square":
        return 0.8 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    if shape == "cross":
        a = 0.33
        return 0.98 * np.array([(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)])
    if shape == "heart":
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x = np.sin(t) ** 3
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 17
        return np.stack([x, y * 1.0 - 0.05], axis=1)
    points = 3 if shape == "triangle" else 5
    angles = -np.pi / 2 + np.arange(2 * points) * np.pi / points
    inner = 0.5 if shape == "triangle" else 0.45  # 0.5 puts a triangle's inner corners on its edges
    lengths = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return 1.02 * lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _polygon_distance(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Signed distance from each point to a closed polygon: nearest edge, sign by counting crossings."""
    nearest = np.full(x.shape, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * ex, y - ay - along * ey))
        if ey != 0:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ex / ey)
    return np.where(inside, -nearest, nearest)
