"""Several processes on one machine, each with its share of every batch; started by ``accelerate launch``, or ``torchrun`` without a GPU."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from accelerate import PartialState


def on_processor() -> bool:
    """Whether the processes have no GPU: accelerate, unless told so, then takes each of them for the only one."""
    return "LOCAL_RANK" in os.environ and not torch.cuda.is_available()


def this_process(cpu: bool) -> PartialState:
    """accelerate's view of this process: its number, and how many there are; with ``cpu``, no GPU, even where there is one."""
    from accelerate import PartialState

    return PartialState(cpu=cpu or on_processor())
