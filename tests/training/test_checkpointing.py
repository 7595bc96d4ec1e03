"""What gradient checkpointing keeps and what it computes again, counted."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_example, build_tiny
from torch.utils._python_dispatch import TorchDispatchMode

from momentor_lib.training import checkpointing
from momentor_lib.training.checkpointing import checkpoint_layers


class Count(TorchDispatchMode):
    """How often each operation runs."""

    def __init__(self):
        super().__init__()
        self.products = self.attention = self.activations = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.products += operation in checkpointing.FACTORS
        self.attention += "scaled_dot_product" in str(operation) and "backward" not in str(operation)
        self.activations += operation == torch.ops.momentor.swiglu.default
        return operation(*args, **(kwargs or {}))


def count(how: str) -> Count:
    model, processor = build_tiny()
    batch = processor.collate([processor.encode(build_example())])
    model.train()
    checkpoint_layers(model, how)
    with Count() as counted:
        model(**batch).loss.backward()
    return counted


def test_cheap_computes_activations_again_and_no_product(monkeypatch):
    monkeypatch.setattr(checkpointing, "NARROW", 2)
    plain, cheap, layers = count("no"), count("cheap"), count("layers")
    assert cheap.products == plain.products < layers.products
    assert cheap.attention == plain.attention < layers.attention
    assert cheap.activations == layers.activations == 2 * plain.activations > 0


def test_a_product_over_few_columns_is_computed_again(monkeypatch):
    monkeypatch.setattr(checkpointing, "NARROW", 10**6)
    assert count("cheap").products > count("no").products


def test_an_unknown_way_is_an_error():
    with pytest.raises(ValueError, match="one of no, cheap, layers, not 'all'"):
        checkpoint_layers(build_tiny()[0], "all")
