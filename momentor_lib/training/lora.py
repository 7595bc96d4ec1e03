"""LoRA on the language model: y = W x + (alpha / r) B A x, where W is frozen and only A and B train. Made by peft.

Hu et al., 2021 (arXiv 2106.09685). Departure: the paper trains no part of the language model, its released recipe all of it.
Saving, loading and folding in: ``momentor_lib/model/adapter.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from momentor_lib.model.lora import insert_lora, is_lora
from momentor_lib.model.momentor import Momentor

# Attention's and the feed-forward layer's projections in the LLaMA family (LLaMA, Vicuna, SmolLM, Mistral, Qwen, Gemma).
LLAMA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ALL_LINEAR = "all-linear"  # peft's name for every linear layer but the vocabulary's head
LARGEST_RANK = 16
LARGEST_SHARE = 0.02  # of the language model's parameters


def add_lora(
    model: Momentor,
    rank: int | None = None,
    alpha: float | None = None,
    targets: Sequence[str] | None = None,
    dropout: float = 0.0,
    *,
    tokens: Sequence[int] = (),
    seed: int = 0,
) -> Momentor:
    """Put LoRA into the model's language model, and nowhere else; the language model's own weights no longer train.

    The other parts train or not as before. At first the model answers as it did, since B is zero.

    Args:
        rank: r; by default the largest power of two up to 16 with which LoRA has at most 2 % of the language model's parameters.
        alpha: LoRA's part is scaled by alpha / r; by default 2 r.
        targets: names of linear layers, such as ``("q_proj", "v_proj")``; by default see :func:`default_targets`.
        dropout: share of a layer's input that LoRA does not see, while training.
        tokens: ids of the vocabulary's rows that learn too, for words that the language model does not have yet
            (:func:`momentor_lib.training.new_words.hardest_tokens`).
        seed: of A's first values.

    Returns:
        The same model.

    Raises:
        ValueError: LoRA is inside already, a rank below 1, a dropout outside [0, 1), or a layer of such a name is not there.
    """
    from peft import LoraConfig

    language_model = model.language_model
    targets = _check_targets(language_model, targets)
    rank = default_rank(language_model, targets) if rank is None else rank
    if rank < 1:
        raise ValueError(f"LoRA's rank must be 1 or more, not {rank}")
    if not 0 <= dropout < 1:
        raise ValueError(f"LoRA's dropout must be at least 0 and below 1, not {dropout}")
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        target_modules=targets,
        lora_dropout=dropout,
        task_type="CAUSAL_LM",
        trainable_token_indices={_name_of(language_model.get_input_embeddings(), language_model): list(tokens)} if tokens else None,
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in _layers(language_model, targets)),  # GPT-2's are transposed
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        insert_lora(model, config)
    return model


def default_targets(language_model: PreTrainedModel) -> list[str] | str:
    """Attention's and the feed-forward layer's projections by name in the LLaMA family; elsewhere every linear layer but the head."""
    names = {name.rpartition(".")[2] for name in _linear_layers(language_model)}
    return list(LLAMA_TARGETS) if names.issuperset(LLAMA_TARGETS) else ALL_LINEAR


def default_rank(language_model: PreTrainedModel, targets: Sequence[str] | str) -> int:
    """The largest power of two up to 16 that keeps LoRA within 2 % of the language model's parameters; 1 where none does."""
    allowed = LARGEST_SHARE * language_model.num_parameters() / lora_parameters(language_model, targets, 1)
    rank = LARGEST_RANK
    while rank > 1 and rank > allowed:
        rank //= 2
    return rank


def lora_parameters(language_model: PreTrainedModel, targets: Sequence[str] | str, rank: int) -> int:
    """How many parameters LoRA has on a language model without it: r (in + out) for each layer."""
    sizes = [
        layer.weight.shape if isinstance(layer, Conv1D) else (layer.in_features, layer.out_features)
        for layer in _layers(language_model, targets)
    ]
    return rank * sum(sum(size) for size in sizes)


def lora_share(model: Momentor) -> float:
    """LoRA's parameters divided by the language model's own."""
    lora = sum(parameter.numel() for name, parameter in model.language_model.named_parameters() if is_lora(name))
    return lora / (model.language_model.num_parameters() - lora)


def _name_of(module: nn.Module, within: nn.Module) -> str:
    return next(name for name, one in within.named_modules() if one is module).rpartition(".")[2]


def _linear_layers(language_model: PreTrainedModel) -> dict[str, nn.Module]:
    head = language_model.get_output_embeddings()
    return {name: layer for name, layer in language_model.named_modules() if isinstance(layer, (nn.Linear, Conv1D)) and layer is not head}


def _layers(language_model: PreTrainedModel, targets: Sequence[str] | str) -> list[nn.Module]:
    everywhere = targets == ALL_LINEAR
    return [layer for name, layer in _linear_layers(language_model).items() if everywhere or name.rpartition(".")[2] in targets]


def _check_targets(language_model: PreTrainedModel, targets: Sequence[str] | None) -> list[str] | str:
    if targets is None:
        return default_targets(language_model)
    if targets == ALL_LINEAR:
        return ALL_LINEAR
    targets = [targets] if isinstance(targets, str) else list(targets)
    names = {name.rpartition(".")[2] for name in _linear_layers(language_model)}
    if unknown := [target for target in targets if target not in names] or not targets:
        wrong = f"no linear layer {', '.join(unknown)}" if targets else "no targets were named"
        raise ValueError(f"LoRA: {wrong}; the language model has {', '.join(sorted(names))} (or {ALL_LINEAR})")
    return targets
