"""Gradient checkpointing: of each layer only its input is kept, and the layer computed again for its gradient.

Chen et al., 2016 (arXiv 1604.06174), as transformers does it: least memory, a third more time (``benchmarks/training.py``).
"""

from __future__ import annotations

from transformers import PreTrainedModel


def checkpoint_layers(model: PreTrainedModel) -> None:
    """From now on the model's layers are checkpointed while it trains."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable  # its older name
    enable({"use_reentrant": False})
