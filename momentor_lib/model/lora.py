"""LoRA inside the language model: put in, folded into the weights, or taken out again.

The language model stays the class that it is, with peft's layers in place of some of its linear ones, so that everything that goes through
``get_decoder()`` or ``get_output_embeddings()`` goes on as before. Which layers and what rank: ``momentor_lib/training/lora.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from peft import LoraConfig

    from momentor_lib.model.momentor import Momentor


def has_lora(model: Momentor) -> bool:
    """Whether LoRA is inside the model."""
    return bool(getattr(model.language_model, "peft_config", None))


def is_lora(name: str) -> bool:
    """Whether a parameter's name is one that peft gives to LoRA's own weights, or to the vocabulary's rows that learn beside them."""
    return ".lora_" in name or ".trainable_tokens_delta" in name


def insert_lora(model: Momentor, config: LoraConfig) -> None:
    """Put LoRA layers into the language model, which stays the class that it is. Its own weights no longer train.

    Raises:
        ValueError: LoRA is there already.
    """
    if has_lora(model):
        raise ValueError("the language model has LoRA inside already: train on with it, or fold it in first (merge)")
    from momentor_lib.model.lora_linear import LoraLinear

    language_model = model.language_model
    if getattr(model, "is_loaded_in_4bit", False) or getattr(language_model, "is_loaded_in_4bit", False):
        from peft import prepare_model_for_kbit_training

        language_model.is_loaded_in_4bit = True  # where the whole Momentor was quantised, only the whole says so
        prepare_model_for_kbit_training(language_model, use_gradient_checkpointing=False)  # that is the loop's to say
    else:
        config._register_custom_module({nn.Linear: LoraLinear})
    language_model.add_adapter(config)
    language_model.train(model.training)  # dropout, which is new, follows the rest


def merge(model: Momentor) -> Momentor:
    """Fold LoRA into the language model's weights, W + (alpha / r) B A: the model itself becomes a plain Momentor again.

    Returns:
        The same model, so that ``merge(model).save_pretrained(folder)`` writes a whole model's folder.

    Raises:
        ValueError: no LoRA inside, or a 4-bit base, whose weights would be rounded.
    """
    if getattr(model.language_model, "is_loaded_in_4bit", False):
        raise ValueError("LoRA does not fold into a 4-bit base exactly: load the adapter onto the base without four_bit, and merge that")
    _take_out(model, fold=True)
    model.name_or_path = ""  # it is no longer the model of that folder: a new adapter's base has to be saved first
    return model


def unload(model: Momentor) -> Momentor:
    """Take LoRA out: the language model's own weights are what they were. The other parts stay as trained.

    Raises:
        ValueError: no LoRA inside.
    """
    _take_out(model, fold=False)
    return model


@torch.no_grad()
def _take_out(model: Momentor, fold: bool) -> None:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import TrainableTokensWrapper

    if not has_lora(model):
        raise ValueError("there is no LoRA inside the model")
    language_model = model.language_model
    layers = dict(language_model.named_modules())
    for name, layer in layers.items():
        if isinstance(layer, TrainableTokensWrapper):  # around the vocabulary, and its inner layer is one of peft's too
            if fold:
                layer.token_adapter.merge(safe_merge=True)
            language_model.set_submodule(name, layer.original_module)
        elif isinstance(layer, BaseTunerLayer) and not isinstance(layers[name.rpartition(".")[0]], TrainableTokensWrapper):
            if fold:
                layer.merge(safe_merge=True)
            language_model.set_submodule(name, layer.get_base_layer())
    del language_model.peft_config
    language_model._hf_peft_config_loaded = False  # transformers' own sign, set by add_adapter
