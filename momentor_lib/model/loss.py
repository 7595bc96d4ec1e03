"""The loss: cross-entropy over words and anchors together, only where there is a label.

Paper: section 3.2. The released code fills a dense one-hot target over V + N for every token (250 MiB a sample at its sizes). Here hidden
states are gathered at labelled positions first, and at most two log-probabilities are picked for each. Logits live for one chunk at a time:
its gradient, softmax minus target, is made while they are there, so that nothing of size V is kept for the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Logits alive at once: these floats are 24 MiB, twice over while their gradient is made; fewer tokens make slow matrix products.
MAX_LOGITS = 6 * 2**20
FEWEST_TOKENS = 64

Logits = Callable[[Tensor], tuple[Tensor, Tensor | None]]


class Targets(NamedTuple):
    """What K labelled tokens are to be.

    Attributes:
        words: word ids [K]; any valid id where ``is_time``.
        is_time: whether the target is a time [K].
        floor, remainder: a time's lower anchor and remainder [K]: the target is (1-r) on f and r on f+1. Where r = 0 that is 1 on f.
            Departure: the released code trains such a time towards nothing.
    """

    words: Tensor
    is_time: Tensor
    floor: Tensor
    remainder: Tensor

    def split(self, size: int) -> list[Targets]:
        """Chunks of at most ``size`` tokens."""
        return [Targets(*parts) for parts in zip(*(part.split(size) for part in self), strict=True)]


class Softmax(NamedTuple):
    """The softmax over V + N of K tokens before its division: what the loss and its gradient are both made of.

    Attributes:
        words, times: exp(logits - the largest) [K, V] and [K, N], float32; ``times`` is None without a TPM.
        total: their sum [K].
    """

    words: Tensor
    times: Tensor | None
    total: Tensor


def token_losses(words: Tensor, times: Tensor | None, targets: Targets) -> tuple[Tensor, Softmax]:
    """Cross-entropy of each token under the softmax over V + N [K], float32, and that softmax.

    Args:
        words: vocabulary logits [K, V].
        times: temporal logits [K, N], or None without a TPM.
    """
    words = words.float()
    picked = words.gather(-1, targets.words[:, None]).squeeze(-1)
    largest = words.detach().amax(-1)
    if times is not None:
        times = times.float()
        largest = torch.maximum(largest, times.detach().amax(-1))
        pair = times.gather(-1, torch.stack((targets.floor, targets.floor + 1), dim=-1))  # [K, 2]
        picked = torch.where(targets.is_time, torch.lerp(pair[:, 0], pair[:, 1], targets.remainder.float()), picked)
    parts = [(part - largest[:, None]).exp_() for part in (words, times) if part is not None]
    total = sum(part.sum(-1) for part in parts)
    return largest + total.log() - picked, Softmax(parts[0], None if times is None else parts[1], total)


def summed_loss(hidden: Tensor, targets: Targets, logits: Logits, parameters: Sequence[Tensor], num_classes: int) -> Tensor:
    """Sum over K labelled tokens of the cross-entropy; 0 with a gradient where K = 0.

    Args:
        hidden: hidden states [K, D] that predict the targets.
        logits: hidden [k, D] -> vocabulary logits [k, V] and temporal logits [k, N] or None.
        parameters: the tensors besides ``hidden`` that ``logits`` computes with.
        num_classes: V + N, which fixes the size of a chunk.
    """
    size = max(FEWEST_TOKENS, MAX_LOGITS // num_classes)
    chunks = max(1, math.ceil(len(hidden) / size))
    size = max(1, math.ceil(len(hidden) / chunks))  # all of one size
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    if torch.is_grad_enabled() and (hidden.requires_grad or parameters):
        return _SummedLoss.apply(logits, targets, size, hidden, *parameters)
    parts = zip(hidden.split(size), targets.split(size), strict=True)
    return sum(token_losses(*logits(part), target)[0].sum() for part, target in parts)


class _SummedLoss(torch.autograd.Function):
    """The sum and its gradients in one pass over the chunks: no logits are computed twice, and none outlive their chunk."""

    @staticmethod
    def forward(ctx, logits: Logits, targets: Targets, size: int, hidden: Tensor, *parameters: Tensor) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        gradients = [torch.empty_like(hidden), *(torch.zeros_like(parameter) for parameter in parameters)]
        into = gradients[0].split(size)
        for part, target, place in zip(hidden.split(size), targets.split(size), into, strict=True):
            part = part.detach().requires_grad_()
            with torch.enable_grad():
                words, times = logits(part)
            losses, softmax = token_losses(words.detach(), None if times is None else times.detach(), target)
            total += losses.sum()
            outputs = [one for one in (words, times) if one is not None]
            slopes = [slope.to(one.dtype) for slope, one in zip(_slopes(softmax, target), outputs, strict=True)]
            found = torch.autograd.grad(outputs, [part, *parameters], slopes)
            place.copy_(found[0])
            for sum_, new in zip(gradients[1:], found[1:], strict=True):
                sum_ += new
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx, slope: Tensor):
        return None, None, None, *(gradient * slope.to(gradient.dtype) for gradient in ctx.saved_tensors)


def _slopes(softmax: Softmax, target: Targets) -> list[Tensor]:
    """The loss's derivative by the logits, softmax minus target, in the softmax's own place."""
    words = softmax.words.div_(softmax.total[:, None])  # [k, V]
    words.scatter_add_(-1, target.words[:, None], -(~target.is_time).float()[:, None])
    if softmax.times is None:
        return [words]
    times = softmax.times.div_(softmax.total[:, None])  # [k, N]
    remainder, is_time = target.remainder.float(), target.is_time.float()
    anchors = torch.stack((target.floor, target.floor + 1), dim=-1)  # [k, 2]
    times.scatter_add_(-1, anchors, -torch.stack((is_time * (1 - remainder), is_time * remainder), dim=-1))
    return [words, times]
