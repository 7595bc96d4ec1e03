"""An adapter's folder against peft's own, and against the model that it was saved from."""

import copy
import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import build_example, build_tiny

from momentor_lib.model import presets
from momentor_lib.model.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS, PARTS, save_adapter
from momentor_lib.model.four_bit import KEPT, four_bit_config
from momentor_lib.model.lora import has_lora, merge, unload
from momentor_lib.model.momentor import Momentor
from momentor_lib.paths import shipped
from momentor_lib.training.lora import add_lora


def batch_of(processor) -> dict[str, torch.Tensor]:
    batch = processor.collate([processor.encode(build_example())])
    del batch["labels"]
    return batch


@torch.no_grad()
def logits(model: Momentor, batch) -> torch.Tensor:
    output = model(**batch)
    return output.logits if output.temporal_logits is None else torch.cat((output.logits, output.temporal_logits), dim=-1)


def train(model: Momentor, processor, steps: int = 3) -> Momentor:
    batch = processor.collate([processor.encode(build_example())])
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=3e-2)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    return model.eval()


def make(folder: Path, **settings):
    model, processor = build_tiny(scale=10, motion_neighbours=1, **settings)
    model.save_pretrained(folder / "base")
    processor.save_pretrained(folder / "base")
    model = train(add_lora(Momentor.from_pretrained(folder / "base"), rank=2, dropout=0.1), processor)
    save_adapter(model, folder / "adapter")
    processor.save_pretrained(folder / "adapter")
    return model, processor, folder / "base", folder / "adapter"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def saved(made, tmp_path):
    """A trained model, its processor, its base's folder and its adapter's: a test's own copies."""
    model, processor, base, adapter = made
    for folder in (base, adapter):
        shutil.copytree(folder, tmp_path / folder.name)
    model = copy.deepcopy(model)
    model.name_or_path = str(tmp_path / "base")
    return model, processor, tmp_path / "base", tmp_path / "adapter"


@pytest.mark.parametrize("time_format", ["tags", "text"])
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, time_format):
    model, processor, base, adapter = make(tmp_path, time_format=time_format)
    batch = batch_of(processor)
    expected = logits(model, batch)
    plain = Momentor.from_pretrained(base)
    assert not torch.equal(logits(plain, batch), expected)
    for loaded in (Momentor.from_pretrained(base, adapter=adapter), Momentor.from_pretrained(adapter), presets.load(adapter)[0]):
        assert torch.equal(logits(loaded, batch), expected)
        assert not any(module.training for module in loaded.modules())
    assert model.state_dict().keys() == loaded.state_dict().keys()
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_it_trains_on_and_is_saved_again(saved, tmp_path):
    model, processor, _, adapter = saved
    loaded = Momentor.from_pretrained(adapter)
    learn = {name for name, parameter in loaded.named_parameters() if parameter.requires_grad and name.startswith("language_model")}
    assert learn and all(".lora_" in name for name in learn)
    torch.manual_seed(0)
    train(loaded, processor)
    torch.manual_seed(0)
    train(model, processor)
    batch = batch_of(processor)
    assert torch.equal(logits(loaded, batch), logits(model, batch))
    loaded.save_pretrained(tmp_path / "again")
    assert torch.equal(logits(Momentor.from_pretrained(tmp_path / "again"), batch), logits(model, batch))


@pytest.mark.parametrize("time_format", ["tags", "text"])
def test_a_loaded_model_trains_what_a_new_one_does(tmp_path, time_format):
    model, _ = build_tiny(time_format=time_format)
    model.save_pretrained(tmp_path)
    loaded = Momentor.from_pretrained(tmp_path)
    expected = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name, parameter in loaded.named_parameters() if parameter.requires_grad} == expected
    assert not any(name.startswith("vision_model") for name in expected)


def test_peft_reads_it(saved):
    model, _, base, adapter = saved
    language_model = Momentor.from_pretrained(base).language_model
    own = {name: value.clone() for name, value in language_model.state_dict().items()}
    by_peft = peft.PeftModel.from_pretrained(language_model, adapter)
    input_ids = torch.randint(4, 300, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(by_peft(input_ids).logits, model.language_model(input_ids).logits)
    merged = by_peft.merge_and_unload().state_dict()  # "mergeable with one call"
    ours = merge(model).language_model.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in merged.items())
    assert any(not torch.equal(value, own[name]) for name, value in merged.items())


