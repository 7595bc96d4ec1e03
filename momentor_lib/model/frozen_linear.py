"""A linear layer whose own weights do not train, with or without LoRA, in one operation.

With LoRA, peft's own layer makes four tensors of the output's size, W x, B A x, its multiple and the sum, and as many on the way back; here
LoRA's product is added to W x where that lies. The last layer of a gated feed-forward layer takes gate and up in place of
silu(gate) * up, which is made on the way, on a CPU a few rows at a time, and made again for the gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ROWS = 256  # of silu(gate) * up at once on a CPU, whose malloc leaves holes where a large tensor was; a GPU is quicker with all of them


def frozen_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    up: Tensor | None = None,
    a: Tensor | None = None,
    b: Tensor | None = None,
    scale: float = 1.0,
) -> Tensor:
    """W x + bias + scale B A x, with gradients for all but W and the bias. All of one dtype.

    Args:
        x: [..., in].
        weight, bias: W [out, in], bias [out].
        up: where it is given, silu(x) * up stands for x [..., in].
        a, b: LoRA's A [r, in] and B [out, r]; None without LoRA.

    Returns:
        [..., out].
    """
    output, _ = _frozen_linear(x, weight, bias, up, a, b, scale)
    return output


def is_watched(layer: nn.Module) -> bool:
    """Whether something waits for a call of the layer itself: a hook, or accelerate, which moves weights then."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or hasattr(layer, "_hf_hook"))


def is_plain(layer: nn.Module) -> bool:
    """Whether :func:`frozen_linear` may stand for a layer's own forward: an ``nn.Linear``, frozen, and not watched."""
    return type(layer) is nn.Linear and not is_watched(layer) and not any(parameter.requires_grad for parameter in layer.parameters())


def swiglu_slopes(gate: Tensor, up: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The loss's derivative by silu(gate) * up -> those by gate and by up."""
    return torch.ops.aten.silu_backward(slope * up, gate), functional.silu(gate).mul_(slope)


@torch.library.custom_op("momentor::frozen_linear", mutates_args=())
def _frozen_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, up: Tensor | None, a: Tensor | None, b: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """The output, and A x for the gradient, lying [r, rows] (r = 0 without LoRA): such products are up to six times quicker so."""
    rows = _rows(x)
    thin = x.new_empty(0 if a is None else len(a), len(rows))
    if up is None:
        outputs = functional.linear(rows, weight, bias)
        if a is not None:
            torch.mm(a, rows.T, out=thin)
    else:
        outputs = x.new_empty(len(rows), len(weight))
        size = ROWS if x.device.type == "cpu" else len(rows)
        for begin in range(0, len(rows), size):
            part = slice(begin, begin + size)
            product = functional.silu(rows[part]).mul_(_rows(up)[part])
            torch.mm(product, weight.T, out=outputs[part])
            if a is not None:
                thin[:, part] = a @ product.T
        if bias is not None:
            outputs += bias
    if b is not None:
        outputs.addmm_(thin.T, b.T, alpha=scale)
    return outputs.view(*x.shape[:-1], -1), thin


@_frozen_linear.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, up: Tensor | None, a: Tensor | None, b: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    return x.new_empty(*x.shape[:-1], len(weight)), x.new_empty(0 if a is None else len(a), x.numel() // x.shape[-1])


def _rows(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1, tensor.shape[-1])


def _keep(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    x, weight, _, up, a, b, ctx.scale = inputs
    ctx.shape = x.shape
    ctx.mark_non_differentiable(output[1])
    needed = up is not None or ctx.needs_input_grad[4]  # x alone gives the gradients by A, and through silu
    ctx.save_for_backward(x if needed else None, weight, up, a, b, output[1])


def _backward(ctx: Any, slope: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, weight, up, a, b, thin = ctx.saved_tensors
    by_x = by_up = by_a = by_b = by_thin = None
    slope = _rows(slope)
    if b is not None:
        by_thin = b.T @ slope.T  # [r, rows]
        if ctx.needs_input_grad[4]:
            by_a = (by_thin @ _rows(x if up is None else functional.silu(x).mul_(up))).mul_(ctx.scale)
        if ctx.needs_input_grad[5]:
            by_b = (thin @ slope).mul_(ctx.scale).T
    if ctx.needs_input_grad[0]:
        by_x = slope @ weight
        if b is not None:
            by_x.addmm_(by_thin.T, a, alpha=ctx.scale)
        by_x = by_x.view(ctx.shape)
        if up is not None:
            by_x, by_up = swiglu_slopes(x, up, by_x)
    return by_x, None, None, by_up, by_a, by_b, None


_frozen_linear.register_autograd(_backward, setup_context=_keep)
