"""The gated feed-forward layer of the LLaMA family, keeping less for its gradient.

A layer is down(silu(gate(x)) * up(x)). For the gradient torch keeps gate and up, and silu(gate) and the product besides, each as wide as
the layer's middle. The last two follow from the first two by one pass over memory, so here they are made again: a quarter less memory in a
training step, for less than a hundredth of its time (``benchmarks/training.py``). Shazeer, 2020 (arXiv 2002.05202) named the layer SwiGLU.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.activations import SiLUActivation

from momentor_lib.model.autocast import in_one_dtype
from momentor_lib.model.frozen_linear import frozen_linear, is_plain, swiglu_slopes

# transformers' classes whose forward is down_proj(act_fn(gate_proj(x)) * up_proj(x)) and nothing else.
CLASSES = {"LlamaMLP", "MistralMLP", "Qwen2MLP", "Qwen3MLP", "SmolLM3MLP", "Olmo2MLP", "GraniteMLP"}


@torch.library.custom_op("momentor::swiglu", mutates_args=())
def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up, all [..., M]; only gate and up are kept for the gradient."""
    return functional.silu(gate).mul_(up)


@swiglu.register_fake
def _(gate: Tensor, up: Tensor) -> Tensor:
    return torch.empty_like(gate)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
    return swiglu_slopes(*ctx.saved_tensors, slope)


swiglu.register_autograd(_backward, setup_context=_keep)


def _forward(layer: nn.Module, x: Tensor) -> Tensor:
    gate, up, down = layer.gate_proj(x), layer.up_proj(x), layer.down_proj
    if not (torch.is_grad_enabled() and gate.requires_grad and up.requires_grad):
        return down(layer.act_fn(gate) * up)
    if hasattr(down, "forward_gated"):  # a layer with LoRA, which would keep the product for its own gradient
        return down.forward_gated(gate, up)
    given = in_one_dtype(gate, down.weight, down.bias, up) if is_plain(down) else None
    return down(swiglu(gate, up)) if given is None else frozen_linear(*given)


def keep_less(language_model: nn.Module) -> None:
    """From now on the model's gated layers keep gate and up only; layers of another form stay as they are."""
    for layer in language_model.modules():
        if type(layer).__name__ in CLASSES and isinstance(layer.act_fn, (nn.SiLU, SiLUActivation)):
            layer.forward = partial(_forward, layer)  # a bound method could not be pickled
