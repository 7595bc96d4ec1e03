"""Decoding with continuous feedback: words and times from one distribution, a decoded time fed back as it is.

At each step the classes are V words and one more, "a time", whose logit is the log-sum-exp of the N temporal logits. Where the time wins, a
continuous position is read from the temporal logits and its interpolated token is the next input. Departure: the released code's
``generate`` ignores times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from momentor_lib.model.grammar import SpanGrammar
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.prefix import VideoPrefix, open_cache
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.model.temporal import DecodedTime

MAX_NEW_TOKENS = 512
NAN = float("nan")


@dataclass
class Generated:
    """One answer in the model's own terms.

    Attributes:
        ids: token ids, ``<time>`` for a time, without the end token.
        positions: position of each ``<time>``, NaN elsewhere.
        times: position, spread and mass of each ``<time>``, in their order.
        first_temporal_logits: temporal logits [N] of the first step, None with times as text.
        finished: the model ended its answer; False where ``max_new_tokens`` cut it off.
    """

    ids: list[int] = field(default_factory=list)
    positions: list[float] = field(default_factory=list)
    times: list[DecodedTime] = field(default_factory=list)
    first_temporal_logits: Tensor | None = None
    finished: bool = False


class Conversation:
    """B conversations that go on together, each after its own video's cached prefix.

    Rows may differ in the length of the video and of the text: padding is hidden by the mask, and position ids count each row's own tokens,
    so every row gets what it gets alone.
    """

    def __init__(self, model: Momentor, videos: Sequence[VideoPrefix]):
        self.model = model
        self.tables = model.temporal.tables()
        self.cache, self.visible = open_cache(videos)  # visible [B, P]
        self.lengths = self.visible.sum(-1)  # tokens of each row so far [B]

    def extend(self, ids: Sequence[Sequence[int]], positions: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor | None]:
        """Add ids and positions (NaN where no time) to each row -> logits after each row's last token, [B, V] and [B, N]."""
        device = self.visible.device
        counts = torch.tensor([len(row) for row in ids], device=device)  # [B]
        longest = max(len(row) for row in ids)
        input_ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in ids], device=device)  # [B, Q]
        places = [[*row, *[float("nan")] * (longest - len(row))] for row in positions]
        embeds = self.model.splice(input_ids, torch.tensor(places, dtype=torch.float64, device=device), tables=self.tables)  # [B, Q, D]
        steps = torch.arange(longest, device=device)
        real = steps < counts[:, None]  # [B, Q]
        causal = (steps[:, None] >= steps)[None] & real[:, None, :]  # [B, Q, Q]
        mask = torch.cat((self.visible[:, None, :].expand(-1, longest, -1), causal), dim=-1)  # [B, Q, P+Q]
        hidden = self.model.run_language_model(embeds, mask[:, None], self.lengths[:, None] + steps, self.cache)
        self.visible = torch.cat((self.visible, real), dim=-1)
        self.lengths = self.lengths + counts
        last = hidden[torch.arange(len(ids), device=device), counts - 1]  # [B, D]
        return self.model.logits(last, self.tables)


