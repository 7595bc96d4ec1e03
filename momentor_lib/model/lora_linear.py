"""peft's linear layer with LoRA, computed in one operation where nothing about it is out of the ordinary."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn

from momentor_lib.model.autocast import in_one_dtype
from momentor_lib.model.feed_forward import swiglu
from momentor_lib.model.frozen_linear import frozen_linear, is_plain, is_watched


class LoraLinear(Linear):
    """peft's layer. It trains by :func:`frozen_linear` if it is one plain adapter on frozen weights, and as peft's does else (dropout)."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """[..., in] -> [..., out]."""
        given = None if args or kwargs else self._given(x, None)
        return super().forward(x, *args, **kwargs) if given is None else frozen_linear(*given)

    def forward_gated(self, gate: Tensor, up: Tensor) -> Tensor:
        """The same of silu(gate) * up, both [..., in]."""
        given = None if is_watched(self) else self._given(gate, up)
        return self(swiglu(gate, up)) if given is None else frozen_linear(*given)

    def _given(self, x: Tensor, up: Tensor | None) -> tuple | None:
        """What :func:`frozen_linear` takes, or None where peft's own way is to be gone."""
        active = [name for name in self.active_adapters if name in self.lora_A]
        if not torch.is_grad_enabled() or self.disable_adapters or self.merged or len(active) != 1 or active[0] in self.lora_variant:
            return None
        (name,) = active
        a, b, dropout = self.lora_A[name], self.lora_B[name], self.lora_dropout[name]
        dropped = self.training and not isinstance(dropout, nn.Identity)
        if dropped or not is_plain(self.base_layer) or is_watched(a) or is_watched(b) or b.bias is not None:
            return None
        tensors = in_one_dtype(x, self.base_layer.weight, self.base_layer.bias, up, a.weight, b.weight)
        return None if tensors is None else (*tensors, self.scaling[name])
