"""Optimisers and the learning-rate schedule of training from random weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from momentor_lib.training.muon import Muon

MATRICES = (".layers.", ".projection.", ".motion.")  # in a parameter's name


def build_optimizers(module: nn.Module, matrix_lr: float, other_lr: float, weight_decay: float = 0.01) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden states, AdamW for everything else that learns.

    Muon moves a matrix by the orthogonalised momentum of its gradient, so that all its directions learn at one pace. For tables,
    vectors and heads that makes no sense; they get AdamW. The projections from frame features count as matrices: a step of AdamW moves
    each of their hundreds of weights an output by the full learning rate, which together is as much as the token itself.

    Args:
        module: what learns; frozen parameters are left out.
        matrix_lr, other_lr: peak learning rates of the two.
    """
    matrices, others, tables = [], [], []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim == 2 and any(part in f".{name}" for part in MATRICES):
            matrices.append(parameter)
        elif parameter.ndim >= 2:
            tables.append(parameter)
        else:
            others.append(parameter)
    groups = [{"params": tables, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([g for g in groups if g["params"]], lr=other_lr, betas=(0.9, 0.98), eps=1e-8)
    ]
    if matrices:
        optimizers.append(Muon(matrices, lr=matrix_lr, momentum=0.95, weight_decay=weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def build_adamw(module: nn.Module, learning_rate: float, weight_decay: float = 0.0) -> list[torch.optim.Optimizer]:
    """AdamW alone, for pretrained weights and LoRA. Weights of one axis (norms, biases) do not decay. Paper's recipe: 2e-5, no decay.

    Raises:
        ValueError: nothing learns.
    """
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not learned:
        raise ValueError("no part of the model learns")
    groups = [
        {"params": [p for p in learned if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, betas=(0.9, 0.98))
    for group in optimizer.param_groups:
        group["peak_lr"] = group["lr"]
    return [optimizer]


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], share: float) -> None:
    """Set every learning rate to a share of its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = share * group["peak_lr"]


def schedule(progress: float, warmup: float = 0.02, hold: float = 0.6, floor: float = 0.01) -> float:
    """Share of the peak learning rate at a share of the training: a short rise, a long plateau, a cosine to the floor."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    if progress < hold:
        return 1.0
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - hold) / (1 - hold))))
