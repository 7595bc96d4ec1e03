"""LoRA against itself written by hand, and against peft's own wrapper."""

import copy

import peft
import pytest
import torch
from tiny_models import build_example, build_tiny
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, CLIPVisionConfig, GPT2Config, MixtralConfig

from momentor_lib.model import presets
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.generation import generate
from momentor_lib.model.lora import has_lora, merge, unload
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.prefix import prepare_video
from momentor_lib.training.checkpointing import checkpoint_layers
from momentor_lib.training.lora import LLAMA_TARGETS, add_lora, default_rank, default_targets, lora_parameters, lora_share
from momentor_lib.training.new_words import hardest_tokens


def batch_of(processor, *examples) -> dict[str, torch.Tensor]:
    return processor.collate([processor.encode(example) for example in examples])


def lora_names(model) -> set[str]:
    return {name for name, _ in model.named_parameters() if ".lora_" in name}


def trained(model: Momentor) -> Momentor:
    """As after some training: B is no longer zero."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def test_a_layer_is_what_the_paper_writes():
    model, processor = build_tiny(scale=10)
    weights = {name: value.clone() for name, value in model.language_model.state_dict().items()}
    trained(add_lora(model, rank=3, alpha=12))
    seen = {}
    for name, layer in model.language_model.named_modules():
        if isinstance(layer, peft.tuners.lora.LoraLayer):
            layer.register_forward_hook(lambda _, inputs, output, name=name: seen.__setitem__(name, (inputs[0], output)))
    with torch.no_grad():
        model(**batch_of(processor, build_example()))
    parameters = dict(model.language_model.named_parameters())
    assert len(seen) == 2 * len(LLAMA_TARGETS)
    for name, (x, y) in seen.items():
        down, up = parameters[f"{name}.lora_A.default.weight"], parameters[f"{name}.lora_B.default.weight"]
        assert (up @ down).norm() > 0
        by_hand = linear(x, weights[f"{name}.weight"] + 12 / 3 * up @ down)  # y = W x + (alpha / r) B A x
        torch.testing.assert_close(y, by_hand, rtol=1e-4, atol=1e-4)


def test_logits_are_those_of_peft_s_own_wrapper():
    model, _ = build_tiny(scale=10)
    rival = copy.deepcopy(model.language_model)
    trained(add_lora(model, rank=2, alpha=6, targets=("q_proj", "v_proj", "down_proj")))
    config = peft.LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    rival = peft.get_peft_model(rival, config).eval()
    peft.set_peft_model_state_dict(
        rival, {f"base_model.model.{k}": v for k, v in peft.get_peft_model_state_dict(model.language_model).items()}
    )
    input_ids = torch.randint(4, 300, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(model(input_ids).logits, rival(input_ids).logits)


@pytest.mark.parametrize("time_format", ["tags", "text"])
def test_it_begins_as_the_model_that_it_was(time_format):
    model, processor = build_tiny(scale=10, time_format=time_format)
    batch = batch_of(processor, build_example())
    with torch.no_grad():
        before = model(**batch).loss
        assert torch.equal(add_lora(model)(**batch).loss, before)
    assert not model.training and not any(module.training for module in model.modules())


def test_only_lora_and_the_other_parts_train():
    model, processor = build_tiny(scale=10)
    frozen = {name: parameter.clone() for name, parameter in model.named_parameters()}
    add_lora(model, dropout=0.1)
    batch = batch_of(processor, build_example())
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-2)
    model.train()
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None and parameter.grad.abs().max() > 0}
    others = {"projection.weight", "projection.bias", "temporal.input_tokens", "temporal.output_tokens"}
    assert with_gradient == lora_names(model) | others
    assert all(name.startswith("language_model.model.layers.") for name in lora_names(model)), "the frame encoder got some"
    for name, parameter in model.named_parameters():
        name = name.replace(".base_layer", "")
        if name in frozen and name not in others:
            assert torch.equal(parameter, frozen[name]), name


def test_what_was_frozen_before_stays_so():
    model, processor = build_tiny()
    model.set_trainable(language=False, projection=False, temporal=False)
    add_lora(model)
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == lora_names(model)
    model.train()(**batch_of(processor, build_example())).loss.backward()
    assert any(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("targets", [None, ("q_proj", "v_proj"), "all-linear"])
def test_counts_by_formula(targets):
    model, _ = build_tiny()
    language_model = model.language_model
    own = language_model.num_parameters()
    config = language_model.config
    d, f, kv = config.hidden_size, config.intermediate_size, config.hidden_size // 2
    layer = 4 * d + 2 * (d + kv) + 3 * (d + f) if targets != ("q_proj", "v_proj") else 2 * d + d + kv
    expected = 4 * config.num_hidden_layers * layer
    assert lora_parameters(language_model, targets or default_targets(language_model), 4) == expected
    add_lora(model, rank=4, targets=targets)
    assert sum(parameter.numel() for parameter in language_model.parameters() if parameter.requires_grad) == expected
    assert lora_share(model) == pytest.approx(expected / own)


def test_default_ranks_keep_to_two_percent():
    found = {}
    for name, config in {"tiny": presets.tiny(), "colab": presets.colab(), "paper": presets.paper()}.items():
        with torch.device("meta"):
            language_model = AutoModelForCausalLM.from_config(config.text_config)
        rank = default_rank(language_model, default_targets(language_model))
        found[name] = rank
        assert lora_parameters(language_model, LLAMA_TARGETS, rank) <= 0.02 * language_model.num_parameters()
    assert found == {"tiny": 1, "colab": 8, "paper": 16}


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=1),
        MixtralConfig(
            vocab_size=60, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
            num_local_experts=2, pad_token_id=0,
        ),
    ],
    ids=["gpt2", "mixtral"],
)  # fmt: skip
def test_other_architectures(config, recwarn):
    torch.manual_seed(0)
    vision = CLIPVisionConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)
    model = Momentor(MomentorConfig(vision, config, num_temporal_tokens=4, video_token_id=60, time_token_id=61)).eval()
    input_ids = torch.randint(2, 60, (1, 9))
    with torch.no_grad():
        before = model(input_ids).logits
        trained(add_lora(model, rank=2))
        after = model(input_ids).logits
        merged = merge(model)(input_ids).logits
    assert not torch.equal(before, after)
    torch.testing.assert_close(merged, after, rtol=1e-4, atol=1e-5)
    assert not [warning for warning in recwarn if "fan_in_fan_out" in str(warning.message)]


def test_dropout_works_while_training_only():
    model, processor = build_tiny(scale=10)
    trained(add_lora(model, rank=2, dropout=0.5))
    batch = batch_of(processor, build_example())
    with torch.no_grad():
        assert torch.equal(model(**batch).loss, model(**batch).loss)
        model.train()
        torch.manual_seed(0)
        assert not torch.equal(model(**batch).loss, model(**batch).loss)


def test_gradient_checkpointing_changes_nothing():
    model, processor = build_tiny(scale=10)
    trained(add_lora(model, rank=2)).train()
    batch = batch_of(processor, build_example(), build_example(seed=1))
    results = []
    for checkpointing in (False, True):
        if checkpointing:
            checkpoint_layers(model)
        loss = model(**batch).loss
        loss.backward()
        results.append((loss, {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}))
        model.zero_grad(set_to_none=True)
    (loss, gradients), (checkpointed, checkpointed_gradients) = results
    assert torch.equal(loss, checkpointed)
    assert gradients.keys() == checkpointed_gradients.keys() and lora_names(model) <= gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(checkpointed_gradients[name], gradient, msg=name)


def test_generation_goes_through_lora():
    model, processor = build_tiny(scale=25, seed=3)
    example = build_example()

    def answer() -> list[int]:
        prefix = prepare_video(model, processor, example.features, example.times, example.duration)
        return generate(model, processor, prefix, ["What happens in <1s>-<4s>?"], max_new_tokens=12)[0].ids

    before = answer()
    trained(add_lora(model, rank=2))
    with_lora = answer()
    assert with_lora != before
    model.language_model.disable_adapters()  # transformers' own: before and after, in one model
    assert answer() == before
    model.language_model.enable_adapters()
    assert answer() == with_lora
    unload(model)
    assert answer() == before and not has_lora(model)


def test_the_seed_fixes_its_first_values():
    def first_values(seed: int) -> list[torch.Tensor]:
        model, _ = build_tiny()
        torch.manual_seed(99)
        drawn = torch.rand(1)
        torch.manual_seed(99)
        add_lora(model, seed=seed)
        assert torch.equal(torch.rand(1), drawn), "others' random numbers changed"
        return [parameter for name, parameter in model.named_parameters() if ".lora_A" in name]

    assert all(torch.equal(one, other) for one, other in zip(first_values(1), first_values(1), strict=True))
    assert not torch.equal(first_values(1)[0], first_values(2)[0])


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"rank": 0}, "1 or more, not 0"),
        ({"dropout": 1.0}, "below 1"),
        ({"targets": ("q_proj", "lm_head")}, "no linear layer lm_head; the language model has down_proj"),
        ({"targets": ()}, "no targets"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    model, _ = build_tiny()
    with pytest.raises(ValueError, match=message):
        add_lora(model, **wrong)
    assert not has_lora(model)


def test_it_is_put_in_once():
    model, _ = build_tiny()
    with pytest.raises(ValueError, match="LoRA inside already"):
        add_lora(add_lora(model))


def test_rows_of_the_vocabulary_learn_beside_lora_and_go_where_lora_goes(tmp_path):
    model, processor = build_tiny(scale=10)
    model.save_pretrained(tmp_path / "base")
    processor.save_pretrained(tmp_path / "base")
    model = Momentor.from_pretrained(tmp_path / "base")
    before = model.get_input_embeddings().weight.detach().clone()
    add_lora(model, rank=2, tokens=[5, 9])
    assert lora_share(model) > (2 * before.shape[1]) / model.language_model.num_parameters()
    batch = batch_of(processor, build_example())
    assert torch.equal(model(**batch).loss, Momentor.from_pretrained(tmp_path / "base")(**batch).loss)
    model.train()(**batch).loss.backward()
    rows = [parameter for name, parameter in model.named_parameters() if "trainable_tokens" in name]
    assert len(rows) == 1 and rows[0].shape == (2, before.shape[1]) and rows[0].grad.abs().sum() > 0
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter += 0.1 * parameter.grad / parameter.grad.abs().max().clamp(min=1e-9)
    expected = model.eval()(**batch).loss
    assert not torch.equal(expected, Momentor.from_pretrained(tmp_path / "base").eval()(**batch).loss)
    model.save_pretrained(tmp_path / "adapter")
    again = Momentor.from_pretrained(tmp_path / "adapter").eval()
    assert torch.equal(again(**batch).loss, expected)
    whole = merge(again)
    torch.testing.assert_close(whole(**batch).loss, expected)
    changed = (whole.get_input_embeddings().weight != before).any(-1).nonzero().squeeze(-1)
    assert changed.tolist() == [5, 9]
    unload(model)
    assert torch.equal(model.get_input_embeddings().weight, before)


def test_the_hardest_tokens_are_those_that_cost_most():
    model, processor = build_tiny(scale=10)
    examples = [build_example(), build_example(seed=1)]
    found = hardest_tokens(model, processor, examples, 3)
    assert found == sorted(found) and len(found) == 3
    batch = batch_of(processor, *examples)
    said = set(batch["labels"][batch["labels"] != -100].tolist()) - {processor.time_token_id, processor.eos_token_id}
    assert set(found) <= said
    cost = {}
    for token in said:  # the loss of this token alone, by the model's own loss
        labels = batch["labels"].masked_fill(batch["labels"] != token, -100)
        cost[token] = model(**batch | {"labels": labels}, num_items_in_batch=1).loss.item()
    assert set(found) == set(sorted(cost, key=cost.get)[-3:])
    assert hardest_tokens(model, processor, examples, 0) == []
