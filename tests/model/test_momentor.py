"""Momentor as a whole: against transformers' own logits, a dense loss, and itself in other forms."""

import inspect

import pytest
import torch
from tiny_models import DIALOGUES, build_example, build_tiny
from torch.nn.functional import log_softmax
from transformers import (
    AutoModelForCausalLM,
    CLIPVisionConfig,
    CLIPVisionModel,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    Qwen2Config,
    SiglipVisionConfig,
    SiglipVisionModel,
    Trainer,
    TrainingArguments,
)

from momentor_lib.model import loss as loss_module
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.packing import block_mask, block_position_ids
from momentor_lib.model.processing import VideoExample
from momentor_lib.training.checkpointing import checkpoint_layers

SHAPE = {"vocab_size": 60, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
LANGUAGE_MODELS = {
    "llama": LlamaConfig(**SHAPE, pad_token_id=0),
    "llama_tied": LlamaConfig(**SHAPE, pad_token_id=0, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**SHAPE, num_key_value_heads=1, pad_token_id=0),
    "gemma2": Gemma2Config(**SHAPE, num_key_value_heads=1, head_dim=8, final_logit_softcapping=2.0, pad_token_id=0),
    "gpt2": GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=1),
}


def batch_of(processor, *examples) -> dict[str, torch.Tensor]:
    return processor.collate([processor.encode(example) for example in examples])


def gradients(model: Momentor) -> dict[str, torch.Tensor]:
    found = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_logits_are_transformers_own_without_a_time_token(name):
    torch.manual_seed(0)
    language_model = AutoModelForCausalLM.from_config(LANGUAGE_MODELS[name]).eval()
    vision = CLIPVisionConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)
    config = MomentorConfig(vision, language_model.config, num_temporal_tokens=4, video_token_id=60, time_token_id=61)
    input_ids = torch.randint(0, 60, (3, 11))
    with torch.no_grad():
        expected = language_model(input_ids).logits  # before it is a part, since becoming one must not change it
        model = Momentor(config, language_model=language_model).eval()
        output = model(input_ids)
    torch.testing.assert_close(output.logits, expected, rtol=0, atol=0)
    assert output.temporal_logits.shape == (3, 11, 4)


@pytest.mark.parametrize("tower", [CLIPVisionModel, SiglipVisionModel])
def test_a_frame_is_its_pooler_output(tower):
    torch.manual_seed(0)
    config_class = CLIPVisionConfig if tower is CLIPVisionModel else SiglipVisionConfig
    vision = tower(
        config_class(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)
    )
    model = Momentor(MomentorConfig(vision.config, LANGUAGE_MODELS["llama"], num_temporal_tokens=4), vision_model=vision.eval())
    pixels = torch.randn(2, 70, 3, 16, 16)
    features = model.encode_frames(pixels)
    assert features.shape == (2, 70, 8) and not features.requires_grad
    torch.testing.assert_close(features[1, 69], vision(pixel_values=pixels[1, 69:]).pooler_output[0])


