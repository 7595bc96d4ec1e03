"""Examples -> sequences for training: cut to a length in tokens, those of one video together, so that its frames are paid for once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from momentor_lib.data.drafts import Example

TOO_LONG = "its first turn is longer than the sequence"
OPEN_VIDEOS = 64


class Tokens(Protocol):
    """What is needed of a :class:`momentor_lib.model.processing.MomentorProcessor`."""

    num_frames: int

    def encode_prefix(self, num_frames: int) -> list[int]: ...

    def encode_question(self, question: str, duration: float, first: bool = True) -> tuple[list[int], list[float]]: ...

    def encode_answer(self, answer: str, duration: float) -> tuple[list[int], list[float]]: ...


@dataclass
class VideoDialogues:
    """Instructions about one video that make one sequence.

    With a video's features this is the model's ``VideoExample(dialogues=sequence.dialogues, **features.example_fields())``.

    Attributes:
        video_id, duration: the video, seconds.
        dialogues: each a list of (question, answer) turns, times as time tags.
        data_types: of each dialogue.
        num_tokens: of the whole sequence, prompt and video included.
        window: these seconds of the video alone are shown, as a video of its own; None: all of it.
    """

    video_id: str
    duration: float
    dialogues: list[list[tuple[str, str]]] = field(default_factory=list)
    data_types: list[str] = field(default_factory=list)
    num_tokens: int = 0
    window: tuple[float, float] | None = None


def count_tokens(example: Example, tokens: Tokens) -> list[int]:
    """How many tokens each turn of an example takes, question and answer."""
    counts = []
    for number, turn in enumerate(example["turns"]):
        asked, _ = tokens.encode_question(turn["question"], example["duration"], first=number == 0)
        said, _ = tokens.encode_answer(turn["answer"], example["duration"])
        counts.append(len(asked) + len(said))
    return counts


def fit(
    example: Example, tokens: Tokens, max_tokens: int, *, num_frames: int | None = None, dropped: Counter[str] | None = None
) -> Example | None:
    """An example cut to a sequence's length: whole turns go, from the end. None where not even the first one fits.

    A turn stays whole. An answer that stops early would teach that it ends there: an event list without its last events, or, at a worse
    place, half a span.

    Args:
        example: what to cut.
        tokens: the processor.
        max_tokens: of the whole sequence, prompt and video included.
        num_frames: T; None: the processor's own.
        dropped: an example that is dropped is counted here, with the reason.
    """
    return _fit(example, tokens, max_tokens - _prefix(tokens, num_frames), dropped)[0]


def _fit(example: Example, tokens: Tokens, room: int, dropped: Counter[str] | None) -> tuple[Example | None, int]:
    used = kept = 0
    for count in count_tokens(example, tokens):
        if used + count > room:
            break
        used, kept = used + count, kept + 1
    if kept == 0:
        if dropped is not None:
            dropped[TOO_LONG] += 1
        return None, 0
    return (example if kept == len(example["turns"]) else {**example, "turns": example["turns"][:kept]}), used


def _prefix(tokens: Tokens, num_frames: int | None) -> int:
    return len(tokens.encode_prefix(tokens.num_frames if num_frames is None else num_frames))


def group(
    examples: Iterable[Example],
    tokens: Tokens,
    max_tokens: int,
    *,
    num_frames: int | None = None,
    most: int | None = None,
    open_videos: int = OPEN_VIDEOS,
    dropped: Counter[str] | None = None,
) -> Iterator[VideoDialogues]:
    """Puts the examples of a video together into sequences of at most ``max_tokens``, each example cut as by :func:`fit`.

    A sequence is handed out when the next example of its video does not fit any more, and, since memory is bounded, when more than
    ``open_videos`` videos are begun (the one that was begun first goes), and at the end.

    Args:
        examples: in any order; each video's own order is kept.
        tokens, max_tokens, num_frames, dropped: as of :func:`fit`.
        most: dialogues in one sequence, at most.
        open_videos: videos whose sequences are filled at the same time. One is enough where the examples come video by video; after a
            shuffle, as many as there are fill their sequences best.

    Raises:
        ValueError: the prompt and the video alone are longer than ``max_tokens``.
    """
    prefix = _prefix(tokens, num_frames)
    if prefix >= max_tokens:
        raise ValueError(f"the prompt and the video's frames take {prefix} tokens, so {max_tokens} leave no room for a word")
    begun: dict[str, VideoDialogues] = {}  # in the order in which they were begun
    for example in examples:
        example, count = _fit(example, tokens, max_tokens - prefix, dropped)
        if example is None:
            continue
        video_id = example["video_id"]
        sequence = begun.get(video_id)
        if sequence and (sequence.num_tokens + count > max_tokens or len(sequence.dialogues) == most):
            yield begun.pop(video_id)
            sequence = None
        if sequence is None:
            if len(begun) >= open_videos:
                yield begun.pop(next(iter(begun)))
            sequence = begun[video_id] = VideoDialogues(video_id, example["duration"], num_tokens=prefix)
        sequence.dialogues.append([(turn["question"], turn["answer"]) for turn in example["turns"]])
        sequence.data_types.append(example["data_type"])
        sequence.num_tokens += count
    yield from begun.values()
