"""The steps of the tiny model's training: dialogues about toy videos, drawn anew, packed and cut into batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from momentor_lib.model.processing import MomentorProcessor, VideoExample
from momentor_lib.toy import Script
from momentor_lib.training import toy_data
from momentor_lib.training.batches import Step
from momentor_lib.training.side_tasks import find_questions

Draw = Callable[[Script, Tensor, np.random.Generator], tuple[VideoExample, Tensor]]
FROM_SCRIPT: Draw = partial(toy_data.draw_example, vary=True)


class ToyBatches:
    """Step -> its batch, the same whenever it is asked for.

    Sixteen batches are drawn together and cut by length, so that little of a batch is padding. A batch is what ``Momentor.forward`` takes,
    with what the side tasks ask: ``acts`` (what goes on in each frame [frames, DEEDS]) and the fields of
    :class:`momentor_lib.training.side_tasks.Questions`.

    Args:
        scripts, features: of the videos, features [T, D_v] each.
        size: videos in a batch.
        draw: script, features float32 [T, D_v], generator -> an example and what goes on in its frames [T, DEEDS]; by default what a script
            tells, varied (:func:`momentor_lib.training.toy_data.draw_example`).
        word_dropout: see :func:`drop_words`.
    """

    TOGETHER = 16

    def __init__(
        self,
        processor: MomentorProcessor,
        scripts: Sequence[Script],
        features: Sequence[Tensor],
        *,
        size: int,
        seed: int = 0,
        draw: Draw = FROM_SCRIPT,
        word_dropout: float = 0.0,
    ) -> None:
        self.processor, self.scripts, self.features = processor, scripts, features
        self.size, self.seed, self.word_dropout = size, seed, word_dropout
        self.draw = draw
        self._group, self._batches = -1, []

    def __getitem__(self, step: int) -> Step:
        group, number = divmod(step, self.TOGETHER)
        if group != self._group:
            self._group, self._batches = group, self._draw(np.random.default_rng([self.seed, group]))
        encoded, acts, names = zip(*self._batches[number], strict=True)
        batch = self.processor.collate(encoded)
        asked = find_questions(batch, self.processor.time_token_id)
        return Step([batch | {"acts": torch.cat(acts)} | asked._asdict()], [list(names)])

    def _draw(self, rng: np.random.Generator) -> list[list[tuple[dict[str, Tensor], Tensor, str]]]:
        encoded = []
        for i in rng.integers(len(self.scripts), size=self.size * self.TOGETHER):
            example, acts = self.draw(self.scripts[i], self.features[i].float(), rng)
            encoded.append((drop_words(self.processor, example, self.word_dropout, rng), acts, example.video_id))
        encoded.sort(key=lambda one: len(one[0]["input_ids"]))
        return [encoded[self.size * i : self.size * (i + 1)] for i in rng.permutation(self.TOGETHER)]


def drop_words(processor: MomentorProcessor, example: VideoExample, share: float, rng: np.random.Generator) -> dict[str, Tensor]:
    """Encode a video with its dialogues, and blank out this share of the answers' words where they are read; as labels they stay.

    Word dropout (Bowman et al., 2016): a model that cannot count on the words before has to look at the video. Without it the tiny model
    took a colour and a shape that training never names together for a pair that it does name.
    """
    encoded = processor.encode(example)
    ids = encoded["input_ids"]
    words = (encoded["labels"] == ids) & (ids != processor.time_token_id)
    drawn = torch.from_numpy(rng.random(len(ids)) < share)
    return encoded | {"input_ids": ids.masked_fill(words & drawn, processor.pad_token_id)}
