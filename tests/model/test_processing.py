"""The processor: what goes in comes back, special names in a text stay text, only answers are labelled."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import build_example, build_tiny, build_tokenizer

from momentor_lib.model.processing import MomentorProcessor, VideoExample, shortest_seconds
from momentor_lib.prompts import SYSTEM
from momentor_lib.timecode import find_tags, format_tag
from momentor_lib.video import Frames

PROCESSOR = MomentorProcessor(build_tokenizer(), 16, [0.5] * 3, [0.25] * 3, 6)
TEXT_PROCESSOR = MomentorProcessor(build_tokenizer(), 16, [0.5] * 3, [0.25] * 3, 6, time_format="text")
NAN = float("nan")

times = st.integers(0, 20_000_000).map(lambda microseconds: format_tag(microseconds / 1e6))
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12).filter(lambda text: not find_tags(text))
texts = st.lists(st.one_of(times, words), max_size=8).map("".join)


def decode_answer(processor, text: str, duration: float = 20.0, dtype=torch.float64) -> str:
    ids, positions = processor.encode_answer(text, duration)
    return processor.decode(ids, torch.tensor(positions, dtype=dtype), duration)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_text_with_tags_comes_back_exactly(text):
    canonical = text
    for tag in reversed(find_tags(text)):  # pieces may make a tag together, such as <1s>
        canonical = canonical[: tag.begin] + format_tag(min(tag.seconds, 20.0)) + canonical[tag.stop :]
    assert decode_answer(PROCESSOR, text) == canonical


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 10_000))
def test_single_precision_positions_keep_a_thousandth_of_a_second(thousandths, duration):
    seconds = min(thousandths / 1000, duration)
    (tag,) = find_tags(decode_answer(PROCESSOR, format_tag(seconds), duration, torch.float32))
    assert tag.seconds == pytest.approx(seconds, abs=1e-3)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.floats(0.5, 10_000))
def test_the_written_time_names_the_position(position, duration):
    assert shortest_seconds(position, duration) / duration == pytest.approx(position, abs=1e-15)


def test_decoding_single_precision_writes_few_decimals():
    assert decode_answer(PROCESSOR, "<7.25s>-<12.34s>", 61.7, torch.float32) == "<7.25s>-<12.34s>"


def test_times_keep_their_order_and_number():
    # The released code takes times by the kind of their placeholder, and crashes on one that is used twice.
    ids, positions = PROCESSOR.encode_text("<9s> before <3s>, again <9s>", 10.0)
    found = [position for position in positions if not math.isnan(position)]
    assert found == [0.9, 0.3, 0.9]
    assert [index for index, token in enumerate(ids) if token == PROCESSOR.time_token_id] == [
        index for index, position in enumerate(positions) if not math.isnan(position)
    ]


@pytest.mark.parametrize("text", ["<video>", "</s>", "<time>", "<pad> <video></s>", "{moment} and {x}"])
def test_special_names_in_a_users_text_are_plain_text(text):
    ids, _ = PROCESSOR.encode_text(text, 10.0)
    assert not set(ids) & {PROCESSOR.video_token_id, PROCESSOR.time_token_id, PROCESSOR.eos_token_id, PROCESSOR.pad_token_id}
    assert decode_answer(PROCESSOR, text) == text


def test_the_prompt():
    encoded = PROCESSOR.encode(build_example(3, 10.0, [[("When?", "<2.5s> there"), ("Who?", "it")], [("Why?", "so")]]))
    first = encoded["block_ids"] == 1
    ids = encoded["input_ids"].tolist()
    text = PROCESSOR.tokenizer.decode(ids, skip_special_tokens=False)
    assert text == (
        f"{SYSTEM} USER: <video><video><video>\n When? ASSISTANT:<time> there</s> USER: Who? ASSISTANT: it</s> Why? ASSISTANT: so</s>"
    )
    assert encoded["block_ids"].tolist() == sorted(encoded["block_ids"].tolist()) and first.any()
    supervised = encoded["input_ids"][encoded["labels"] != -100]
    assert PROCESSOR.tokenizer.decode(supervised) == "<time> there</s> it</s> so</s>"
    assert torch.equal(supervised, encoded["labels"][encoded["labels"] != -100])


def test_blocks_do_not_change_how_their_neighbours_are_tokenised():
    dialogues = [[("a", "b")], [("<1s>", "<2s>-<3s>")], [(" c", "d ")]]
    whole = PROCESSOR.encode(build_example(dialogues=dialogues))
    for block, dialogue in enumerate(dialogues, start=1):
        alone = PROCESSOR.encode(build_example(dialogues=[dialogue]))
        for key in ("input_ids", "labels"):
            assert torch.equal(whole[key][whole["block_ids"] == block], alone[key][alone["block_ids"] == 1])


def test_frames_have_their_own_positions():
    encoded = PROCESSOR.encode(VideoExample([0.0, 0.7, 3.1], 4.0, [], features=torch.zeros(3, 12)))
    assert encoded["frame_positions"].tolist() == [0.0, 0.7 / 4, 3.1 / 4]


def test_collate_pads():
    batch = PROCESSOR.collate([PROCESSOR.encode(build_example(6)), PROCESSOR.encode(build_example(4, dialogues=[]))])
    assert batch["input_ids"].shape == batch["positions"].shape == batch["labels"].shape == batch["block_ids"].shape
    assert batch["features"].shape == (2, 6, 12) and batch["frame_positions"][1].isnan().tolist() == [False] * 4 + [True] * 2
    padding = batch["block_ids"][1] == -1
    assert padding.any() and (batch["labels"][1][padding] == -100).all() and batch["positions"][1][padding].isnan().all()


@pytest.mark.parametrize(
    "example, message",
    [
        (VideoExample([0.0], 1.0, [], video_id="v7"), "'v7' has neither features"),
        (VideoExample([0.0], 1.0, [], features=torch.zeros(2, 3)), "2 frames but 1 times"),
        (VideoExample([0.0], 0.0, [], features=torch.zeros(1, 3)), "above 0 s"),
    ],
)
def test_wrong_examples_are_named(example, message):
    with pytest.raises(ValueError, match=message):
        PROCESSOR.encode(example)


def test_text_times_are_digits_and_read_back():
    ids, positions = TEXT_PROCESSOR.encode_answer("from <2.5s> to <12.341s>", 20.0)
    assert all(math.isnan(position) for position in positions) and TEXT_PROCESSOR.time_token_id not in ids
    assert TEXT_PROCESSOR.tokenizer.decode(ids) == " from 2.50s to 12.34s</s>"
    assert TEXT_PROCESSOR.decode(ids, positions, 20.0) == "from <2.50s> to <12.34s>"
    assert decode_answer(TEXT_PROCESSOR, "<2.50s>-<12.34s> a1s 3.x") == "<2.50s>-<12.34s> a1s 3.x"


def frames_of(height: int, width: int) -> Frames:
    ramp = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8), (2, 3, height, width))
    return Frames(np.ascontiguousarray(ramp), np.array([0.0, 1.0]), 2.0)


def test_pixels_are_scaled_cut_and_normalised():
    exact = PROCESSOR.pixel_values(frames_of(16, 16))
    assert exact.shape == (2, 3, 16, 16) and exact.min().item() == -2 and exact.max().item() == 2
    wide = PROCESSOR.pixel_values(frames_of(16, 32))
    full = (torch.from_numpy(frames_of(16, 32).pixels).float() / 255 - 0.5) / 0.25
    torch.testing.assert_close(wide, full[..., 8:24])
    assert PROCESSOR.pixel_values(frames_of(64, 36)).shape == (2, 3, 16, 16)
    large = PROCESSOR.pixel_values(frames_of(48, 72))
    assert large.shape == (2, 3, 16, 16) and large.mean().item() == pytest.approx(0, abs=0.05)


def test_saved_processors_come_back(tmp_path):
    TEXT_PROCESSOR.save_pretrained(tmp_path)
    loaded = MomentorProcessor.from_pretrained(tmp_path)
    assert loaded.tokenizer.get_vocab() == TEXT_PROCESSOR.tokenizer.get_vocab()
    for name in ("image_size", "image_mean", "image_std", "num_frames", "time_format", "video_token_id", "time_token_id", "never_written"):
        assert getattr(loaded, name) == getattr(TEXT_PROCESSOR, name)
    text = "a </s> <video> 1.25s é"
    assert loaded.encode_text(text, 10.0)[0] == TEXT_PROCESSOR.encode_text(text, 10.0)[0]
    with pytest.raises(FileNotFoundError, match="not a folder that Momentor saved"):
        MomentorProcessor.from_pretrained(tmp_path / "no")


def test_a_foreign_tokenizer_gets_the_two_tokens():
    tokenizer = build_tokenizer(ours=())
    vocab_size = len(tokenizer)
    processor = MomentorProcessor(tokenizer, 16, [0.5] * 3, [0.25] * 3, 6)
    assert {processor.video_token_id, processor.time_token_id} == {vocab_size, vocab_size + 1}
    assert decode_answer(processor, "<video> at <1.25s> <time>") == "<video> at <1.25s> <time>"


def test_model_and_processor_share_a_folder(tmp_path):
    model, processor = build_tiny()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors", "tokenizer.json", "momentor_processor.json"} <= {file.name for file in tmp_path.iterdir()}