def test_files_are_those_that_peft_writes(saved, tmp_path):
    _, _, base, adapter = saved
    by_peft = peft.PeftModel.from_pretrained(Momentor.from_pretrained(base).language_model, adapter)
    by_peft.save_pretrained(tmp_path / "by_peft")
    ours, theirs = (load_file(folder / ADAPTER_WEIGHTS) for folder in (adapter, tmp_path / "by_peft"))
    assert ours.keys() == theirs.keys() and all(torch.equal(value, ours[name]) for name, value in theirs.items())
    ours, theirs = (json.loads((folder / ADAPTER_CONFIG).read_text()) for folder in (adapter, tmp_path / "by_peft"))
    for config in (ours, theirs):
        config["target_modules"] = sorted(config["target_modules"])
    assert ours == theirs and ours["base_model_name_or_path"] == "../base"


def test_it_is_small(saved):
    model, _, _, adapter = saved
    learn = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    size = sum((adapter / name).stat().st_size for name in (ADAPTER_WEIGHTS, PARTS))
    assert 4 * learn < size < 4 * learn + 10_000
    assert not list(adapter.glob("model*.safetensors")) and not list(adapter.glob(".*"))


def test_the_same_adapter_is_the_same_bytes(saved, tmp_path):
    adapter = saved[-1]
    save_adapter(Momentor.from_pretrained(adapter), tmp_path / "again")
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, PARTS):
        assert (tmp_path / "again" / name).read_bytes() == (adapter / name).read_bytes()


@pytest.mark.parametrize("time_format", ["tags", "text"])
def test_merged_it_is_a_plain_momentor(tmp_path, time_format):
    model, processor, base, adapter = make(tmp_path, time_format=time_format)
    batch = batch_of(processor)
    expected = logits(model, batch)
    assert merge(model) is model and not has_lora(model)
    torch.testing.assert_close(logits(model, batch), expected, rtol=1e-5, atol=1e-5)
    model.save_pretrained(adapter)  # over the adapter's files, which must not be read in its stead
    loaded = Momentor.from_pretrained(adapter)
    assert not has_lora(loaded) and loaded.state_dict().keys() == Momentor.from_pretrained(base).state_dict().keys()
    assert torch.equal(logits(loaded, batch), logits(model, batch))
    with pytest.raises(ValueError, match="base="):  # the base's folder no longer holds these weights
        save_adapter(add_lora(model), tmp_path / "second")


def test_unloaded_the_language_model_is_what_it_was(saved):
    model, _, base, _ = saved
    plain = Momentor.from_pretrained(base).language_model.state_dict()
    found = unload(model).language_model.state_dict()
    assert plain.keys() == found.keys() and all(torch.equal(value, found[name]) for name, value in plain.items())
    with pytest.raises(ValueError, match="no LoRA inside"):
        unload(model)


def test_saving_a_model_with_lora_inside_saves_its_adapter(saved, tmp_path):
    model, _, _, adapter = saved
    model.save_pretrained(tmp_path / "other")
    assert (tmp_path / "other" / ADAPTER_WEIGHTS).read_bytes() == (adapter / ADAPTER_WEIGHTS).read_bytes()
    model.save_pretrained(tmp_path / "none", is_main_process=False)
    assert not (tmp_path / "none").exists()
    gathered = {name: value.clone() for name, value in model.state_dict().items()}
    model.save_pretrained(tmp_path / "gathered", state_dict=gathered)
    assert (tmp_path / "gathered" / PARTS).read_bytes() == (adapter / PARTS).read_bytes()


def test_base_and_adapter_move_together(saved, tmp_path, monkeypatch):
    model, processor, base, adapter = saved
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (base, adapter):
        shutil.move(folder, elsewhere)
    monkeypatch.chdir(elsewhere / "adapter")
    batch = batch_of(processor)
    assert torch.equal(logits(Momentor.from_pretrained("."), batch), logits(model, batch))
    shutil.move(elsewhere / "base", tmp_path / "away")
    with pytest.raises(ValueError, match=r"belongs to the model in .*base, which is not there: give it: .*adapter="):
        Momentor.from_pretrained(elsewhere / "adapter")
    assert torch.equal(logits(Momentor.from_pretrained(tmp_path / "away", adapter="."), batch), logits(model, batch))


