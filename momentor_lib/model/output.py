"""What a Momentor gives out: logits as its language model scales them, and ``forward``'s result."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.utils import ModelOutput


@dataclass
class MomentorOutput(ModelOutput):
    """What ``Momentor.forward`` returns.

    Attributes:
        loss: mean cross-entropy of the labelled tokens; with labels only.
        logits: vocabulary logits [B, L, V]; without labels only.
        temporal_logits: temporal logits [B, L, N]; without labels, and with time tags, only.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    temporal_logits: Tensor | None = None


def scale_logits(words: Tensor, text_config: PreTrainedConfig) -> Tensor:
    """Vocabulary logits [..., V] as the head gives them -> as the language model's family scales or caps them; most do neither."""
    if scale := getattr(text_config, "logit_scale", None):  # Cohere
        words = words * scale
    if scale := getattr(text_config, "logits_scaling", None):  # Granite
        words = words / scale
    if cap := getattr(text_config, "final_logit_softcapping", None):  # Gemma
        words = cap * torch.tanh(words / cap)
    return words