@torch.no_grad()
def generate(
    model: Momentor,
    processor: MomentorProcessor,
    videos: VideoPrefix | Sequence[VideoPrefix],
    questions: Sequence[str],
    *,
    spans: bool = False,
    begins_with_time: bool = False,
    nearest: bool = False,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> list[Generated]:
    """Answer questions, all in one batch.

    Args:
        videos: the prefix that all questions are about, or one for each question.
        questions: texts with time tags.
        spans, begins_with_time: see :class:`~momentor_lib.model.grammar.SpanGrammar`.
        nearest: read the nearest anchor instead of a continuous position (for the ablation).
        max_new_tokens: where an answer is cut off (a span's ``-`` still follows its start).
        temperature: 0 takes the likeliest class; above, classes are drawn at this temperature with ``generator``. A time's position is its
            distribution's either way.

    Raises:
        ValueError: as many videos as questions are not given.
    """
    videos = [videos] * len(questions) if isinstance(videos, VideoPrefix) else list(videos)
    if len(videos) != len(questions):
        raise ValueError(f"{len(questions)} questions need as many videos, or one for all, not {len(videos)}")
    if not questions:
        return []
    tags = processor.time_format == "tags"
    asked = [processor.encode_question(question, video.duration) for question, video in zip(questions, videos, strict=True)]
    conversation = Conversation(model, videos)
    logits = conversation.extend([ids for ids, _ in asked], [positions for _, positions in asked])
    answers = [Generated(first_temporal_logits=first) for first in (logits[1] if tags else [None] * len(questions))]
    grammars = [SpanGrammar(processor.dash_ids, spans and tags, begins_with_time and tags) for _ in questions]
    going = [True] * len(questions)
    while any(going):
        written = [len(answer.ids) for answer in answers]
        choices = _choose(*logits, grammars, processor, temperature, generator)
        decoded = _read_times(model, logits[1], grammars, choices, processor, nearest)
        for row, answer in enumerate(answers):
            if going[row]:
                _write(answer, grammars[row], choices[row], decoded[row], processor)
                going[row] = not answer.finished and len(answer.ids) < max_new_tokens
        if any(going):
            logits = conversation.extend(*_news(answers, written, going, processor.eos_token_id))
    return answers


def _news(
    answers: Sequence[Generated], written: Sequence[int], going: Sequence[bool], end: int
) -> tuple[list[list[int]], list[list[float]]]:
    """Ids and positions that each answer has grown by. One that has ended repeats the end token, which nothing reads."""
    rows = list(zip(answers, written, going, strict=True))
    ids = [answer.ids[begin:] if on else [end] for answer, begin, on in rows]
    return ids, [answer.positions[begin:] if on else [NAN] for answer, begin, on in rows]


def _choose(words, times, grammars, processor: MomentorProcessor, temperature: float, generator) -> list[int]:
    """The next token of each row: vocabulary logits [B, V], temporal logits [B, N] -> ids, ``<time>`` for a time."""
    words = words.float()
    for token in processor.never_written:
        if token < words.shape[-1]:
            words[:, token] = float("-inf")
    if times is not None:
        words = torch.cat((words, times.float().logsumexp(-1, keepdim=True)), dim=-1)  # [B, V+1]
    if temperature > 0:
        chosen = torch.multinomial((words / temperature).softmax(-1), 1, generator=generator).squeeze(-1)
    else:
        chosen = words.argmax(-1)
    time_class = words.shape[-1] - 1 if times is not None else -1
    choices = []
    for grammar, choice in zip(grammars, chosen.tolist(), strict=True):
        is_time = grammar.must_be_time or choice == time_class
        choices.append(processor.time_token_id if is_time else choice)
    return choices


def _read_times(
    model: Momentor,
    times: Tensor | None,
    grammars: Sequence[SpanGrammar],
    choices: Sequence[int],
    processor: MomentorProcessor,
    nearest: bool,
) -> list[DecodedTime | None]:
    """The time of each row that chose to write one: position, spread and mass as floats."""
    if times is None or processor.time_token_id not in choices:
        return [None] * len(choices)
    minimum = torch.tensor([grammar.minimum for grammar in grammars], device=times.device)
    decoded = model.temporal.decode(times, minimum, window=model.config.decoding_window, nearest=nearest)
    return [DecodedTime(*values) for values in zip(*(part.tolist() for part in decoded), strict=True)]


def _write(answer: Generated, grammar: SpanGrammar, choice: int, decoded: DecodedTime | None, processor: MomentorProcessor) -> None:
    """Add one token to an answer, and the words that have to follow it, or end the answer."""
    if choice == processor.eos_token_id:
        answer.finished = True
        return
    if choice == processor.time_token_id:
        answer.ids.append(choice)
        answer.positions.append(decoded.position)
        answer.times.append(decoded)
        grammar.saw_time(decoded.position)
    else:
        _write_word(answer, grammar, choice)
    while grammar.must_be_word is not None:  # they go into the model together with what was chosen
        _write_word(answer, grammar, grammar.must_be_word)


def _write_word(answer: Generated, grammar: SpanGrammar, word: int) -> None:
    answer.ids.append(word)
    answer.positions.append(NAN)
    grammar.saw_word(word)