def test_the_shipped_model_is_named_and_not_placed(tmp_path):
    model = add_lora(presets.load("tiny")[0])
    save_adapter(model, tmp_path)
    assert json.loads((tmp_path / ADAPTER_CONFIG).read_text())["base_model_name_or_path"] == "tiny"
    assert has_lora(Momentor.from_pretrained(tmp_path))
    assert Path(model.name_or_path).resolve() == shipped("checkpoints/tiny").resolve()


@pytest.mark.parametrize(
    "other, message",
    [
        ({"num_temporal_tokens": 9}, "num_temporal_tokens is 8 there and 9 in the base"),
        ({"time_format": "text"}, "time_format is tags there and text"),
        ({"motion_neighbours": 2}, "motion_neighbours is 1 there and 2"),
    ],
)
def test_a_base_of_other_sizes_is_refused(saved, tmp_path, other, message):
    _, _, _, adapter = saved
    build_tiny(**{"motion_neighbours": 1} | other)[0].save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match=message) as error:
        Momentor.from_pretrained(tmp_path / "other", adapter=adapter)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "field, value", [("num_hidden_layers", 3), ("intermediate_size", 40), ("num_key_value_heads", 4), ("vocab_size", 300)]
)
def test_a_language_model_of_other_sizes_is_refused(saved, tmp_path, field, value):
    model, _, _, adapter = saved
    config = model.config.__class__.from_dict(model.config.to_dict())
    setattr(config.text_config, field, value)
    other = Momentor(config).eval()
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match=r"other sizes: (text_config|base_model|lora).* (is .* in the base|is only in the base)"):
        Momentor.from_pretrained(tmp_path / "other", adapter=adapter)


def test_a_folder_that_cannot_be_an_adapter_is_refused(saved, tmp_path):
    model, _, base, adapter = saved
    with pytest.raises(ValueError, match=r"is no adapter's folder: it holds no adapter_config\.json"):
        Momentor.from_pretrained(base, adapter=base)
    with pytest.raises(ValueError, match="can only be put onto a whole model"):
        Momentor.from_pretrained(adapter, adapter=adapter)
    with pytest.raises(ValueError, match="holds a whole model"):
        save_adapter(model, base)
    shutil.copytree(adapter, tmp_path / "copy")
    (tmp_path / "copy" / ADAPTER_WEIGHTS).write_bytes((adapter / ADAPTER_WEIGHTS).read_bytes()[:-8])
    with pytest.raises(ValueError, match="cannot be read"):
        Momentor.from_pretrained(base, adapter=tmp_path / "copy")


def test_a_save_that_was_cut_short_is_noticed(saved, tmp_path):
    model, processor, base, adapter = saved
    parts = (adapter / PARTS).read_bytes()
    train(model, processor, 1).save_pretrained(adapter)
    (adapter / PARTS).write_bytes(parts)  # the last file is still the one of the save before
    with pytest.raises(ValueError, match="was not saved with"):
        Momentor.from_pretrained(base, adapter=adapter)


def test_what_an_adapter_cannot_hold_is_not_lost(saved, tmp_path):
    model, _, _, _ = saved
    with pytest.raises(ValueError, match="no LoRA inside"):
        save_adapter(build_tiny()[0], tmp_path / "out")
    with pytest.raises(ValueError, match="base="):
        save_adapter(add_lora(build_tiny()[0]), tmp_path / "out")
    model.set_trainable(vision=True)
    with pytest.raises(ValueError, match="trains too"):
        save_adapter(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_half_precision(saved, tmp_path):
    _, processor, base, adapter = saved
    batch = batch_of(processor)
    model = Momentor.from_pretrained(base, adapter=adapter, dtype=torch.bfloat16)
    assert model.language_model.lm_head.weight.dtype == torch.bfloat16
    save_adapter(model, tmp_path / "half")
    again = Momentor.from_pretrained(base, adapter=tmp_path / "half", dtype=torch.bfloat16)
    assert torch.equal(logits(model, batch), logits(again, batch))


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_four_bits_need_a_gpu(saved):
    _, _, base, adapter = saved
    with pytest.raises(ValueError, match="needs a CUDA GPU"):
        Momentor.from_pretrained(base, adapter=adapter, four_bit=True)


def test_four_bit_settings(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("momentor_lib.model.four_bit.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install bitsandbytes"):
        four_bit_config()
    model, _ = build_tiny()
    assert {name for name, _ in model.named_children()} - {"language_model"} <= {*KEPT, "motion"}
