"""Pretrained parts from folders of every format, against the model that was saved."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pretrained_folders import LANGUAGE_WRITERS, MEAN, STD, VISION, projector, random_llama, write_clip, write_llama, write_llava
from safetensors.torch import load_file, save_file
from tiny_models import build_example, build_tiny
from transformers import CLIPVisionModel, LlamaConfig, SiglipConfig, SiglipModel, SiglipVisionConfig, SiglipVisionModel

from momentor_lib.model import backbones, presets
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.model.projector import load_projection

SIGLIP = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}


class Code:
    """What a pickle must not be able to do."""

    def __reduce__(self):
        return exec, ("raise AssertionError('a pickle was run')",)


@pytest.fixture(scope="module")
def llama():
    return random_llama()


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("parts") / "clip"
    write_clip(folder)
    return folder


# language models


@pytest.mark.parametrize("layout", LANGUAGE_WRITERS)
def test_a_language_model_comes_back_from_every_layout(layout, llama, tmp_path):
    model, tokenizer = llama
    LANGUAGE_WRITERS[layout](tmp_path / "folder", model, tokenizer)
    loaded = backbones.load_language(tmp_path / "folder")
    assert type(loaded) is type(model) and not loaded.training
    expected, found = model.state_dict(), loaded.state_dict()
    assert expected.keys() == found.keys(), "no image parts"
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    ids = torch.randint(0, len(tokenizer), (2, 9))
    with torch.no_grad():
        assert torch.equal(model(ids).logits, loaded(ids).logits)
    assert backbones.load_tokenizer(tmp_path / "folder").encode("the red circle") == tokenizer.encode("the red circle")


@pytest.mark.parametrize("layout", LANGUAGE_WRITERS)
def test_precision_can_be_chosen(layout, llama, tmp_path):
    LANGUAGE_WRITERS[layout](tmp_path / "folder", *llama)
    loaded = backbones.load_language(tmp_path / "folder", torch.bfloat16)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.bfloat16} and loaded.config.dtype == torch.bfloat16
    inverse = loaded.get_decoder().rotary_emb.inv_freq
    assert inverse.dtype == torch.float32, "rounded frequencies would move far tokens"


def test_a_billion_parameters_are_where_half_precision_begins():
    assert backbones.default_dtype(presets.colab().text_config) == torch.float32
    assert backbones.default_dtype(presets.paper().text_config) == torch.bfloat16


def test_tied_weights_stay_tied(tmp_path):
    model, tokenizer = random_llama(presets.tiny().text_config)
    write_llama(tmp_path / "folder", model, tokenizer)
    loaded = backbones.load_language(tmp_path / "folder")
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight


def test_missing_weights_are_named(llama, tmp_path):
    write_llava(tmp_path / "folder", *llama)
    shard = tmp_path / "folder" / "model-00001-of-00002.safetensors"
    weights = load_file(shard)
    save_file({name: value for name, value in weights.items() if "layers.1" not in name}, shard, {"format": "pt"})
    with pytest.raises(ValueError, match=r"does not hold all weights of its llama: model.layers.1\S+ and \d more missing$"):
        backbones.load_language(tmp_path / "folder")


def test_a_pickle_with_code_is_refused(llama, tmp_path):
    folder = tmp_path / "folder"
    LANGUAGE_WRITERS["llama, pickled"](folder, *llama)
    torch.save({"model.norm.weight": Code()}, folder / "pytorch_model-00002-of-00002.bin")
    with pytest.raises(ValueError, match="holds more than tensors, and is not read, since it could run code"):
        backbones.load_language(folder)


def test_what_is_no_language_model_is_named(clip_folder, tmp_path):
    with pytest.raises(ValueError, match="holds a clip_text_model, no language model that writes text"):
        backbones.load_language(clip_folder)
    build_tiny()[0].save_pretrained(tmp_path / "momentor")
    with pytest.raises(ValueError, match="holds a whole Momentor: load it by its folder alone"):
        backbones.load_language(tmp_path / "momentor")
    broken = {"{": "cannot be read", "[]": "holds no JSON object", '{"model_type": "new"}': "no model that transformers knows"}
    for content, message in broken.items():
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ValueError, match=message) as error:
            backbones.load_language(tmp_path)
        assert "\n" not in str(error.value)


def test_weights_of_other_shapes_are_refused(llama, tmp_path):
    folder = tmp_path / "folder"
    write_llama(folder, *llama)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 32}))
    with pytest.raises(ValueError, match="holds no llama that can be read"):
        backbones.load_language(folder)


def test_a_sentencepiece_tokenizer_says_what_it_needs(llama, tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    write_llama(folder, *llama)
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    monkeypatch.setattr(backbones, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match=r"tokenizer\.model, which needs another package: pip install sentencepiece protobuf"):
        backbones.load_tokenizer(folder)


# frame encoders


def write_siglip(folder: Path, whole: bool) -> SiglipVisionModel:
    torch.manual_seed(0)
    config = SiglipVisionConfig(**SIGLIP, image_size=16, patch_size=8)
    text = {**SIGLIP, "vocab_size": 50, "max_position_embeddings": 8}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=config.to_dict())) if whole else SiglipVisionModel(config)
    model.eval().save_pretrained(folder)
    return model.vision_model if whole else model


def write_clip_tower(folder: Path) -> CLIPVisionModel:
    torch.manual_seed(1)
    model = CLIPVisionModel(VISION).eval()
    model.half().save_pretrained(folder)
    return model.float()


VISION_WRITERS = {
    "clip": lambda folder: write_clip(folder).vision_model,
    "clip_tower": write_clip_tower,
    "siglip": lambda folder: write_siglip(folder, whole=True),
    "siglip_tower": lambda folder: write_siglip(folder, whole=False),
}


@pytest.mark.parametrize("kind", VISION_WRITERS)
def test_a_frame_encoder_is_the_tower_alone(kind, tmp_path):
    expected = VISION_WRITERS[kind](tmp_path / kind)
    loaded = backbones.load_vision(tmp_path / kind)
    assert loaded.num_parameters() == expected.num_parameters()
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    pixels = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(loaded(pixel_values=pixels).pooler_output, expected(pixel_values=pixels).pooler_output)
    mean, std = backbones.pixel_statistics(tmp_path / kind, loaded.config)
    own = {"clip": (MEAN, STD), "clip_tower": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])}
    assert (list(mean), list(std)) == own.get(kind, ([0.5] * 3, [0.5] * 3))


def test_what_is_no_frame_encoder_is_named(llama, tmp_path):
    write_llama(tmp_path / "llama", *llama)
    with pytest.raises(ValueError, match="holds a llama, no frame encoder: its configuration has no image_size"):
        backbones.load_vision(tmp_path / "llama")
    config = SiglipVisionConfig(**SIGLIP, image_size=16, patch_size=8, vision_use_head=False)
    SiglipVisionModel(config).save_pretrained(tmp_path / "headless")
    with pytest.raises(ValueError, match="a SigLIP without its pooling head"):
        backbones.load_vision(tmp_path / "headless")


# both together


def test_a_language_model_keeps_its_precision_through_saving(llama, clip_folder, tmp_path):
    write_llama(tmp_path / "llama", *llama)
    model, processor = presets.from_backbones(clip_folder, tmp_path / "llama", num_temporal_tokens=8, num_frames=6, dtype=torch.bfloat16)
    precision = {name: parameter.dtype for name, parameter in model.named_parameters()}
    assert {dtype for name, dtype in precision.items() if name.startswith("language_model.")} == {torch.bfloat16}
    assert {dtype for name, dtype in precision.items() if not name.startswith("language_model.")} == {torch.float32}
    example = build_example()
    example.features = torch.randn(6, VISION.hidden_size)
    batch = processor.collate([processor.encode(example)])
    model.train()(**batch).loss.backward()
    assert model.projection.weight.grad.isfinite().all() and model.temporal.output_tokens.grad.abs().max() > 0
    model.save_pretrained(tmp_path / "both")
    processor.save_pretrained(tmp_path / "both")
    loaded, _ = presets.load(tmp_path / "both")
    assert {name: parameter.dtype for name, parameter in loaded.named_parameters()} == precision
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.eval()(**batch).loss, loaded(**batch).loss)
    whole, _ = presets.load(tmp_path / "both", dtype=torch.float32)
    assert {parameter.dtype for parameter in whole.parameters()} == {torch.float32}


def test_a_pair_is_two_folders_with_a_plus(llama, clip_folder, tmp_path):
    write_llava(tmp_path / "a+b", *llama)  # a plus in a folder's name does not confuse
    name = f"{clip_folder}+{tmp_path / 'a+b'}"
    assert presets.backbones_of(name) == (str(clip_folder), str(tmp_path / "a+b"))
    model, processor = presets.load(name)
    assert isinstance(processor, MomentorProcessor) and (processor.image_mean, processor.num_frames) == (MEAN, 300)
    assert model.language_model.num_parameters() == llama[0].num_parameters() and not model.training
    encoder, _ = presets.load_frame_encoder(name)
    assert encoder.language_model.device.type == "meta" and encoder.config.num_frames == 300
    assert all(torch.equal(a, b) for a, b in zip(encoder.vision_model.parameters(), model.vision_model.parameters(), strict=True))


MEMORY = """
import sys, threading, time
from pathlib import Path

