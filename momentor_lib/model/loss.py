"""The loss: cross-entropy over words and anchors together, only where there is a label.

Paper: section 3.2. The released code fills a dense one-hot target over V + N for every token (250 MiB a sample at its sizes). Here hidden
states are gathered at labelled positions first, two log-probabilities at most are picked for each, and long inputs are cut in chunks whose
logits are computed again in the backward pass instead of being kept.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# Logits alive at once: 2^23 floats are 32 MiB, and a chunk of that size keeps a matrix product efficient.
MAX_LOGITS = 2**23


def target_log_probabilities(
    words: Tensor, times: Tensor | None, labels: Tensor, is_time: Tensor, floor: Tensor, remainder: Tensor
) -> Tensor:
    """Log-probability of each target under the softmax over V + N.

    Args:
        words: vocabulary logits [K, V].
        times: temporal logits [K, N], or None without a TPM.
        labels: word ids [K]; any valid id where ``is_time``.
        is_time: whether the target is a time [K].
        floor, remainder: a time's lower anchor and remainder [K]: the target is (1-r) on f and r on f+1. Where r = 0 that is 1 on f.
            Departure: the released code trains such a time towards nothing.

    Returns:
        [K], float32: sum over the target's classes of probability times log-probability.
    """
    words = words.float()
    total = words.logsumexp(-1)
    picked = words.gather(-1, labels[:, None]).squeeze(-1)
    if times is not None:
        times = times.float()
        total = torch.logaddexp(total, times.logsumexp(-1))
        pair = times.gather(-1, torch.stack((floor, floor + 1), dim=-1))  # [K, 2]
        time_picked = torch.lerp(pair[:, 0], pair[:, 1], remainder)
        picked = torch.where(is_time, time_picked, picked)
    return picked - total


def summed_loss(
    hidden: Tensor,
    labels: Tensor,
    is_time: Tensor,
    floor: Tensor,
    remainder: Tensor,
    *,
    logits: Callable[[Tensor], tuple[Tensor, Tensor | None]],
    num_classes: int,
    max_logits: int = MAX_LOGITS,
) -> Tensor:
    """Sum over K labelled tokens of the cross-entropy; 0 with a gradient where K = 0.

    Args:
        hidden: hidden states [K, D] that predict the labels.
        labels, is_time, floor, remainder: [K], as in :func:`target_log_probabilities`.
        logits: hidden [k, D] -> vocabulary logits [k, V] and temporal logits [k, N] or None.
        num_classes: V + N, which fixes the size of a chunk.
        max_logits: most logits alive at once.
    """

    def chunk_loss(hidden, labels, is_time, floor, remainder):
        words, times = logits(hidden)
        return -target_log_probabilities(words, times, labels, is_time, floor, remainder).sum()

    size = max(1, max_logits // num_classes)
    targets = (hidden, labels, is_time, floor, remainder)
    if hidden.shape[0] <= size:
        return chunk_loss(*targets)
    chunks = zip(*(tensor.split(size) for tensor in targets), strict=True)
    return torch.stack([checkpoint(chunk_loss, *chunk, use_reentrant=False) for chunk in chunks]).sum()
