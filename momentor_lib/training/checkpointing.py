"""Gradient checkpointing: what a layer keeps for its gradient, and what it computes again instead.

Chen et al., 2016 (arXiv 1604.06174), by torch's own checkpoints. ``layers`` keeps a layer's input only: least memory, a third more time.
``cheap`` keeps what is dear, the results of matrix products and of attention, and computes norms, activations and sums again: most of the
memory for a tenth more time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts
from transformers import PreTrainedModel

HOW = ("no", "cheap", "layers")
NARROW = 64  # LoRA's second product, over its rank, is cheap too
FACTORS = {torch.ops.aten.mm.default: 0, torch.ops.aten.bmm.default: 0, torch.ops.aten.addmm.default: 1}  # where the left one stands

DEAR = ("scaled_dot_product", "frozen_linear")  # torch's attention, whichever, and momentor_lib/model/frozen_linear.py


def checkpoint_layers(model: PreTrainedModel, how: str = "layers") -> None:
    """From now on the model's layers are checkpointed while it trains.

    Raises:
        ValueError: ``how`` is none of ``HOW``.
    """
    if how not in HOW:
        raise ValueError(f"gradient checkpointing is one of {', '.join(HOW)}, not {how!r}")
    if how == "no":
        return
    cheap = {"context_fn": partial(create_selective_checkpoint_contexts, keep_products)} if how == "cheap" else {}
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable  # its older name
    enable({"use_reentrant": False, **cheap})


def keep_products(context: Any, operation: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    """Attention and matrix products over more than :data:`NARROW` columns are kept."""
    wide = operation in FACTORS and args[FACTORS[operation]].shape[-1] > NARROW
    dear = wide or any(name in str(operation) for name in DEAR)
    return CheckpointPolicy.MUST_SAVE if dear else CheckpointPolicy.PREFER_RECOMPUTE
