"""Attention in pieces against the whole, masked."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_tensors import kept_bytes
from tiny_models import build_example, build_tiny

from momentor_lib.model import packed_attention
from momentor_lib.model.packed_attention import NAME, PIECE, pieces
from momentor_lib.model.packing import block_mask


def rows_of(lengths: list[list[int]]) -> torch.Tensor:
    """Lengths of the prefix and of each block, a list for each row -> block ids, padded at the right."""
    rows = [torch.arange(len(row)).repeat_interleave(torch.tensor(row)) for row in lengths]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)


@given(st.lists(st.lists(st.integers(1, 90), min_size=1, max_size=8), min_size=1, max_size=3))
@settings(deadline=None, max_examples=150)
def test_every_token_gets_all_keys_that_it_sees_and_each_query_comes_once(lengths):
    blocks = rows_of(lengths)
    found = pieces(blocks)
    if found is None:
        return
    assert [p.begin for p in found] == [0, *(p.stop for p in found[:-1])] and found[-1].stop == blocks.shape[1]
    mask = block_mask(blocks)[:, 0]
    columns = torch.arange(blocks.shape[1])
    for piece in found:
        chosen = piece.keys(columns, 0)
        assert len(chosen.unique()) == len(chosen), "a key that comes twice counts twice"
        real = blocks[:, piece.begin : piece.stop] >= 0
        assert torch.equal(mask[:, piece.begin : piece.stop].sum(-1)[real], mask[:, piece.begin : piece.stop, chosen].sum(-1)[real])


def test_what_no_one_sees_is_not_computed():
    blocks = rows_of([[300, *[32] * 16]])
    found = pieces(blocks)
    computed = sum((p.stop - p.begin) * (p.shared + p.stop - p.own) for p in found)
    assert computed < 0.5 * blocks.shape[1] ** 2
    assert max(p.stop - p.own for p in found if p.shared) <= PIECE, "32 divides a piece: no block is cut"
    assert pieces(rows_of([[60, 20]])) is None and pieces(rows_of([[40]])) is None


@pytest.mark.parametrize("rows", [[[9, 5, 30, 4, 25]], [[9, 5, 30, 4, 25], [6, 40]], [[2, 20, 20, 20], [12, 3, 3, 3]]])
@pytest.mark.parametrize("kernels", [True, False])
def test_hidden_states_and_gradients_equal_those_with_sdpa(rows, kernels, monkeypatch):
    monkeypatch.setattr(packed_attention, "PIECE", 8)
    monkeypatch.setattr(packed_attention, "CPU_KERNELS", kernels)
    model, _ = build_tiny(scale=10)
    assert model.language_model.config._attn_implementation == NAME
    blocks = rows_of(rows)
    assert pieces(blocks) is not None
    embeds = torch.randn(*blocks.shape, model.config.text_config.hidden_size, generator=torch.Generator().manual_seed(0))
    results = []
    for implementation in (NAME, "sdpa"):
        model.language_model.set_attn_implementation(implementation)
        given_ = embeds.clone().requires_grad_()
        hidden = model.run_language_model(given_, block_ids=blocks)[blocks >= 0]
        hidden.square().sum().backward()
        results.append((hidden, given_.grad))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_kernels_called_by_name_do_what_sdpa_does(dtype, monkeypatch):
    monkeypatch.setattr(packed_attention, "PIECE", 8)
    blocks = rows_of([[9, 5, 30, 4, 25], [6, 40]])
    plan = packed_attention.plan(blocks, block_mask(blocks), dtype)
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, heads, blocks.shape[1], 4) for heads in (6, 2, 2)]
    given = [torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_() for shape in shapes]
    results = []
    for kernels in (True, False):
        monkeypatch.setattr(packed_attention, "CPU_KERNELS", kernels)
        output = packed_attention.packed_attention(None, *given, None, scaling=0.3, plan=plan)[0]
        results.append([output, *torch.autograd.grad((output * torch.arange(4)).sum(), given)])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, **({} if dtype == torch.float64 else {"rtol": 0.05, "atol": 0.1}))


def test_for_its_gradient_nothing_is_kept_twice():
    blocks = rows_of([[100, *[32] * 8]])
    plan = packed_attention.plan(blocks, block_mask(blocks), torch.float32)
    given = [torch.randn(1, heads, blocks.shape[1], 8, requires_grad=True) for heads in (6, 2, 2)]
    kept, (output, _) = kept_bytes(lambda: packed_attention.packed_attention(None, *given, None, plan=plan))
    log_sums = 4 * 6 * blocks.shape[1]  # bytes: one number a head and query
    assert kept == log_sums + sum(4 * one.numel() for one in (*given, output))


def test_with_dropout_some_weights_are_zero():
    blocks = rows_of([[100, *[32] * 8]])
    plan = packed_attention.plan(blocks, block_mask(blocks), torch.float32)
    given = [torch.randn(1, 2, blocks.shape[1], 8) for _ in range(3)]
    whole, dropped = (packed_attention.packed_attention(None, *given, None, dropout=share, plan=plan)[0] for share in (0.0, 0.5))
    assert not torch.allclose(whole, dropped) and dropped.isfinite().all()


def test_a_saved_model_does_not_name_this_attention(tmp_path):
    model, processor = build_tiny(scale=10)
    model.save_pretrained(tmp_path)
    assert NAME not in (tmp_path / "config.json").read_text()
    loaded = type(model).from_pretrained(tmp_path, attn_implementation="eager")
    assert loaded.language_model.config._attn_implementation == "eager"
    batch = processor.collate([processor.encode(build_example())])
    torch.testing.assert_close(loaded.eval()(**batch).loss, model.eval()(**batch).loss)
