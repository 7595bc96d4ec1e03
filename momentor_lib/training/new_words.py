"""Which words a trained model does not have yet: those that it writes worst in the new data.

A language model whose vocabulary is frozen has a row for every token, but a small one may never have learned some of them, and LoRA between
the layers cannot bring a row to life. So a few rows may learn beside LoRA (peft's trainable tokens).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor, VideoExample
from momentor_lib.training.validation import run_examples

UNKNOWN = 2.0  # mean cross-entropy of a token, nats, above which the model does not have it


@torch.inference_mode()
def hardest_tokens(model: Momentor, processor: MomentorProcessor, examples: Iterable[VideoExample], most: int, batch: int = 4) -> list[int]:
    """The tokens that cost the model most in the answers of some examples, ascending ids, ``most`` of them at most.

    Only tokens that it writes badly on average (above :data:`UNKNOWN`); times and the end token are none.
    """
    examples, vocabulary = list(examples), model.config.text_config.vocab_size
    loss, count = torch.zeros(vocabulary), torch.zeros(vocabulary)
    was_training = model.training
    model.eval()
    for first in range(0, len(examples), batch):
        token, cost = _costs(model, processor, examples[first : first + batch])
        loss.index_add_(0, token, cost)
        count.index_add_(0, token, torch.ones_like(cost))
    model.train(was_training)
    loss[[token for token in (processor.eos_token_id, *processor.never_written) if token < vocabulary]] = 0
    loss = loss.masked_fill(loss / count.clamp(min=1) < UNKNOWN, 0)
    return sorted(loss.topk(min(most, int((loss > 0).sum()))).indices.tolist())


def _costs(model: Momentor, processor: MomentorProcessor, examples: Sequence[VideoExample]) -> tuple[Tensor, Tensor]:
    """The word tokens of the examples' answers [K], and the cross-entropy of each [K]."""
    data, hidden, tables = run_examples(model, processor, examples)
    wanted = data["labels"][:, 1:]
    chosen = (wanted != -100) & (wanted != processor.time_token_id)
    words, times = model.logits(hidden[:, :-1][chosen], tables)  # [K, V], [K, N]
    total = words.float().logsumexp(-1)
    if times is not None:
        total = torch.logaddexp(total, times.float().logsumexp(-1))
    token = wanted[chosen]
    return token.cpu(), (total - words.float().gather(-1, token[:, None]).squeeze(-1)).cpu()
