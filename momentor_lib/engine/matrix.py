"""The instance-event matrix: who does what in which event. Rows are instances, the whole video one of them. Paper: section 4.1."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from momentor_lib.engine.boundaries import Boundaries
from momentor_lib.engine.looking import Look
from momentor_lib.engine.tracks import Track

WHOLE = "the whole video"
STILL = "still"
DESCRIBED = "described"  # by a caption of its own, not as one of several known actions
SHORTEST = 0.15  # seconds: a column that is shorter tells nothing


@dataclass(frozen=True)
class Deed:
    """What an instance does in a span.

    Attributes:
        action: a short name of it, ``move_left``; ``still`` where it only stands there; empty where it is not to be seen.
        text: ``moves left``.
        start, end: seconds from when to when it does so, where that is known better than the span.
    """

    action: str
    text: str
    start: float
    end: float

    @property
    def happens(self) -> bool:
        """Whether something goes on."""
        return self.action not in ("", STILL)


@dataclass(frozen=True)
class Row:
    """A row of the matrix.

    Attributes:
        track: number of the instance; None for the whole video.
        name: ``red circle``.
        attributes: what else is known of it.
        scene: number of the scene in which it is; None for the whole video.
        cells: one for each column; None where it is not there.
    """

    track: int | None
    name: str
    attributes: dict[str, str]
    scene: int | None
    cells: list[Deed | None]


@dataclass(frozen=True)
class Event:
    """One instance does one thing, over as many columns as it takes.

    Attributes:
        track: number of the instance; None where it is the whole video's.
        name: of the instance.
        deed: what it does.
    """

    track: int | None
    name: str
    deed: Deed

    @property
    def start(self) -> float:
        """Seconds."""
        return self.deed.start

    @property
    def end(self) -> float:
        """Seconds."""
        return self.deed.end

    @property
    def caption(self) -> str:
        """``the red circle moves left``."""
        return self.deed.text if self.track is None or self.deed.action == DESCRIBED else f"the {self.name} {self.deed.text}"


@dataclass(frozen=True)
class Matrix:
    """The matrix of one video.

    Attributes:
        video_id, duration: of the video; seconds.
        columns: (start, end) of each, seconds.
        rows: the instances, the whole video last.
        events: in order of their start.
        places: number of an instance -> where its centre is at some times: (seconds, (x, y)), x and y 0 to 1.
    """

    video_id: str
    duration: float
    columns: list[tuple[float, float]]
    rows: list[Row]
    events: list[Event] = field(default_factory=list)
    places: dict[int, list[tuple[float, tuple[float, float]]]] = field(default_factory=dict)


Tell = Callable[[Look, Track, float, float], Deed]


def build_matrix(
    video_id: str,
    look: Look,
    tracks: Sequence[Track],
    boundaries: Boundaries,
    tell: Tell,
    tell_whole: Callable[[float, float, list[str]], str],
) -> Matrix:
    """Fills the matrix.

    An instance's own boundaries cut its life into spans; what it does in each is told once and stands in every column of the span, so that
    an event that another one interrupts stays one event.

    Args:
        video_id: of the video.
        look: its frames.
        tracks: named.
        boundaries: of scenes and events.
        tell: the captioner: look, track, start, end -> what it does.
        tell_whole: start, end, what the instances do -> what is to be seen as a whole.
    """
    columns = [(start, end) for start, end in boundaries.segments(look.duration) if end - start > SHORTEST]
    cuts = [0.0, *(b.time for b in boundaries.kept if b.kind == "cut"), look.duration]
    rows, events = [], []
    for number, track in enumerate(tracks):
        deeds = _deeds_of(number, track, boundaries, look, cuts, tell)
        rows.append(Row(number, track.name, dict(track.attributes), track.scene, [_covering(deeds, *column) for column in columns]))
        events += [Event(number, track.name, deed) for deed in deeds if deed.happens]
    events.sort(key=lambda event: (event.start, event.end, event.track))
    whole = []
    for index, (start, end) in enumerate(columns):
        doing = [f"the {row.name} {row.cells[index].text}" for row in rows if row.cells[index] is not None and row.cells[index].action]
        whole.append(Deed("scene", tell_whole(start, end, doing), start, end))
    rows.append(Row(None, WHOLE, {}, None, whole))
    return Matrix(video_id, look.duration, columns, rows, events, {i: _places(look, track) for i, track in enumerate(tracks)})


def _deeds_of(number: int, track: Track, boundaries: Boundaries, look: Look, cuts: list[float], tell: Tell) -> list[Deed]:
    """What an instance does in its scene, one thing after the other; the same thing twice in a row is one."""
    begin, stop = cuts[track.scene], cuts[track.scene + 1]
    edges = [begin, *(b.time for b in boundaries.kept if b.track == number and begin < b.time < stop), stop]
    deeds: list[Deed] = []
    for start, end in itertools.pairwise(edges):
        if end - start <= SHORTEST:
            continue
        deed = tell(look, track, start, end)
        if deeds and (deeds[-1].action, deeds[-1].text) == (deed.action, deed.text):
            deed = Deed(deed.action, deed.text, deeds.pop().start, deed.end)
        elif (
            deeds and deeds[-1].happens and deed.happens and deed.action != DESCRIBED
        ):  # nothing rests between: it may be one thing, a jump and its fall
            both = tell(look, track, deeds[-1].start, end)
            if both.happens and both.action != deeds[-1].action:
                deeds.pop()
                deed = both
        deeds.append(deed)
    return deeds


def _covering(deeds: Sequence[Deed], start: float, end: float) -> Deed | None:
    """The deed that takes up most of a column; None where none does."""
    shared = [(min(end, deed.end) - max(start, deed.start), deed) for deed in deeds]
    most, deed = max(shared, key=lambda pair: pair[0], default=(0.0, None))
    return deed if most > 0 and deed is not None and deed.action else None


def _places(look: Look, track: Track) -> list[tuple[float, tuple[float, float]]]:
    """Where a track's box is in the middle of each fifth of its life."""
    found = []
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        index = int(share * len(track.frames))
        left, top, right, bottom = track.boxes[index]
        place = (round((left + right) / 2, 4), round((top + bottom) / 2, 4))
        found.append((round(float(look.times[track.frames[index]]), 3), place))
    return found
