"""What a Momentor of some sizes takes in memory and time, before anything is downloaded.

Its own code runs on torch's meta device, where tensors have shapes and no numbers: parameters, keys and values, and operations are counted
there, not derived. Memory in passing and seconds are estimates, and are called so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from transformers import DynamicCache

from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.momentor import Momentor

TEXT_TOKENS = 40  # of prompt and question, beside the video's
USED = 0.4  # of a GPU's peak: what large products reach in practice
# Bytes of a number in the language model's layers, and in its tables of words and its keys and values. In 4 bits, blocks of 64 weights
# share a scale of 8 bits, and 256 blocks one of 32; the tables stay in bfloat16.
PRECISIONS = {"float32": (4.0, 4.0), "bfloat16": (2.0, 2.0), "4 bits": ((4 + 8 / 64 + 32 / (64 * 256)) / 8, 2.0)}
FLOAT32 = 4


@dataclass(frozen=True)
class Sizes:
    """What was counted.

    Attributes:
        parameters: part -> numbers; of the language model ``layers`` and ``words`` (its tables) apart.
        cache: numbers in the keys and values of one video and a question.
        widest: numbers in the largest tensor on the way.
        encode, read: operations of the frame encoder on one video, and of the language model on its tokens.
    """

    parameters: dict[str, int]
    cache: int
    widest: int
    encode: int
    read: int


@dataclass(frozen=True)
class Machine:
    """A GPU, by its maker's data sheet.

    Attributes:
        memory: bytes.
        half, single: operations a second in 16 and in 32 bits.
        bandwidth: bytes a second from its memory.
    """

    name: str
    memory: float
    half: float
    single: float
    bandwidth: float


MACHINES = (
    Machine("T4, 16 GB", 16e9, half=65e12, single=8.1e12, bandwidth=320e9),
    Machine("A100, 80 GB", 80e9, half=312e12, single=19.5e12, bandwidth=2039e9),
)


class _Widest(TorchDispatchMode):
    """Notes the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.numbers = max([self.numbers, *(leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor))])
        return result


@torch.no_grad()
def count(config: MomentorConfig) -> Sizes:
    """Builds a Momentor on the meta device and lets it read one video of M frames and a question."""
    with torch.device("meta"):
        model = Momentor(config).eval()
        side = config.vision_config.image_size
        pixels = torch.empty(1, config.num_frames, 3, side, side)  # [1, M, 3, S, S]
        positions = torch.empty(1, config.num_frames, dtype=torch.float64)
        text = torch.empty(1, TEXT_TOKENS, config.text_config.hidden_size)
    with _Widest() as widest:
        with FlopCounterMode(display=False) as encode:
            features = model.encode_frames(pixels)  # [1, M, D_v]
        with FlopCounterMode(display=False) as read:
            video = model.infuse_time(features, positions)  # [1, M, D]
            cache = DynamicCache()
            model.run_language_model(torch.cat([video, text], dim=1), past_key_values=cache)
    kept = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    return Sizes(count_parameters(model), kept, widest.numbers, encode.get_total_flops(), read.get_total_flops())


def count_parameters(model: Momentor) -> dict[str, int]:
    """Part -> numbers, a shared table once."""
    parts = {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in model.named_children()}
    tables = {id(table.weight): table.weight.numel() for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    language = parts.pop("language_model")
    return parts | {"layers": language - sum(tables.values()), "words": sum(tables.values())}


def language_bytes(sizes: Sizes, precision: str) -> float:
    """Of the language model's weights."""
    layers, words = PRECISIONS[precision]
    return sizes.parameters["layers"] * layers + sizes.parameters["words"] * words


def memory(sizes: Sizes, precision: str) -> dict[str, float]:
    """Use -> bytes while answering about one video, with the language model in a precision of :data:`PRECISIONS`; estimated in passing.

    The frame encoder and what is new (projection, temporal tokens) stay in float32. In passing: what the widest operation reads and writes.
    """
    new = sum(count for part, count in sizes.parameters.items() if part not in ("vision_model", "layers", "words"))
    return {
        "frame encoder": sizes.parameters["vision_model"] * FLOAT32,
        "language model": language_bytes(sizes, precision),
        "new parts": new * FLOAT32,
        "keys and values": sizes.cache * PRECISIONS[precision][1],
        "in passing": 2 * sizes.widest * FLOAT32,
    }


def seconds(sizes: Sizes, machine: Machine, precision: str) -> Mapping[str, float]:
    """Step -> seconds, estimated: :data:`USED` of the peak for a video, and a reading of all weights for each token of an answer."""
    peak = machine.single if precision == "float32" else machine.half
    return {
        "encode a video": sizes.encode / (USED * machine.single),
        "read it": sizes.read / (USED * peak),
        "write a token": language_bytes(sizes, precision) / machine.bandwidth,
    }
