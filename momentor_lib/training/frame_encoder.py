"""Train the tiny CLIP on toy pictures: image and phrase embeddings close where the phrase is true, far where it is false.

Twice: first with phrases, captions and regions, then with a linear read-out as well (:mod:`momentor_lib.training.frame_losses`). Crowded
pictures serve the regions alone, many of them at first. Only the CLIP is kept.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

from momentor_lib.files import write_whole
from momentor_lib.toy import stills as toy
from momentor_lib.training.frame_losses import FrameLosses
from momentor_lib.training.optimizer import build_optimizers, schedule, set_learning_rate
from momentor_lib.training.run import TrainingRun

IMAGE_SIZE = 64
LAYERS = 4  # of vision, in the end
MEAN, STD = 0.42, 0.11  # of toy pictures, all three channels
logger = logging.getLogger("momentor")


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Words of the phrases, one token each."""
    words = ["a", "thing", "at", "column", "row", "turned", "and", "nothing", *toy.SIZES, *toy.OPACITIES, *toy.COLOURS, *toy.SHAPES]
    words += [str(i) for i in range(max(toy.PLACES, toy.TURNS))]
    special = ["<pad>", "<unk>", "<start>", "<end>"]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(special + words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=[("<end>", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<start>", eos_token="<end>", model_max_length=64
    )


def build_clip(vocabulary: int) -> CLIPModel:
    """A CLIP of about 1.3 M parameters: 64x64 pixels in patches of 8, one vector of 192 a picture."""
    vision = {
        "hidden_size": 192,
        "intermediate_size": 448,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "image_size": IMAGE_SIZE,
        "patch_size": 8,
    }
    text = {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": vocabulary,
        "max_position_embeddings": 16,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    model = CLIPModel(CLIPConfig(vision_config=vision, text_config=text, projection_dim=160))
    positions = model.vision_model.embeddings.position_embedding.weight
    # The default first values are a sixth of the patches' own size: training then sits for long on a plateau where colours are known but
    # places are not. Waves over columns and rows, as large as the patches, end it.
    with torch.no_grad():
        positions[1:] = 0.27 * 2**0.5 * _waves(IMAGE_SIZE // 8, positions.shape[1])
    return model


@torch.no_grad()
def add_layer(model: CLIPModel) -> CLIPModel:
    """The same CLIP with one more layer of vision on top, which at first changes nothing.

    With three, what a patch shows is known in the last one only, and no layer is left that could tell where it is in a way that adds up:
    shapes' heights stayed three quarters unread.
    """
    config = CLIPConfig(**model.config.to_dict())
    config.vision_config.num_hidden_layers += 1
    larger = CLIPModel(config)
    larger.load_state_dict(model.state_dict(), strict=False)
    top = larger.vision_model.encoder.layers[-1]
    for last in (top.self_attn.out_proj, top.mlp.fc2):
        last.weight.zero_()
        last.bias.zero_()
    return larger


def _waves(side: int, width: int) -> Tensor:
    """Sines and cosines of column and row, [side * side, width]."""
    place = torch.arange(side) / side
    frequencies = 2 ** torch.linspace(-1, 2, width // 4)  # waves across the picture
    angles = 2 * torch.pi * place[:, None] * frequencies  # [side, width / 4]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)  # [side, width / 2]
    columns, rows = waves[None].expand(side, -1, -1), waves[:, None].expand(-1, side, -1)
    return torch.cat([columns, rows], dim=-1).flatten(0, 1)


def save_image_processor(folder: Path) -> None:
    """What a picture goes through on its way into the frame encoder, as transformers writes it beside a CLIP."""
    steps = dict.fromkeys(("do_resize", "do_center_crop", "do_rescale", "do_normalize"), True)
    sizes = {"size": {"shortest_edge": IMAGE_SIZE}, "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE}}
    pixels = {"rescale_factor": 1 / 255, "image_mean": [MEAN] * 3, "image_std": [STD] * 3}
    content = {"image_processor_type": "CLIPImageProcessor", **steps, **sizes, **pixels}
    write_whole(folder / "preprocessor_config.json", json.dumps(content, indent=2) + "\n")


def normalise(pixels: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
    """uint8 [B, 3, 2S, 2S] -> float [B, 3, S, S]: halved by averaging, as reading a file at half size does, then scaled.

    With ``rng``, noise and brightness vary a little, as they do in a compressed file.
    """
    values = torch.from_numpy(pixels).float()
    values = functional.avg_pool2d(values, values.shape[-1] // IMAGE_SIZE) / 255
    if rng is not None:
        noise = torch.from_numpy(rng.normal(0, 1, values.shape).astype(np.float32))
        strength = torch.from_numpy(rng.uniform(0, 0.02, (len(values), 1, 1, 1)).astype(np.float32))
        shift = torch.from_numpy(rng.normal(0, 0.01, (len(values), 3, 1, 1)).astype(np.float32))
        values = values + strength * noise + shift
    return (values - MEAN) / STD


def train(
    folder: Path,
    steps: int,
    batch: int = 96,
    phrases: int = 96,
    seed: int = 0,
    minutes: float = 60.0,
    start: Path | None = None,
) -> CLIPModel:
    """Train, resuming from ``folder`` if a run stands there.

    The schedule runs over ``steps`` or ``minutes``, whichever is used up first.

    Args:
        folder: where the run and its ``clip`` are kept.
        start: the CLIP folder of a first training without the read-out loss, which is added to the others, as is a layer up to
            ``LAYERS``; without, random weights.
    """
    torch.manual_seed(seed)
    run, tokenizer = TrainingRun(folder), build_tokenizer()
    model = CLIPModel.from_pretrained(start, dtype=torch.float32) if start else build_clip(len(tokenizer))
    if start and model.config.vision_config.num_hidden_layers < LAYERS:
        model = add_layer(model)
    parts = FrameLosses(model, tokenizer, reads=start is not None)
    optimizers = build_optimizers(parts, matrix_lr=0.02, other_lr=2e-3)
    state = run.load() or {"step": 0, "spent": 0.0}
    if "model" in state:
        parts.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
    spent, begun = state["spent"], time.monotonic()
    for step in range(state["step"], steps):
        elapsed = spent + time.monotonic() - begun
        progress = max(step / steps, elapsed / (60 * minutes))
        if progress >= 1:
            break
        set_learning_rate(optimizers, schedule(progress, hold=0.3 if start else 0.45))
        crowded = 0 if start else round(batch * max(0.0, 0.8 - 1.5 * progress))
        rng = np.random.default_rng([seed, step])
        stills = toy.sample_stills(rng, batch, crowded, later=batch * 3 // 8 if start else 0)
        loss, report = parts(normalise(stills.pixels, rng), stills, phrases, rng)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        if step % 20 == 0:
            run.log(step, **report, minutes=elapsed / 60)
        if run.due():
            run.save(_state(step + 1, spent + time.monotonic() - begun, parts, optimizers))
    run.save(_state(steps, spent + time.monotonic() - begun, parts, optimizers))
    model.save_pretrained(folder / "clip")
    tokenizer.save_pretrained(folder / "clip")
    save_image_processor(folder / "clip")
    return model


def _state(step: int, spent: float, module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict:
    return {"step": step, "spent": spent, "model": module.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
