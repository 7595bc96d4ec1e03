"""Mixed precision for operations that autocast does not know: our own, and torch's when called by name."""

from __future__ import annotations

import torch
from torch import Tensor


def in_one_dtype(*tensors: Tensor | None) -> list[Tensor | None] | None:
    """The tensors, cast as autocast would cast a product's factors; None where they then differ in dtype."""
    there = [tensor for tensor in tensors if tensor is not None]
    if torch.is_autocast_enabled(there[0].device.type):
        dtype = torch.get_autocast_dtype(there[0].device.type)
        return [tensor if tensor is None else tensor.to(dtype) for tensor in tensors]
    return list(tensors) if len({tensor.dtype for tensor in there}) == 1 else None
