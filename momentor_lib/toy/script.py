"""The script of a toy video: plain data from which pixels and annotations both follow."""

from __future__ import annotations

from dataclasses import dataclass

from momentor_lib.toy.words import WORLDS, name_of

FPS = 10
SIZE = 128


@dataclass(frozen=True)
class Event:
    """One instance does one thing.

    Attributes:
        actor: index into ``Script.actors``.
        action: a key of ``words.ACTIONS``.
        start, end: seconds, continuous: not rounded to frames.
        amount: how far the action goes: a distance as a share of the frame's width for moves, a factor for grow and shrink,
            whole turns, blinks or hops for the others.
    """

    actor: int
    action: str
    start: float
    end: float
    amount: float


@dataclass(frozen=True)
class Actor:
    """One instance in one scene, as it stands when the scene begins.

    Attributes:
        colour, shape: the pair that names it.
        scene: index into ``Script.scenes``.
        x, y: centre, as a share of the frame's width and height, y downwards.
        radius: share of the frame's width.
    """

    colour: str
    shape: str
    scene: int
    x: float
    y: float
    radius: float

    @property
    def name(self) -> str:
        """``the red circle``."""
        return name_of(self.colour, self.shape)


@dataclass(frozen=True)
class Scene:
    """A stretch between two hard cuts.

    Attributes:
        start, end: seconds.
        background: seed of the backdrop.
    """

    start: float
    end: float
    background: str


@dataclass(frozen=True)
class Script:
    """A whole toy video.

    Attributes:
        id: name of the video.
        duration: seconds, a whole number of frames at 10 fps.
        scenes, actors: in order of time.
        events: in order of their start.
        world: a key of ``words.WORLDS``: in which words it is told.
    """

    id: str
    duration: float
    scenes: tuple[Scene, ...]
    actors: tuple[Actor, ...]
    events: tuple[Event, ...]
    world: str = "plain"

    @property
    def actions(self) -> dict[str, tuple[str, str, str, str]]:
        """The world's words for what its things do, as ``words.ACTIONS``."""
        return WORLDS[self.world].actions

    @property
    def frame_times(self) -> list[float]:
        """Presentation times of the file's frames, seconds."""
        return [i / FPS for i in range(round(self.duration * FPS))]

    def caption(self, event: Event) -> str:
        """``the red circle moves left``."""
        return f"{self.actors[event.actor].name} {self.actions[event.action][0]}"

    def events_of(self, actor: int) -> list[Event]:
        """What one actor does, in order of time."""
        return [event for event in self.events if event.actor == actor]