def test_pixels_and_their_features_give_the_same_loss():
    model, processor = build_tiny()
    pixels = torch.randn(6, 3, 16, 16)
    example = build_example()
    from_pixels = VideoExample(example.times, example.duration, DIALOGUES, pixel_values=pixels)
    from_features = VideoExample(example.times, example.duration, DIALOGUES, features=model.encode_frames(pixels[None])[0])
    losses = [model(**batch_of(processor, one)).loss.item() for one in (from_pixels, from_features)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def dense_loss(model: Momentor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The mean over labelled tokens by a one-hot target over V + N, token by token."""
    output = model(**{key: value for key, value in batch.items() if key != "labels"})
    distribution = log_softmax(torch.cat((output.logits, output.temporal_logits), dim=-1).double(), dim=-1)
    vocabulary, anchors, total, count = output.logits.shape[-1], output.temporal_logits.shape[-1], 0.0, 0
    for row, labels in enumerate(batch["labels"].tolist()):
        for place, label in enumerate(labels[1:], start=1):
            if label == -100:
                continue
            target = torch.zeros(vocabulary + anchors, dtype=torch.float64)
            if label == model.config.time_token_id:
                e = batch["positions"][row, place].item() * (anchors - 1)
                f = min(int(e), anchors - 2)
                target[vocabulary + f], target[vocabulary + f + 1] = 1 - (e - f), e - f
            else:
                target[label] = 1
            total, count = total - target @ distribution[row, place - 1], count + 1
    return total / count


@pytest.mark.parametrize("max_logits", [loss_module.MAX_LOGITS, 2000])
def test_the_loss_is_the_dense_one(max_logits, monkeypatch):
    # 2,000 logits at once make many chunks.
    monkeypatch.setattr(loss_module, "MAX_LOGITS", max_logits)
    monkeypatch.setattr(loss_module, "FEWEST_TOKENS", 1)
    model, processor = build_tiny(scale=10)
    batch = batch_of(processor, build_example(), build_example(seed=1, dialogues=DIALOGUES[1:3]))
    model.train()
    expected = dense_loss(model, batch)
    expected.backward()
    expected_gradients = gradients(model)
    found = model(**batch).loss
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    with torch.no_grad():
        assert model(**batch).loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=2e-4, atol=2e-6, msg=name)


def test_the_loss_is_a_mean_over_tokens_and_accumulates():
    # The released code's is a sum, which grows with the batch.
    model, processor = build_tiny()
    one, other = build_example(), build_example(seed=1, dialogues=DIALOGUES[:1])
    single = model(**batch_of(processor, one)).loss
    torch.testing.assert_close(model(**batch_of(processor, one, one, one)).loss, single)
    whole = batch_of(processor, one, other)
    count = (whole["labels"] != -100).sum()
    parts = [model(**batch_of(processor, part), num_items_in_batch=count).loss for part in (one, other)]
    torch.testing.assert_close(sum(parts), model(**whole).loss)


def test_nothing_labelled_gives_zero_and_no_nan():
    model, processor = build_tiny()
    batch = batch_of(processor, build_example())
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = model.train()(**batch).loss
    loss.backward()
    assert loss.item() == 0
    assert all(gradient.isfinite().all() and gradient.abs().max() == 0 for gradient in gradients(model).values())


@pytest.mark.parametrize("position", [0.0, 20.0, 20 * 3 / 7])
def test_a_time_at_an_end_or_on_an_anchor_has_a_gradient(position):
    model, processor = build_tiny()
    batch = batch_of(processor, build_example(dialogues=[[("When?", f"<{position}s>")]]))
    batch["labels"][batch["labels"] == processor.eos_token_id] = -100
    model.train()(**batch).loss.backward()
    assert model.temporal.output_tokens.grad.abs().max() > 1e-4


def test_packed_instructions_give_the_loss_and_gradients_of_separate_sequences():
    model, processor = build_tiny(scale=10)
    model.train()
    packed = model(**batch_of(processor, build_example()))
    packed.loss.backward()
    packed_gradients = gradients(model)
    separate = batch_of(processor, *(build_example(dialogues=[dialogue]) for dialogue in DIALOGUES))
    loss = model(**separate).loss
    loss.backward()
    assert packed.loss.item() == pytest.approx(loss.item(), rel=1e-6)
    separate_gradients = gradients(model)
    assert packed_gradients.keys() == separate_gradients.keys()
    for name, gradient in packed_gradients.items():
        torch.testing.assert_close(gradient, separate_gradients[name], rtol=1e-4, atol=1e-6, msg=name)


def test_a_separate_sequence_needs_no_blocks():
    model, processor = build_tiny(scale=10)
    batch = batch_of(processor, build_example(dialogues=DIALOGUES[:1]))
    with_blocks = model(**batch).loss
    torch.testing.assert_close(with_blocks, model(**{key: value for key, value in batch.items() if key != "block_ids"}).loss)


def test_blocks_see_the_video_and_themselves():
    blocks = torch.tensor([[0, 0, 1, 1, 2, -1]])
    expected = torch.tensor([[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 1, 0]])
    assert torch.equal(block_mask(blocks)[0, 0, :5].int(), expected.int())
    assert block_mask(blocks)[0, 0, 5, 5], "a row without anything to see is NaN in a softmax"
    assert block_position_ids(blocks)[0, :5].tolist() == [0, 1, 2, 3, 2]


def test_eager_attention_gives_the_same_loss():
    model, processor = build_tiny(scale=10)
    batch = batch_of(processor, build_example(), build_example(dialogues=DIALOGUES[:1]))
    expected = model(**batch).loss
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(**batch).loss, expected)


def test_videos_of_different_length_train_together():
    model, processor = build_tiny(scale=10)
    examples = [build_example(6), build_example(4, seed=1)]
    count = sum((processor.encode(example)["labels"] != -100).sum() for example in examples)
    alone = [model(**batch_of(processor, example), num_items_in_batch=count).loss for example in examples]
    torch.testing.assert_close(model(**batch_of(processor, *examples)).loss, sum(alone))


def test_frozen_parts_get_no_gradient():
    model, processor = build_tiny()
    model.train()
    model(**batch_of(processor, build_example())).loss.backward()
    assert not any(name.startswith("vision_model") for name in gradients(model))
    model.set_trainable(language=False)  # the paper's: lm_head must not train by accident
    model(**batch_of(processor, build_example())).loss.backward()
    trained = {name.split(".")[0] for name in gradients(model)}
    assert trained == {"projection", "temporal"}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, tied, dtype):
    model, processor = build_tiny()
    if not tied:
        config = model.config
        config.text_config.tie_word_embeddings = False
        model = Momentor(config)
    model.to(dtype).save_pretrained(tmp_path)
    loaded = Momentor.from_pretrained(tmp_path, dtype=dtype).eval()
    expected, found = model.state_dict(), loaded.state_dict()
    assert expected.keys() == found.keys() and any("lm_head" in name for name in found)
    assert all(torch.equal(value, found[name]) and value.dtype == found[name].dtype for name, value in expected.items())
    if dtype == torch.float32:  # .to(bfloat16) also rounds the rotary frequencies, which are not saved
        batch = batch_of(processor, build_example())
        assert torch.equal(model.eval()(**batch).loss, loaded(**batch).loss)


@pytest.mark.parametrize("how", ["bfloat16", "autocast"])
def test_half_precision_trains(how):
    model, processor = build_tiny()
    batch = batch_of(processor, build_example())
    expected = model(**batch).loss.item()
    model.train()
    if how == "bfloat16":
        model.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        loss = model(**batch).loss
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected, rel=0.02)
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())


def test_gradient_checkpointing_changes_nothing():
    model, processor = build_tiny(scale=10)
    batch = batch_of(processor, build_example())
    model.train()(**batch).loss.backward()
    expected = gradients(model)
    checkpoint_layers(model)
    model(**batch).loss.backward()
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, expected[name], msg=name)


def test_the_trainer_keeps_the_video(tmp_path):
    # The released code's trainer dropped the video features as columns that no one uses.
    model, processor = build_tiny()
    encoded = [processor.encode(build_example(seed=seed)) for seed in range(2)]
    assert encoded[0].keys() <= inspect.signature(model.forward).parameters.keys()
    seen = []
    model.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs), with_kwargs=True)
    arguments = TrainingArguments(tmp_path, max_steps=1, per_device_train_batch_size=2, report_to=[], save_strategy="no", use_cpu=True)
    before = model.projection.weight.clone()
    Trainer(model, arguments, data_collator=processor.collate, train_dataset=encoded).train()
    assert seen[0]["features"].shape == (2, 6, 12) and "num_items_in_batch" in seen[0]
    assert not torch.equal(before, model.projection.weight)


def test_the_vocabulary_can_be_resized(tmp_path):
    model, _ = build_tiny()
    size = model.config.text_config.vocab_size + 5
    model.resize_token_embeddings(size, mean_resizing=False)
    model.save_pretrained(tmp_path)
    loaded = Momentor.from_pretrained(tmp_path)
    assert loaded.config.text_config.vocab_size == size == loaded.language_model.lm_head.weight.shape[0]


def test_as_many_video_tokens_as_frames():
    model, processor = build_tiny()
    batch = batch_of(processor, build_example())
    batch["features"], batch["frame_positions"] = batch["features"][:, 1:], batch["frame_positions"][:, 1:]
    with pytest.raises(ValueError, match="6 <video> tokens for 5 frames"):
        model(**batch)
    del batch["features"]
    with pytest.raises(ValueError, match="neither features nor pixel_values"):
        model(**batch)


@pytest.mark.parametrize(
    "wrong, message",
    [({"num_temporal_tokens": 1}, "2 or more"), ({"num_frames": 0}, "1 or more"), ({"time_format": "words"}, "tags, text")],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        MomentorConfig(**wrong)


def test_ablations_train():
    for switches in ({"interpolation": False}, {"propagation": False}, {"infusion": False}, {"time_format": "text"}):
        model, processor = build_tiny(**switches)
        loss = model.train()(**batch_of(processor, build_example())).loss
        loss.backward()
        used = gradients(model)
        assert loss.isfinite() and ("temporal.output_tokens" in used) == (switches != {"time_format": "text"})
