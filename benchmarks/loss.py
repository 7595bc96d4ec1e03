"""The loss against the dense one-hot form, time and peak memory, 32,000 words and 300 anchors at the width of SmolLM2-135M.

A sequence is a video's: 300 frames and the system prompt first, then instructions, two fifths of whose tokens are answers, that is,
labelled; the language model is frozen, as in the paper. The rival makes logits and a one-hot target for every token, as the released code
does. The last two rows are the hardest case for us: every token labelled, and the vocabulary's head trained as well.
"""

from __future__ import annotations

import threading
import time
from multiprocessing import get_context

import psutil
import torch
from torch import Tensor
from torch.nn import functional

from momentor_lib.model.loss import Targets, summed_loss
from momentor_lib.model.temporal import TemporalPerceptionModule

WIDTH, VOCABULARY, ANCHORS, PREFIX = 576, 32_000, 300, 325
REPEATS = 2


def dense(hidden: Tensor, head: Tensor, anchors: Tensor, labels: Tensor, positions: Tensor) -> Tensor:
    """Mean cross-entropy by a one-hot target over V + N for all L tokens."""
    logits = torch.cat((hidden @ head.T, hidden @ anchors.T), dim=-1)  # [L, V+N]
    target = torch.zeros_like(logits)
    rows = torch.arange(len(labels))
    words, times = (labels >= 0) & positions.isnan(), ~positions.isnan()
    target[rows[words], labels[words]] = 1
    scaled = positions[times] * (ANCHORS - 1)
    floor = scaled.floor().clamp(max=ANCHORS - 2)
    target[rows[times], VOCABULARY + floor.long()] = 1 - (scaled - floor)
    target[rows[times], VOCABULARY + floor.long() + 1] = scaled - floor
    return -(target * functional.log_softmax(logits, dim=-1)).sum() / (words | times).sum()


def ours(hidden: Tensor, head: Tensor, anchors: Tensor, labels: Tensor, positions: Tensor) -> Tensor:
    """The same by the library's own loss."""
    module = TemporalPerceptionModule(ANCHORS, 1)
    labelled = labels >= 0
    hidden, labels, positions = hidden[labelled], labels[labelled], positions[labelled]
    is_time = ~positions.isnan()
    floor, remainder = module.anchors(positions.nan_to_num(0.0))
    targets = Targets(labels.masked_fill(is_time, 0), is_time, floor, remainder)
    total = summed_loss(hidden, targets, lambda part: (part @ head.T, part @ anchors.T), [head, anchors], VOCABULARY + ANCHORS)
    return total / len(labels)


def _inputs(length: int, hardest: bool) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(length, WIDTH, generator=generator)
    head, anchors = (0.02 * torch.randn(rows, WIDTH, generator=generator) for rows in (VOCABULARY, ANCHORS))
    labels = torch.randint(VOCABULARY, (length,), generator=generator)
    if not hardest:
        answered = torch.arange(length) % 40 >= 24  # of an instruction's 40 tokens the last 16
        labels[~answered | (torch.arange(length) < PREFIX)] = -100
    is_time = (labels >= 0) & (torch.arange(length) % 8 == 0)
    positions = torch.where(is_time, torch.rand(length, generator=generator), float("nan"))
    return [hidden.requires_grad_(), head.requires_grad_(hardest), anchors.requires_grad_(), labels, positions]


class Peak(threading.Thread):
    """Watches the process's memory every millisecond: ``mebibytes`` is its largest rise since the start."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.process, self.done, self.mebibytes = psutil.Process(), threading.Event(), 0.0
        self.begin = self.process.memory_info().rss

    def run(self) -> None:
        while not self.done.wait(0.001):
            self.mebibytes = max(self.mebibytes, (self.process.memory_info().rss - self.begin) / 2**20)


def measure(name: str, length: int, hardest: bool, answers) -> None:
    """CPU seconds (best of a few) and MiB beyond inputs and their gradients, of one form, into a queue. Runs in a process of its own."""
    torch.set_num_threads(1)
    inputs, form = _inputs(length, hardest), {"ours": ours, "dense": dense}[name]
    for tensor in inputs[:3]:
        tensor.grad = torch.zeros_like(tensor) if tensor.requires_grad else None
    seconds = []
    peak = Peak()
    peak.start()
    for _ in range(REPEATS):
        began = time.process_time()
        loss = form(*inputs)
        loss.backward()
        seconds.append(time.process_time() - began)
    peak.done.set()
    answers.put((min(seconds), peak.mebibytes, loss.item()))


def _run(name: str, length: int, hardest: bool) -> tuple[float, float, float]:
    context = get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=measure, args=(name, length, hardest, answers))
    process.start()
    answer = answers.get(timeout=600)
    process.join()
    return answer


def rows() -> list[dict]:
    """Time and memory at 512 and 2,048 tokens."""
    table = []
    for length, hardest in ((512, False), (2048, False), (2048, True)):
        (our_time, our_memory, our_loss), (time_, memory, loss) = (_run(name, length, hardest) for name in ("ours", "dense"))
        assert abs(our_loss - loss) < 1e-3 * loss, f"two losses that differ cannot be compared: {our_loss}, {loss}"
        what = f"loss, {length:,} tokens{', all labelled, head trained' if hardest else ''}"
        target = "" if hardest else ">= 3"
        table += [
            {"claim": f"{what}: CPU time", "ours": f"{our_time:.2f} s", "rival": f"dense one-hot {time_:.2f} s"}
            | {"ratio": time_ / our_time, "target": target},
            {"claim": f"{what}: peak memory", "ours": f"{our_memory:.0f} MiB", "rival": f"dense one-hot {memory:.0f} MiB"}
            | {"ratio": memory / our_memory, "target": target},
        ]
    return table


def main() -> None:
    """Prints the rows."""
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
