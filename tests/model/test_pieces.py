"""Pieces of text with a tokenizer of SentencePiece's kind, which takes each piece for the beginning of a text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import build_tokenizer
from transformers import LlamaTokenizer

from momentor_lib.model.pieces import Pieces
from momentor_lib.model.processing import MomentorProcessor

MERGES = [("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("▁", "r"), ("e", "d"), ("▁r", "ed"), ("▁", "-"), ("▁", "▁")]


def build_llama(**settings) -> LlamaTokenizer:
    """The kind of LLaMA's and Vicuna's tokenizer: bytes for what it does not know, a few merges."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyzAERSTU.,:?-0123456789"]
    names += [a + b for a, b in MERGES]
    return LlamaTokenizer(vocab={name: number for number, name in enumerate(names)}, merges=MERGES, **settings)


def build_processor(**settings) -> MomentorProcessor:
    return MomentorProcessor(build_llama(**settings), 16, [0.5] * 3, [0.25] * 3, 6)


KINDS = [{}, {"legacy": True}]


@pytest.mark.parametrize("settings_", KINDS, ids=["now", "legacy"])
def test_a_word_after_a_time_keeps_its_space(settings_):
    processor = build_processor(**settings_)
    for answer in ("<2.50s>-<7.25s> the red", "the red at <7.25s>, then", "-", " two  spaces", "a\nb"):
        ids, positions = processor.encode_answer(answer, 20.0)
        assert processor.decode(ids, positions, 20.0) == answer


def test_a_lone_dash_is_one_token_as_between_two_times():
    processor = build_processor()
    assert processor.dash_ids == [processor.tokenizer.convert_tokens_to_ids("-")]


def test_a_piece_has_the_ids_that_it_has_within_a_text():
    tokenizer = build_llama()
    pieces = Pieces(tokenizer)
    whole = tokenizer.encode("ab the red-the", add_special_tokens=False)
    assert pieces.encode_beginning("ab") + pieces.encode(" the red") + pieces.encode("-the") == whole


def test_the_prompt_begins_as_a_text_does():
    processor = build_processor()
    prefix = processor.encode_prefix(3)
    assert processor.tokenizer.convert_ids_to_tokens(prefix[:2]) == ["▁", "A"]
    assert processor.tokenizer.convert_ids_to_tokens(prefix[-1:]) == ["<0x0A>"]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12))
def test_every_piece_comes_back(text):
    for pieces in (Pieces(build_llama()), Pieces(build_tokenizer())):
        assert pieces.decode(pieces.encode(text)) == text


def test_a_byte_level_tokenizer_needs_no_anchor():
    tokenizer = build_tokenizer()
    assert Pieces(tokenizer).encode(" the") == tokenizer.encode(" the", add_special_tokens=False)
