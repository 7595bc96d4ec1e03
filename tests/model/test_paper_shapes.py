"""The paper preset: its sizes against the formulas of CLIP ViT-L/14 and LLaMA-7B, and its way from files to a step and an answer."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from pretrained_folders import random_llama, write_clip, write_llama, write_llava, write_llava_of_transformers
from transformers import CLIPVisionConfig, LlamaConfig

from momentor_lib.model import presets
from momentor_lib.model.generation import generate
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.prefix import prepare_video
from momentor_lib.model.processing import VideoExample
from momentor_lib.timecode import format_span
from momentor_lib.video import Frames

N, M = 300, 300  # anchors, frames
D, D_V = 4096, 1024
FRAMES, DURATION = 8, 20.0
LAYOUTS = {"LLaMA": write_llama, "LLaVA": write_llava, "LLaVA of transformers": write_llava_of_transformers}


def linear(inputs: int, outputs: int, bias: bool) -> int:
    return inputs * outputs + bias * outputs


def clip_vit_l14() -> int:
    """Parameters of CLIP ViT-L/14's vision tower: 224 pixels, patches of 14, 24 layers, biases everywhere but in the patches."""
    places = (224 // 14) ** 2 + 1  # the patches and the class
    embeddings = linear(3 * 14 * 14, D_V, bias=False) + D_V + places * D_V
    norm = 2 * D_V
    layer = 4 * linear(D_V, D_V, True) + linear(D_V, 4 * D_V, True) + linear(4 * D_V, D_V, True) + 2 * norm
    return embeddings + norm + 24 * layer + norm


def llama_7b() -> int:
    """Parameters of LLaMA-7B: 32 layers, a gated feed-forward of 11,008, no biases, 32,000 words, two tables of them."""
    layer = 4 * linear(D, D, False) + 3 * linear(D, 11008, False) + 2 * D
    return 32000 * D + 32 * layer + D + 32000 * D


def test_parameters_are_the_papers():
    with torch.device("meta"):
        model = Momentor(presets.paper())
    assert (model.config.num_temporal_tokens, model.config.num_frames) == (N, M)
    counted = {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in model.named_children()}
    projection, temporal = linear(D_V, D, True), 2 * N * D
    assert clip_vit_l14() == 303_179_776 and llama_7b() == 6_738_415_616
    assert counted == {"vision_model": clip_vit_l14(), "language_model": llama_7b(), "projection": projection, "temporal": temporal}
    assert all(parameter.device.type == "meta" for parameter in model.parameters())
    # Paper: the frame encoder and the language model are frozen.
    model.set_trainable(language=False)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad)
    assert (trained, frozen) == (projection + temporal, clip_vit_l14() + llama_7b())
    assert (trained, frozen) == (6_656_000, 7_041_595_392)
    model.set_trainable(language=False, temporal=False)  # the alignment stage
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == projection == 4_198_400


def two_layers(shrink: int) -> tuple[CLIPVisionConfig, LlamaConfig]:
    """The paper preset's parts with two layers each, and all widths but the number of heads divided."""
    config = presets.paper()
    vision, text = config.vision_config, config.text_config
    for part in (vision, text):
        part.num_hidden_layers = 2
        part.hidden_size //= shrink
        part.intermediate_size //= shrink
    text.head_dim //= shrink
    text.pad_token_id, text.bos_token_id, text.eos_token_id = 0, None, 1
    return vision, text


@pytest.fixture(scope="module", params=[16, 1])
def parts(request, tmp_path_factory):
    """Widths of a sixteenth, or in the slow form the paper's own; a random CLIP's folder, a LLaMA with its tokenizer, and the shrinking."""
    if request.param == 1 and os.environ.get("MOMENTOR_SLOW_TESTS") != "1":
        pytest.skip("5 GB of memory and minutes; MOMENTOR_SLOW_TESTS=1 runs it")
    vision, text = two_layers(request.param)
    folder = tmp_path_factory.mktemp("paper") / "clip"
    write_clip(folder, vision)
    return folder, random_llama(text), request.param


def pixels_of(frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (frames, 3, 224, 224), dtype=np.uint8)


@pytest.fixture(scope="module")
def losses() -> dict[int, float]:
    """Shrinking -> the loss before the step, in whatever format the same weights lay."""
    return {}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_step_and_an_answer_from_files(layout, parts, losses, tmp_path):
    clip, (llama, tokenizer), shrink = parts
    LAYOUTS[layout](tmp_path / "language", llama, tokenizer)
    dtype = torch.bfloat16 if shrink == 1 else None
    model, processor = presets.from_backbones(clip, tmp_path / "language", num_temporal_tokens=N, num_frames=FRAMES, dtype=dtype)
    assert (model.config.vision_config.num_attention_heads, model.config.text_config.num_attention_heads) == (16, 32)
    assert (model.config.vision_config.hidden_size, model.config.text_config.hidden_size) == (D_V // shrink, D // shrink)
    with torch.no_grad():  # what is new is the same for every format
        for parameter in (*model.projection.parameters(), *model.temporal.parameters()):
            parameter.copy_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    times = torch.linspace(0, DURATION, FRAMES, dtype=torch.float64).numpy()
    frames = Frames(pixels_of(FRAMES), times, DURATION)
    asked = [("When does this happen: the red circle moves left?", format_span(2.5, 7.25))], [("What happens?", "the green star spins")]
    example = VideoExample(times.tolist(), DURATION, asked, pixel_values=processor.pixel_values(frames))
    batch = processor.collate([processor.encode(example)])

    model.set_trainable(language=False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    frozen = {name: parameter.clone() for name, parameter in model.named_parameters() if not parameter.requires_grad}
    optimizer = torch.optim.AdamW(trained, lr=1e-3)
    loss = model.train()(**batch).loss
    loss.backward()
    optimizer.step()
    assert losses.setdefault(shrink, loss.item()) == pytest.approx(loss.item(), abs=1e-6)
    with torch.no_grad():
        assert model(**batch).loss < loss
    assert all(torch.equal(parameter, frozen[name]) for name, parameter in model.named_parameters() if name in frozen)

    with torch.no_grad():
        features = model.eval().encode_frames(example.pixel_values[None])[0]
    prefix = prepare_video(model, processor, features, times, DURATION)
    question = "When does this happen: the red circle moves left?"
    (said,) = generate(model, processor, prefix, [question], spans=True, begins_with_time=True, max_new_tokens=8)
    start, end = (float(time.position) for time in said.times[:2])
    assert len(said.ids) >= 3 and 0 <= start <= end <= 1
