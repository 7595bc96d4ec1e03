"""How slow this processor is, so that a limit in processor seconds means the same work everywhere."""

from __future__ import annotations

import sys
import time

import torch
from torch.nn import functional

REFERENCE_SECONDS = 0.28  # of one piece of work on a quiet core of an AMD EPYC (Zen 3, 2.45 GHz): python tests/processor.py


def piece_of_work() -> float:
    """Some steps of a small network and of plain Python, as the notebooks take them -> processor seconds."""
    begun = time.process_time()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2048, 128, generator=generator)
    weights = [torch.randn(shape, generator=generator).mul_(0.05).requires_grad_() for shape in ((128, 384), (384, 128))]
    for _ in range(12):
        (functional.silu(x @ weights[0]) @ weights[1]).square().mean().backward()
    sum(len(str(number)) for number in range(300_000))
    return time.process_time() - begun


def slowness() -> float:
    """Processor seconds that work takes here, in those of the reference; not below half. The best of five tries."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return max(0.5, min(piece_of_work() for _ in range(5)) / REFERENCE_SECONDS)
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(f"{min(piece_of_work() for _ in range(9)):.2f} s\n")
