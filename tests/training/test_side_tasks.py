"""The side tasks ask for what the answers say, and pointing is about the model's own attention."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_example, build_tiny

from momentor_lib.training.deeds import DEEDS
from momentor_lib.training.side_tasks import SideTasks, between_frames, find_questions

NAN = float("nan")


def batch_of(processor, *examples):
    return processor.collate([processor.encode(example) for example in examples])


def test_frames_beside_a_time_share_it_as_anchors_do():
    frames = torch.tensor([[0, 0.25, 0.5, 1], [0, 0.5, NAN, NAN], [0, 0.5, 1, NAN], [0.1, 0.2, 0.3, 0.4], [0, 0.25, 0.5, 1]])
    target = between_frames(frames, torch.tensor([0.3, 0.9, 0.0, 0.05, 0.25]))
    expected = [[0, 0.8, 0.2, 0], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert torch.allclose(target, torch.tensor(expected), atol=1e-6)


def test_questions_whose_answers_are_moments():
    _, processor = build_tiny()
    batch = batch_of(processor, build_example(), build_example(4))
    rows, places, inside = find_questions(batch, processor.time_token_id)
    # of the four dialogues the first and the last answer begin with a time
    assert rows.tolist() == [0, 0, 1, 1]
    for row, place in zip(rows, places, strict=True):
        assert batch["labels"][row, place] == -100
        assert batch["labels"][row, place + 1] == processor.time_token_id
    # frames at 0, 4, 8, 12, 16, 20 s; moments from 2.5 to 7.25 s, and from 10 to 20 s as well
    assert inside[0].tolist() == [False, True, False, False, False, False]
    assert inside[1].tolist() == [False, True, False, True, True, True]
    # frames at 0, 6.7, 13.3, 20 s; two of padding
    assert inside[2].tolist() == [False, True, False, False, False, False]


def test_pointing_is_the_cross_entropy_of_the_first_heads_own_attention():
    model, processor = build_tiny(scale=20)
    side = SideTasks(model, 0, 0, point_layer=1)
    batch = batch_of(processor, build_example(), build_example(4))
    model.language_model.set_attn_implementation("eager")
    kept = {}
    attention = model.language_model.get_decoder().layers[1].self_attn
    attention.register_forward_hook(lambda module, inputs, output: kept.update(weights=output[1]))  # [B, heads, L, L]
    model(**batch)
    losses = side(batch, torch.zeros(10, DEEDS), find_questions(batch, processor.time_token_id))
    expected = []
    for row, frames in ((0, 6), (1, 4)):
        is_video = batch["input_ids"][row] == processor.video_token_id
        for place in (batch["labels"][row] == processor.time_token_id).nonzero().squeeze(-1):
            weights = kept["weights"][row, 0, place - 1, is_video]
            position = batch["positions"][row, place].float()
            target = between_frames(batch["frame_positions"][row : row + 1, :frames].float(), position[None])[0]
            expected.append(-(target * (weights / weights.sum()).log()).sum())
    assert len(expected) > 10
    assert losses["pointing"].item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-4)


def test_a_batch_without_times_has_no_matching_and_no_pointing():
    model, processor = build_tiny()
    side = SideTasks(model, 0, 1, 1)
    batch = batch_of(processor, build_example(dialogues=[[("What colour is it?", "red")]]))
    model(**batch)
    losses = side(batch, torch.ones(6, DEEDS), find_questions(batch, processor.time_token_id))
    assert losses["matching"] == losses["pointing"] == 0
    assert losses["watching"] > 0


def test_the_heads_and_the_pointing_layer_learn():
    model, processor = build_tiny(scale=20)
    side = SideTasks(model, 0, 1, 1)
    batch = batch_of(processor, build_example())
    model(**batch)
    sum(side(batch, torch.ones(6, DEEDS), find_questions(batch, processor.time_token_id)).values()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in side.parameters())
    assert model.language_model.get_decoder().layers[1].self_attn.q_proj.weight.grad.abs().sum() > 0
    assert not any(name.startswith("_pointer") for name in side.state_dict())
