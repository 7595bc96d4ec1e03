"""Single pictures of the toy world with phrases that are true or false of them: what the tiny CLIP learns from.

A phrase names one instance in more or less detail, for instance ``a large red circle`` or ``a faint moon at column 3 row 9``.
Whether it holds of a picture is known exactly, so that every phrase can be held against every picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momentor_lib.toy.motion import FAINTEST, Pose
from momentor_lib.toy.render import draw_backdrop, draw_frame
from momentor_lib.toy.sample import LARGEST, SMALLEST
from momentor_lib.toy.script import SIZE, Actor
from momentor_lib.toy.words import COLOURS, SHAPES

PLACES = 16  # columns and rows
TURNS = 8
SIZES = ("tiny", "small", "middling", "large", "huge")
OPACITIES = ("ghostly", "faint", "pale", "solid")
ATTRIBUTES = ("colour", "shape", "column", "row", "size", "turn", "opacity")
_LEVELS = (len(COLOURS), len(SHAPES), PLACES, PLACES, len(SIZES), TURNS, len(OPACITIES))
COLOUR_GROUPS = len(COLOURS)
GROUPS, READINGS = COLOUR_GROUPS + len(SHAPES), 7  # see read_cast
MOST = 8  # instances in a crowded picture; others have up to four
FEW = (0.02, 0.28, 0.3, 0.28, 0.12)  # shares of pictures with none to four


@dataclass(frozen=True)
class Stills:
    """A batch of pictures.

    Attributes:
        pixels: uint8 [B, 3, H, W].
        centres: float [B, MOST, 2], x and y of each instance's centre as shares of the frame; clipped to it.
        attributes: int [B, MOST, 7], the levels of ``ATTRIBUTES`` for each instance; -2 where there is none.
        readings: float32 [B, GROUPS, READINGS], what :func:`read_cast` says of each.
        crowded: the first so many hold six to eight instances.
        later: the last so many show the ones right after the crowded a moment later.
    """

    pixels: np.ndarray
    centres: np.ndarray
    attributes: np.ndarray
    readings: np.ndarray
    crowded: int = 0
    later: int = 0

    def uncrowded(self) -> Stills:
        """All but the crowded pictures."""
        rows = (self.pixels, self.centres, self.attributes, self.readings)
        return Stills(*(row[self.crowded :] for row in rows), later=self.later)


def sample_stills(rng: np.random.Generator, count: int, crowded: int = 0, later: int = 0, size: int = SIZE) -> Stills:
    """Draw pictures of instances of any colour and shape, anywhere, of any size, turn and opacity.

    The first ``crowded`` pictures hold six to eight instances, the others up to four. The last ``later`` show the ``later`` pictures after
    the crowded ones again, a moment later: each instance a little elsewhere, larger or smaller, turned or fainter.
    """
    pixels = np.empty((count, 3, size, size), np.uint8)
    centres = np.zeros((count, MOST, 2))
    attributes = np.full((count, MOST, len(ATTRIBUTES)), -2)
    readings = np.empty((count, GROUPS, READINGS), np.float32)
    drawn: list[tuple[list[tuple[Actor, Pose]], np.ndarray]] = []
    for i in range(count):
        if i < count - later:
            cast = _sample_cast(rng, int(rng.integers(6, 9)) if i < crowded else int(rng.choice(5, p=FEW)))
            backdrop = draw_backdrop(str(rng.integers(2**62)), size)
            drawn.append((cast, backdrop))
        else:
            cast, backdrop = drawn[crowded + i - (count - later)]
            cast = [(actor, _a_moment_later(rng, pose)) for actor, pose in cast]
        pixels[i] = draw_frame(backdrop, cast)
        readings[i] = read_cast(cast)
        for k, (actor, pose) in enumerate(cast):
            centres[i, k] = min(max(pose.x, 0.0), 0.999), min(max(pose.y, 0.0), 0.999)
            attributes[i, k] = levels_of(actor.colour, actor.shape, pose)
    return Stills(pixels, centres, attributes, readings, crowded, later)


def _a_moment_later(rng: np.random.Generator, pose: Pose) -> Pose:
    """What some seconds may change, one or two things at a time."""
    what = rng.uniform(size=5) < 0.35
    x = pose.x + what[0] * rng.normal(0, 0.08)
    y = pose.y + what[1] * rng.normal(0, 0.08)
    radius = min(max(pose.radius * math.exp(what[2] * rng.normal(0, 0.2)), SMALLEST), LARGEST)
    turn = rng.uniform() if what[3] else pose.turn
    opacity = rng.uniform(FAINTEST, 1) if what[4] else pose.opacity
    return Pose(x, y, radius, turn, opacity)


def read_cast(cast: Sequence[tuple[Actor, Pose]]) -> np.ndarray:
    """What is to be read from a picture, float32 [GROUPS, READINGS]: for each colour, then for each shape, the sums over its instances of
    one, x, y, size, opacity, and cosine and sine of the turn; each about as large as the others."""
    table = np.zeros((GROUPS, READINGS), np.float32)
    for actor, pose in cast:
        size = 2 * (pose.radius - SMALLEST) / (LARGEST - SMALLEST) - 1
        angle = 2 * math.pi * pose.turn
        row = (1, 3 * pose.x - 1.5, 3 * pose.y - 1.5, 1.5 * size, 2 * pose.opacity - 1, math.cos(angle), math.sin(angle))
        table[list(COLOURS).index(actor.colour)] += row
        table[len(COLOURS) + SHAPES.index(actor.shape)] += row
    return table


def levels_of(colour: str, shape: str, pose: Pose) -> tuple[int, ...]:
    """The level of each attribute, in the order of ``ATTRIBUTES``."""
    share = (pose.radius - SMALLEST) / (LARGEST - SMALLEST)
    faint = (pose.opacity - FAINTEST) / (1 - FAINTEST)
    return (
        list(COLOURS).index(colour),
        SHAPES.index(shape),
        _level(pose.x, PLACES),
        _level(pose.y, PLACES),
        _level(share, len(SIZES)),
        round(pose.turn * TURNS) % TURNS,
        _level(faint, len(OPACITIES)),
    )


def _level(share: float, count: int) -> int:
    return int(min(max(share * count, 0), count - 1))


def _sample_cast(rng: np.random.Generator, wanted: int) -> list[tuple[Actor, Pose]]:
    cast: list[tuple[Actor, Pose]] = []
    for _ in range(40):
        if len(cast) == wanted:
            break
        radius = rng.uniform(SMALLEST, LARGEST)
        turn = rng.uniform() if rng.uniform() < 0.35 else 0.0
        opacity = rng.uniform(FAINTEST, 1) if rng.uniform() < 0.25 else 1.0
        pose = Pose(rng.uniform(0, 1), rng.uniform(radius, 1 - radius), radius, turn, opacity)
        if all((pose.x - p.x) ** 2 + (pose.y - p.y) ** 2 > (0.9 * (pose.radius + p.radius)) ** 2 for _, p in cast):
            colour, shape = list(COLOURS)[rng.integers(len(COLOURS))], SHAPES[rng.integers(len(SHAPES))]
            if (colour, shape) not in [(a.colour, a.shape) for a, _ in cast]:
                cast.append((Actor(colour, shape, 0, pose.x, pose.y, radius), pose))
    return cast


def sample_phrases(rng: np.random.Generator, stills: Stills, count: int) -> np.ndarray:
    """Phrases about the instances of a batch, int [P, 7]; -1 where an attribute goes unnamed.

    Half of them have one attribute exchanged, so that they are nearly true.
    """
    there = np.argwhere(stills.attributes[:, :, 0] >= 0)
    chosen = there[rng.integers(len(there), size=count)]
    phrases = stills.attributes[chosen[:, 0], chosen[:, 1]].copy()
    named = rng.uniform(size=phrases.shape) < np.array((0.8, 0.8, 0.55, 0.55, 0.35, 0.3, 0.3))
    named[:, 3] = named[:, 2] ^ (rng.uniform(size=count) < 0.15)  # a place is mostly named as a pair
    empty = ~named.any(axis=1)
    named[empty, 0] = True
    exchange = rng.uniform(size=count) < 0.5
    for i in np.flatnonzero(exchange):
        k = rng.choice(np.flatnonzero(named[i]))
        phrases[i, k] = (phrases[i, k] + rng.integers(1, _LEVELS[k])) % _LEVELS[k]
    return np.where(named, phrases, -1)


def holds(stills: Stills, phrases: np.ndarray) -> np.ndarray:
    """Whether each phrase is true of each picture: some instance has every attribute that it names. bool [B, P]."""
    have = stills.attributes[:, :, None, :]  # [B, MOST, 1, 7]
    return ((have == phrases) | ((phrases == -1) & (have >= 0))).all(-1).any(1)


def names_of_level(attribute: int) -> list[str]:
    """A phrase for each level of an attribute, for instance ``a red thing``; for the colour one for each pair, ``a red circle``."""
    rows = np.full((_LEVELS[attribute], len(ATTRIBUTES)), -1)
    rows[:, attribute] = np.arange(_LEVELS[attribute])
    return [write_phrase(row) for row in rows]


def write_phrase(levels: np.ndarray) -> str:
    """A phrase in words."""
    colour, shape, column, row, size, turn, opacity = (int(level) for level in levels)
    words = ["a"]
    if size >= 0:
        words.append(SIZES[size])
    if opacity >= 0:
        words.append(OPACITIES[opacity])
    if colour >= 0:
        words.append(list(COLOURS)[colour])
    words.append(SHAPES[shape] if shape >= 0 else "thing")
    if column >= 0 or row >= 0:
        words.append("at")
    if column >= 0:
        words.append(f"column {column}")
    if row >= 0:
        words.append(f"row {row}")
    if turn >= 0:
        words.append(f"turned {turn}")
    return " ".join(words)


def write_caption(levels: np.ndarray, down: bool = False) -> str:
    """Everything about every instance of a picture, int [MOST, 7] -> words: ``column`` and the instances from left to right, or ``row``
    and the instances from top to bottom."""
    there = sorted((row for row in levels if row[0] >= 0), key=lambda row: (row[3], row[2]) if down else (row[2], row[3]))
    return " ".join(["row" if down else "column", " and ".join(write_phrase(row) for row in there) or "nothing"])
