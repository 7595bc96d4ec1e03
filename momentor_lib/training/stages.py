"""The three training stages: what each teaches, and which parts of the model learn in it. Paper: section 4.3.

===========  ==========  ======  ============================
stage        projection  TPM     language model
===========  ==========  ======  ============================
``align``    learns
``gesm``     learns      learns
``instruct`` learns      learns  LoRA, where it is asked for
===========  ==========  ======  ============================

The frame encoder never learns, nor do the language model's own weights (unless ``language`` says so: a small model from random weights).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from momentor_lib.data.convert import GESM_TYPE
from momentor_lib.data.moment10m import DATA_TYPES
from momentor_lib.model.lora import is_lora
from momentor_lib.model.momentor import Momentor


@dataclass(frozen=True)
class Stage:
    """One training stage.

    Attributes:
        name: ``align``, ``gesm`` or ``instruct``.
        teaches: in a few words.
        data_types: of the examples that it learns from.
        projection, temporal: whether that part learns.
        lora: whether LoRA may be put on the language model.
    """

    name: str
    teaches: str
    data_types: tuple[str, ...]
    projection: bool = True
    temporal: bool = True
    lora: bool = False


STAGES = {
    stage.name: stage
    for stage in (
        Stage("align", "captions of frames and clips", ("segment_caption_data", "instance_segment_caption_data"), temporal=False),
        Stage("gesm", "every event of a video, in order", (GESM_TYPE,)),
        Stage("instruct", "instructions of all ten data types", DATA_TYPES, lora=True),
    )
}


@dataclass(frozen=True)
class PartCount:
    """How many parameters a part has, and how many of them learn."""

    part: str
    parameters: int
    learn: int


def find_stage(name: str) -> Stage:
    """A stage by its name.

    Raises:
        ValueError: there is no such stage.
    """
    if name not in STAGES:
        raise ValueError(f"unknown stage {name!r}; the stages are {', '.join(STAGES)}")
    return STAGES[name]


def prepare(model: Momentor, stage: Stage, *, language: bool = False) -> None:
    """Let exactly the parts learn that a stage trains. LoRA weights inside the language model learn where the stage has them.

    Args:
        language: the language model's own weights learn too.
    """
    model.set_trainable(language=language, projection=stage.projection, temporal=stage.temporal)
    if stage.lora:
        for name, parameter in model.language_model.named_parameters():
            if is_lora(name):
                parameter.requires_grad_(True)


def count_parameters(model: Momentor) -> list[PartCount]:
    """Parameters of each part, shared ones counted once."""
    language = [(is_lora(name), parameter) for name, parameter in model.language_model.named_parameters()]
    projection = [*model.projection.parameters(), *(model.motion.parameters() if model.motion is not None else ())]
    rows = [
        _count("frame encoder", model.vision_model.parameters()),
        _count("projection", projection),
        _count("temporal tokens (TPM)", model.temporal.parameters()),
        _count("language model", (parameter for lora, parameter in language if not lora)),
    ]
    adapter = [parameter for lora, parameter in language if lora]
    return [*rows, _count("LoRA", adapter)] if adapter else rows


def _count(part: str, parameters: Iterable[nn.Parameter]) -> PartCount:
    parameters = list(parameters)
    return PartCount(part, sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad))


def describe(counts: Iterable[PartCount]) -> str:
    """The table of :func:`count_parameters` as text."""
    counts = list(counts)
    total = PartCount("in all", sum(row.parameters for row in counts), sum(row.learn for row in counts))
    lines = [f"{'part':24} {'parameters':>14} {'learn':>14}"]
    for row in (*counts, total):
        share = f"{row.learn / row.parameters:7.2%}" if row.parameters else ""
        lines.append(f"{row.part:24} {row.parameters:>14,} {row.learn:>14,} {share}")
    return "\n".join(lines)
