"""What a graph keeps for its gradients, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def kept_bytes(run: Callable[[], Result], but: Iterable[torch.Tensor] = ()) -> tuple[int, Result]:
    """Bytes of the storages that the graph of a call holds on to, those of some tensors (weights) left out; and the call's result."""
    left_out = {tensor.untyped_storage().data_ptr() for tensor in but}
    held = {}  # the tensors themselves, so that no place is given out twice

    def hold(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        result = run()
    return sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in left_out), result
