"""Draw the script of a toy video from a seed; the same seed gives the same script in every process and on every machine."""

from __future__ import annotations

from momentor_lib.toy.dice import Dice
from momentor_lib.toy.motion import pose_at
from momentor_lib.toy.script import FPS, Actor, Event, Scene, Script
from momentor_lib.toy.words import ACTIONS, WORLDS, World

SPLITS = ("train", "val", "test", "unnamed")
SHORTEST_EVENT, LONGEST_EVENT = 2.0, 8.0
SHORTEST_SCENE = 9.0
REST = 0.7  # seconds for which an actor stands still between two of its events
MARGIN = 0.6  # seconds between a cut and an event
SMALLEST, LARGEST = 0.085, 0.21  # radius, share of the frame's width
STEPS = ("move_left", "move_right", "move_up", "move_down")


def sample_script(seed: int, split: str = "train", index: int = 0, world: str = "plain") -> Script:
    """The script of one toy video.

    Args:
        seed: a whole number from 0; every (split, seed, index) is a video of its own.
        split: ``train`` and ``val`` use the training pairs of colour and shape; ``test`` shows held-out pairs beside them, and so does
            ``unnamed``, for training with instructions that never name a held-out pair.
        index: which video of that seed.
        world: a key of ``words.WORLDS``.

    Raises:
        ValueError: an unknown split or world, or a negative seed.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    if seed < 0 or index < 0:
        raise ValueError(f"a seed must be 0 or more, not {min(seed, index)}")
    if world not in WORLDS:
        raise ValueError(f"unknown world {world!r}: choose one of {', '.join(WORLDS)}")
    prefix = "" if world == "plain" else f"{world}/"
    dice = Dice(f"momentor toy world 1/{prefix}{split}/{seed}/{index}")
    name = "toy" if world == "plain" else world
    while True:
        script = _try_script(dice, f"{name}_{split}_{seed}_{index:04d}", split, WORLDS[world])
        if script is not None:
            return script


def _try_script(dice: Dice, name: str, split: str, world: World) -> Script | None:
    duration = round(dice.uniform(20, 60) * FPS) / FPS
    scenes = _sample_scenes(dice, duration, name)
    cast = _sample_cast(dice, scenes, split, world)
    plan = _sample_plan(dice, scenes, cast)
    if plan is None:
        return None
    actors = []
    for scene in range(len(scenes)):
        placed = _place(dice, scenes[scene], cast[scene], scene, plan)
        if placed is None:
            return None
        actors.extend(placed)
    order = {(actor.scene, actor.colour, actor.shape): i for i, actor in enumerate(actors)}
    events = [Event(order[(scene, *pair)], action, start, end, amount) for scene, pair, action, start, end, amount in plan]
    return Script(name, duration, tuple(scenes), tuple(actors), tuple(sorted(events, key=lambda e: (e.start, e.end))), world.name)


def _sample_scenes(dice: Dice, duration: float, name: str) -> list[Scene]:
    count = dice.integer(1, min(3, int(duration / (SHORTEST_SCENE + 2))))
    shares = [dice.uniform(1, 2) for _ in range(count)]
    spare = duration - count * SHORTEST_SCENE
    ends, now = [], 0.0
    for share in shares:
        now += SHORTEST_SCENE + spare * share / sum(shares)
        ends.append(round(now * FPS) / FPS)  # a cut falls between two frames of the file
    ends[-1] = duration
    starts = [0.0, *ends[:-1]]
    return [Scene(start, end, f"{name}/{i}") for i, (start, end) in enumerate(zip(starts, ends, strict=True))]


def _sample_cast(dice: Dice, scenes: list[Scene], split: str, world: World) -> list[list[tuple[str, str]]]:
    """The pairs that stand in each scene; a scene takes some of them over from the others."""
    pool: list[tuple[str, str]] = []
    while len(pool) < 3 + len(scenes) // 2:
        held_out = split in ("test", "unnamed") and (not pool or dice.chance(0.4))
        pair = dice.choice(world.held_out_pairs if held_out else world.train_pairs)
        if pair not in pool:
            pool.append(pair)
    cast = []
    for number in range(len(scenes)):
        # the pool's first pair is in the first scene: every such video shows a held-out one
        members = pool[:1] if number == 0 else []
        left = pool[len(members) :]
        cast.append(members + dice.sample(left, dice.integer(2, 3) - len(members)))
    return cast


Plan = list[tuple[int, tuple[str, str], str, float, float, float]]


def _sample_plan(dice: Dice, scenes: list[Scene], cast: list[list[tuple[str, str]]]) -> Plan | None:
    """Who does what and when: two to six events, at most two at once, nobody doing two things at once."""
    wanted = dice.integer(max(2, len(scenes)), 6)
    plan: Plan = []
    for attempt in range(60):
        if len(plan) == wanted:
            break
        scene = attempt if attempt < len(scenes) else dice.integer(0, len(scenes) - 1)
        repeat = [p for p in plan if p[2] not in ("enter", "leave") and p[1] in cast[scene]] if dice.chance(0.3) else []
        pair, action = dice.choice(repeat)[1:3] if repeat else (dice.choice(cast[scene]), dice.choice(list(ACTIONS)))
        length = min(dice.uniform(SHORTEST_EVENT, LONGEST_EVENT), scenes[scene].end - scenes[scene].start - 2 * MARGIN)
        start = dice.uniform(scenes[scene].start + MARGIN, scenes[scene].end - MARGIN - length)
        event = (scene, pair, action, round(start, 3), round(start + length, 3), _amount(dice, action, length))
        if _fits(event, plan):
            plan.append(event)
    return plan if len(plan) == wanted and {p[0] for p in plan} == set(range(len(scenes))) else None


def _amount(dice: Dice, action: str, length: float) -> float:
    if action in STEPS:
        return dice.uniform(0.28, 0.45)
    if action in ("grow", "shrink"):
        return dice.uniform(1.55, 2.0)
    seconds_each = {"spin": 4.0, "blink": 2.2, "bounce": 1.8}.get(action, length)
    return float(max(1, round(length / seconds_each)))


def _fits(event: tuple, plan: Plan) -> bool:
    scene, pair, action, start, end, _ = event
    own = [p for p in plan if p[:2] == (scene, pair)]
    for other in own:
        if start < other[4] + REST and other[3] < end + REST:
            return False
        if (action == "enter" or other[2] == "leave") and other[3] < start:
            return False
        if (action == "leave" or other[2] == "enter") and other[3] > start:
            return False
    same = [p for p in plan if p[1:3] == (pair, action)]
    if any(start < p[4] + REST and p[3] < end + REST for p in same):
        return False
    # two at most at once: the count is highest where one of them begins
    alike = [*plan, event]
    return all(sum(p[3] <= q[3] < p[4] for p in alike) <= 2 for q in alike)


def _place(dice: Dice, scene: Scene, cast: list, number: int, plan: Plan) -> list[Actor] | None:
    """Starting places and sizes for which nobody leaves the frame unasked and nobody covers another."""
    events = {pair: sorted((Event(0, *p[2:]) for p in plan if p[:2] == (number, pair)), key=lambda e: e.start) for pair in cast}
    times = [scene.start + (scene.end - scene.start) * i / 60 for i in range(61)]
    placed: list[Actor] = []
    for pair in cast:
        for _ in range(80):
            radius = dice.uniform(SMALLEST, LARGEST)
            actor = Actor(*pair, number, dice.uniform(radius, 1 - radius), dice.uniform(radius, 1 - radius), radius)
            if _stays_inside(actor, events[pair], times) and all(
                _apart(actor, events[pair], other, events[(other.colour, other.shape)], times) for other in placed
            ):
                placed.append(actor)
                break
        else:
            return None
    return placed


def _stays_inside(actor: Actor, events: list[Event], times: list[float]) -> bool:
    for time in [*times, *(e.end for e in events)]:
        pose = pose_at(actor, events, time)
        if not SMALLEST <= pose.radius <= LARGEST:
            return False
        sideways = any(e.action in ("enter", "leave") and e.start <= time <= e.end for e in events) or not pose.visible
        if not sideways and not pose.radius <= pose.x <= 1 - pose.radius:
            return False
        if not pose.radius <= pose.y <= 1 - pose.radius:
            return False
    return True


def _apart(actor: Actor, events: list[Event], other: Actor, other_events: list[Event], times: list[float]) -> bool:
    for time in times:
        a, b = pose_at(actor, events, time), pose_at(other, other_events, time)
        if a.visible and b.visible and (a.x - b.x) ** 2 + (a.y - b.y) ** 2 < (0.95 * (a.radius + b.radius)) ** 2:
            return False
    return True
