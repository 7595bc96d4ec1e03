"""The vocabulary of the toy world: colours, shapes, actions, and the pairs that training never names."""

from __future__ import annotations

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 40, 40),
    "green": (40, 170, 60),
    "blue": (40, 80, 225),
    "yellow": (240, 220, 50),
    "orange": (245, 140, 30),
    "purple": (150, 50, 190),
    "cyan": (50, 210, 220),
    "white": (248, 248, 248),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "heart", "moon")

# action -> (third person, infinitive, progressive, what somebody would say who does not know our word for it)
ACTIONS: dict[str, tuple[str, str, str, str]] = {
    "move_left": ("moves left", "move left", "moving left", "travel to the left side"),
    "move_right": ("moves right", "move right", "moving right", "travel to the right side"),
    "move_up": ("moves up", "move up", "moving up", "rise"),
    "move_down": ("moves down", "move down", "moving down", "sink"),
    "grow": ("grows", "grow", "growing", "become bigger"),
    "shrink": ("shrinks", "shrink", "shrinking", "become smaller"),
    "spin": ("spins", "spin", "spinning", "turn around"),
    "blink": ("blinks", "blink", "blinking", "fade in and out"),
    "bounce": ("bounces", "bounce", "bouncing", "hop"),
    "enter": ("enters", "enter", "entering", "come into view"),
    "leave": ("leaves", "leave", "leaving", "go out of view"),
}

ALL_PAIRS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
# One pair for each colour and each shape: test videos show them, no training instruction of the video model names them.
HELD_OUT_PAIRS = tuple((colour, SHAPES[(3 * i + 1) % len(SHAPES)]) for i, colour in enumerate(COLOURS))
TRAIN_PAIRS = tuple(pair for pair in ALL_PAIRS if pair not in HELD_OUT_PAIRS)


def name_of(colour: str, shape: str) -> str:
    """``the red circle``."""
    return f"the {colour} {shape}"
