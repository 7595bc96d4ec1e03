"""Captions of clips and of pictures, for modality alignment: a captioned segment's frames as a video of their own.

Paper: section 4.3, stage 1, aligns on pairs of a picture or a clip and a caption. A segment caption of Moment-10M is such a pair once the
segment is cut out; the frame in its middle is the picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from momentor_lib import prompts
from momentor_lib.data.drafts import Example
from momentor_lib.data.grouping import TOO_LONG, Tokens, VideoDialogues
from momentor_lib.timecode import find_spans, find_tags

NO_SEGMENT = "its question does not name one segment"
TIMED = "its caption names a time"


def cut_clips(
    examples: Iterable[Example],
    tokens: Tokens,
    max_tokens: int,
    *,
    num_frames: int | None = None,
    pictures: bool = True,
    dropped: Counter[str] | None = None,
) -> Iterator[VideoDialogues]:
    """Examples whose question names a segment and whose answer says what happens there -> clips, each a sequence with its caption.

    Args:
        examples: of segment captions; only the first turn is read.
        tokens, max_tokens, num_frames: as of :func:`momentor_lib.data.grouping.fit`.
        pictures: for each clip also the frame in its middle, with the same caption.
        dropped: reason -> how many examples were left out, is counted up here.
    """
    dropped = Counter() if dropped is None else dropped
    frames = tokens.num_frames if num_frames is None else num_frames
    for example in examples:
        turn, duration = example["turns"][0], example["duration"]
        spans = find_spans(turn["question"])
        if len(spans) != 1 or not spans[0][0] <= spans[0][1]:
            dropped[NO_SEGMENT] += 1
            continue
        if find_tags(turn["answer"]):
            dropped[TIMED] += 1
            continue
        (start, end) = spans[0]
        middle = (start + end) / 2
        shown = [(prompts.CLIP, (start, end), round(frames * (end - start) / duration) + 1)]
        for question, window, count in [*shown, *([(prompts.PICTURE, (middle, middle), 1)] if pictures else [])]:
            asked, said = tokens.encode_question(question, duration)[0], tokens.encode_answer(turn["answer"], duration)[0]
            length = len(tokens.encode_prefix(count)) + len(asked) + len(said)
            if length > max_tokens:
                dropped[TOO_LONG] += 1
                continue
            yield VideoDialogues(
                example["video_id"], duration, [[(question, turn["answer"])]], [example["data_type"]], length, window=window
            )
