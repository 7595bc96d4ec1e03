"""Which parts learn in which stage, counted and seen to move."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_example, build_tiny

from momentor_lib.training.lora import add_lora
from momentor_lib.training.optimizer import build_adamw
from momentor_lib.training.stages import STAGES, count_parameters, describe, find_stage, prepare


def moved(model, processor, learning_rate: float = 0.1) -> set[str]:
    """The parts whose weights a step changes, by the beginning of their names."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = build_adamw(model, learning_rate)[0]
    model.train()
    for _ in range(2):  # LoRA's A moves only once B is no longer zero
        optimizer.zero_grad()
        model(**processor.collate([processor.encode(build_example())])).loss.backward()
        optimizer.step()
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    return {name.split(".")[0] + (".lora" if ".lora_" in name else "") for name in changed}


@pytest.mark.parametrize(
    ("stage", "lora", "language", "parts"),
    [
        ("align", False, False, {"projection", "motion"}),
        ("gesm", False, False, {"projection", "motion", "temporal"}),
        ("instruct", False, False, {"projection", "motion", "temporal"}),
        ("instruct", True, False, {"projection", "motion", "temporal", "language_model.lora"}),
        ("instruct", False, True, {"projection", "motion", "temporal", "language_model"}),
    ],
)
def test_exactly_a_stages_parts_move_and_are_counted(stage, lora, language, parts):
    model, processor = build_tiny(motion_neighbours=1)
    if lora:
        add_lora(model, rank=2)
    prepare(model, STAGES[stage], language=language)
    learn = {row.part for row in count_parameters(model) if row.learn}
    names = {
        "projection": "projection",
        "temporal": "temporal tokens (TPM)",
        "language_model": "language model",
        "language_model.lora": "LoRA",
    }
    assert learn == {names[part] for part in parts if part != "motion"}
    assert moved(model, processor) == parts


def test_the_counts_add_up_to_the_whole_model():
    model, _ = build_tiny(motion_neighbours=1)
    add_lora(model, rank=2)
    for stage in STAGES.values():
        prepare(model, stage)
        counts = count_parameters(model)
        assert sum(row.parameters for row in counts) == sum(p.numel() for p in model.parameters())
        assert sum(row.learn for row in counts) == sum(p.numel() for p in model.parameters() if p.requires_grad)
        assert f"{sum(row.learn for row in counts):,}" in describe(counts).splitlines()[-1]


def test_with_times_as_text_the_temporal_tokens_do_not_learn():
    model, _ = build_tiny(time_format="text")
    prepare(model, STAGES["instruct"])
    assert not any(parameter.requires_grad for parameter in model.temporal.parameters())


def test_an_unknown_stage_is_named_beside_the_known_ones():
    with pytest.raises(ValueError, match="unknown stage 'pretrain'; the stages are align, gesm, instruct"):
        find_stage("pretrain")
