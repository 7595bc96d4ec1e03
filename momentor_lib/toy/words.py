"""The vocabularies of the toy worlds: colours, shapes, actions, and the pairs that training never names."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class World:
    """What the things of a toy world look like, and how what they do is told.

    Attributes:
        name: of the world.
        colours: name -> red, green, blue, 0-255.
        actions: as :data:`ACTIONS`; every world has the same ones, told in its own words.
    """

    name: str
    colours: dict[str, tuple[int, int, int]]
    actions: dict[str, tuple[str, str, str, str]]

    @property
    def held_out_pairs(self) -> tuple[tuple[str, str], ...]:
        """One pair for each colour and each shape, named in test videos only."""
        return tuple((colour, SHAPES[(3 * i + 1) % len(SHAPES)]) for i, colour in enumerate(self.colours))

    @property
    def train_pairs(self) -> tuple[tuple[str, str], ...]:
        """All other pairs."""
        held_out = self.held_out_pairs
        return tuple(pair for pair in ((colour, shape) for colour in self.colours for shape in SHAPES) if pair not in held_out)


# A second world to adapt a trained model to: colours that the first has not, and other words for every action.
STUDIO_COLOURS: dict[str, tuple[int, int, int]] = {
    "pink": (250, 150, 200),
    "brown": (120, 72, 32),
    "lime": (175, 235, 60),
    "navy": (24, 32, 110),
    "magenta": (225, 40, 160),
    "black": (18, 18, 18),
    "teal": (0, 115, 110),
    "peach": (255, 200, 150),
}
STUDIO_ACTIONS: dict[str, tuple[str, str, str, str]] = {
    "move_left": ("slides leftwards", "slide leftwards", "sliding leftwards", "glide to the left edge"),
    "move_right": ("slides rightwards", "slide rightwards", "sliding rightwards", "glide to the right edge"),
    "move_up": ("climbs", "climb", "climbing", "go towards the top"),
    "move_down": ("drops", "drop", "dropping", "go towards the bottom"),
    "grow": ("swells", "swell", "swelling", "take up more room"),
    "shrink": ("dwindles", "dwindle", "dwindling", "take up less room"),
    "spin": ("twirls", "twirl", "twirling", "rotate"),
    "blink": ("flickers", "flicker", "flickering", "come and go like a lamp"),
    "bounce": ("jumps", "jump", "jumping", "go up and down"),
    "enter": ("arrives", "arrive", "arriving", "turn up"),
    "leave": ("departs", "depart", "departing", "be gone"),
}
WORLDS = {world.name: world for world in (World("plain", COLOURS, ACTIONS), World("studio", STUDIO_COLOURS, STUDIO_ACTIONS))}
PAINT = {colour: rgb for world in WORLDS.values() for colour, rgb in world.colours.items()}


def name_of(colour: str, shape: str) -> str:
    """``the red circle``."""
    return f"the {colour} {shape}"


ALL_PAIRS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
# Of the plain world: test videos show them, no training instruction of the video model names them.
HELD_OUT_PAIRS = WORLDS["plain"].held_out_pairs
TRAIN_PAIRS = WORLDS["plain"].train_pairs
