"""A base whose language model has 4-bit weights (QLoRA), so that a 7 B model trains on a 16 GB GPU."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from transformers import BitsAndBytesConfig

# The parts that keep their weights as they are; lm_head's matrix is also what the loss is computed with.
KEPT = ["vision_model", "projection", "motion", "temporal", "lm_head"]


def four_bit_config() -> BitsAndBytesConfig:
    """What ``from_pretrained(..., quantization_config=)`` needs: products in bfloat16, or float16 on a GPU without it.

    Raises:
        ValueError: there is no CUDA GPU, or bitsandbytes is not installed.
    """
    if not torch.cuda.is_available():
        raise ValueError("a 4-bit base needs a CUDA GPU, and torch finds none here: load it without four_bit")
    if find_spec("bitsandbytes") is None:
        raise ValueError("a 4-bit base needs bitsandbytes, which is not installed: pip install bitsandbytes")
    return nf4(torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16)


def nf4(dtype: torch.dtype) -> BitsAndBytesConfig:
    """NF4 weights, whose scales have 8 bits, and products in ``dtype``. Tested on a CPU, where bitsandbytes has kernels too."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=KEPT,
    )