import torch

from momentor_lib.model import backbones

def private():  # MB of memory that no file stands behind
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) / 1024

def watch():
    global most
    while not done.wait(0.001):
        most = max(most, private())

backbones.load_language(sys.argv[1], torch.bfloat16)  # what is imported late
for folder in sys.argv[2:]:
    before, most, done = private(), 0.0, threading.Event()
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    model = backbones.load_language(folder, torch.bfloat16)
    done.set()
    watching.join()
    print(max(most, private()) - before, sum(parameter.nbytes for parameter in model.parameters()) / 2**20)
    del model
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of a process's memory")
def test_no_more_than_one_copy_of_the_weights_is_in_memory(llama, tmp_path):
    large, tokenizer = random_llama(LlamaConfig(hidden_size=512, intermediate_size=2048, num_hidden_layers=8))
    LANGUAGE_WRITERS["LLaVA"](tmp_path / "small", *llama)
    folders = [tmp_path / "small"]
    for layout in ("LLaVA", "Video-ChatGPT"):
        LANGUAGE_WRITERS[layout](tmp_path / layout, large, tokenizer)
        folders.append(tmp_path / layout)
    printed = subprocess.run([sys.executable, "-c", MEMORY, *folders], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        most, weights = map(float, line.split())
        assert weights > 60 and most < 1.25 * weights


# a projection from a file


def save_projector(file: Path, prefix: str, width: int = 32, feature_width: int = 12, **more) -> torch.nn.Linear:
    linear = projector(width, feature_width)
    tensors = {f"{prefix}{name}": tensor for name, tensor in linear.half().state_dict().items()} | more
    save_file(tensors, file) if file.suffix == ".safetensors" else torch.save(tensors, file)
    return linear


@pytest.mark.parametrize("suffix", ["bin", "pt", "safetensors"])
@pytest.mark.parametrize("prefix", ["model.mm_projector.", "mm_projector.", "", "base_model.model.model.mm_projector.", "projection."])
def test_a_projector_goes_into_the_projection(suffix, prefix, tmp_path):
    model, _ = build_tiny()
    linear = save_projector(tmp_path / f"mm_projector.{suffix}", prefix, **{"model.embed_tokens.weight": torch.zeros(3, 2)})
    load_projection(model, tmp_path / f"mm_projector.{suffix}")
    assert torch.equal(model.projection.weight, linear.weight.float()) and torch.equal(model.projection.bias, linear.bias.float())
    assert model.projection.weight.requires_grad and model.projection.weight.dtype == torch.float32


@pytest.mark.parametrize("layout", ["LLaVA", "Video-ChatGPT"])
def test_a_projector_is_found_in_a_whole_checkpoint(layout, llama, clip_folder, tmp_path):
    LANGUAGE_WRITERS[layout](tmp_path / "whole", *llama)
    model, _ = presets.from_backbones(clip_folder, tmp_path / "whole")
    load_projection(model, tmp_path / "whole")
    expected = projector(llama[0].config.hidden_size)
    assert torch.equal(model.projection.weight, expected.weight) and torch.equal(model.projection.bias, expected.bias)


def test_a_nested_file_and_one_without_a_bias(tmp_path):
    model, _ = build_tiny()
    weight = torch.randn(32, 12)
    torch.save({"state_dict": {"mm_projector.weight": weight}}, tmp_path / "nested.pt")
    load_projection(model, tmp_path / "nested.pt")
    assert torch.equal(model.projection.weight, weight) and not model.projection.bias.any()


BAD_FILES = {
    "holds a projector from 1024 x 4096 numbers; this model's frame features are 12 wide and its language model 32": {
        "mm_projector.weight": torch.zeros(4096, 1024),
        "mm_projector.bias": torch.zeros(4096),
    },
    "holds a projector of several layers": {"mm_projector.0.weight": torch.zeros(2, 2), "mm_projector.2.weight": torch.zeros(2, 2)},
    "holds no projector: no weight under mm_projector": {"visual_projection.weight": torch.zeros(32, 12)},
    "holds more than one projector": {"a.mm_projector.weight": torch.zeros(32, 12), "b.mm_projector.weight": torch.zeros(32, 12)},
    "with numbers that are not finite": {"weight": torch.full((32, 12), torch.inf), "bias": torch.zeros(32)},
    "since it holds more than tensors, and could run code": {"weight": torch.zeros(32, 12), "bias": Code()},
}


@pytest.mark.parametrize("message", BAD_FILES)
def test_a_file_that_does_not_fit_changes_nothing(message, tmp_path):
    model, _ = build_tiny()
    before = model.projection.weight.clone()
    torch.save(BAD_FILES[message], tmp_path / "bad.bin")
    with pytest.raises(ValueError, match=message) as error:
        load_projection(model, tmp_path / "bad.bin")
    assert "\n" not in str(error.value) and str(tmp_path / "bad.bin") in str(error.value)
    assert torch.equal(model.projection.weight, before)


@pytest.mark.parametrize("name", ["text.bin", "text.safetensors"])
def test_a_file_of_something_else_is_one_line(name, tmp_path):
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n" * 9)
    with pytest.raises(ValueError, match=name) as error:
        load_projection(build_tiny()[0], tmp_path / name)
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="no such file; name an mm_projector file"):
        load_projection(build_tiny()[0], tmp_path / "missing.bin")
