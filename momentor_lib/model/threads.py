"""How many threads torch uses: set here and nowhere else.

A tiny model's matrices are too small to share out: with all cores spinning beside other work it takes 7 to 49 s for what one thread does in
0.7 s. So a model below 20 million parameters gets one thread; a larger one keeps torch's own choice. ``OMP_NUM_THREADS`` wins.
"""

from __future__ import annotations

import os

import torch

SMALL_MODEL = 20_000_000


def set_threads(num_parameters: int) -> int:
    """Limit torch's threads for a model of this size; returns how many it now uses."""
    if num_parameters < SMALL_MODEL and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    return torch.get_num_threads()
