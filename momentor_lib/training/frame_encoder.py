"""Train the tiny CLIP on toy pictures: image and phrase embeddings close where the phrase is true, far where it is false.

Three losses. As in CoCa (Yu et al., 2022), the sigmoid contrastive one of SigLIP (Zhai et al., 2023), every picture against every phrase of
the batch, and the cross-entropy of a small decoder that writes the picture's caption from its one vector. Phrases and captions bind colour
to shape to place, so the vector must as well. As in RegionCLIP (Zhong et al., 2022), the patch at an instance's centre is held against the
names of all levels of all attributes (added after runs without it that knew colours but not shapes). Crowded pictures serve this loss
alone, many of them at first. Only the CLIP is kept.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from momentor_lib.toy import stills as toy
from momentor_lib.training.optimizer import build_optimizers, schedule, set_learning_rate
from momentor_lib.training.run import TrainingRun

IMAGE_SIZE = 64
MEAN, STD = 0.42, 0.11  # of toy pictures, all three channels
READOUT = 30.0  # weight of the read-out loss beside the others
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


def _waves(side: int, width: int) -> Tensor:
    """Sines and cosines of column and row, [side * side, width]."""
    place = torch.arange(side) / side
    frequencies = 2 ** torch.linspace(-1, 2, width // 4)  # waves across the picture
    angles = 2 * torch.pi * place[:, None] * frequencies  # [side, width / 4]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)  # [side, width / 2]
    columns, rows = waves[None].expand(side, -1, -1), waves[:, None].expand(-1, side, -1)
    return torch.cat([columns, rows], dim=-1).flatten(0, 1)


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


class PhraseLoss(nn.Module):
    """Sigmoid contrastive loss with a learned scale and offset."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.offset = nn.Parameter(torch.tensor(-6.0))

    def forward(self, images: Tensor, texts: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """[B, E], [P, E], bool [B, P] -> the loss, and the logits [B, P].

        True pairs are rare; they weigh as much as the false ones together with a part for the hardest.
        """
        logits = self.scale.exp() * functional.normalize(images, dim=-1) @ functional.normalize(texts, dim=-1).T + self.offset
        each = functional.binary_cross_entropy_with_logits(logits, truth.float(), reduction="none")
        return each.sum() / truth.sum().clamp(min=1), logits


class CaptionLoss(nn.Module):
    """A decoder that reads a picture's vector as its first token and writes the caption."""

    def __init__(self, vision_width: int, vocabulary: int) -> None:
        super().__init__()
        sizes = {"hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}
        self.decoder = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=vocabulary, tie_word_embeddings=True))
        self.bridge = nn.Linear(vision_width, 128)

    def forward(self, pooled: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors [B, D_v] and captions [B, L] (0 is padding) -> the mean cross-entropy, and the share of tokens that come first."""
        embeds = self.decoder.get_input_embeddings()(tokens[:, :-1])
        inputs = torch.cat([self.bridge(pooled).unsqueeze(1), embeds], dim=1)  # [B, L, D]
        logits = self.decoder(inputs_embeds=inputs).logits  # [B, L, V]
        kept = tokens != 0
        loss = functional.cross_entropy(logits[kept], tokens[kept])
        return loss, (logits.argmax(-1)[kept] == tokens[kept]).float().mean()


class RegionLoss(nn.Module):
    """The patch at an instance's centre against one phrase for each level of an attribute, as a softmax over the phrases."""

    NAMED = tuple(range(len(toy.ATTRIBUTES)))

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.groups = [toy.names_of_level(k) for k in self.NAMED]
        tokens = tokenizer([name for group in self.groups for name in group], return_tensors="pt", padding=True)
        self.register_buffer("names", tokens.input_ids, persistent=False)
        self.register_buffer("mask", tokens.attention_mask, persistent=False)

    def forward(self, patches: Tensor, texts: Tensor, stills: toy.Stills) -> tuple[Tensor, list[Tensor]]:
        """Patch embeddings [B, side * side, E] and the names' [names, E] -> the summed cross-entropy, and each attribute's accuracy."""
        side = round(patches.shape[1] ** 0.5)
        there = torch.from_numpy(stills.attributes[:, :, 0] >= 0)  # [B, MOST]
        places = torch.from_numpy((stills.centres * side).astype(int))  # [B, MOST, 2]
        index = places[..., 1] * side + places[..., 0]
        regions = patches[torch.arange(len(patches))[:, None], index][there]  # [R, E]
        logits = self.scale.exp() * functional.normalize(regions, dim=-1) @ functional.normalize(texts, dim=-1).T
        levels = torch.from_numpy(stills.attributes)[there]  # [R, 7]
        parts = list(zip(self.NAMED, logits.split([len(group) for group in self.groups], dim=-1), strict=True))
        loss = sum(functional.cross_entropy(part, levels[:, k]) for k, part in parts)
        return loss, [(part.argmax(-1) == levels[:, k]).float().mean() for k, part in parts]


class ReadoutLoss(nn.Module):
    """Every colour's and every shape's place, size, opacity and turn (:func:`momentor_lib.toy.stills.read_cast`) by one linear map.

    What a linear map can read, so can the projection of a video model: motion is then a difference of two frames' tokens. Differences
    between a picture and the same a moment later count by themselves, since what is wrong in both alike does no harm.
    """

    DIFFERENCES = 4.0  # weight of an error in a difference

    def __init__(self, vision_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(vision_width, toy.GROUPS * toy.READINGS)

    def forward(self, pooled: Tensor, readings: Tensor, later: int) -> tuple[Tensor, dict[str, float]]:
        """Vectors [B, D_v] and readings [B, GROUPS, READINGS], the last ``later`` of the first ones a moment later -> the loss, and how
        much of the readings' and of their differences' variance is left unexplained."""
        error = self.linear(pooled).unflatten(-1, readings.shape[1:]) - readings
        drift = error[-later:] - error[:later]
        change = readings[-later:] - readings[:later]
        loss = error.square().mean() + self.DIFFERENCES * drift.square().mean()
        left, left_of_change = (float(e.detach().square().mean() / t.var()) for e, t in ((error, readings), (drift, change)))
        return loss, {"unread": left, "unread_change": left_of_change}


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
        start: the CLIP folder of a first training without :class:`ReadoutLoss`, which is added to the others; without, random weights.
    """
    torch.manual_seed(seed)
    run, tokenizer = TrainingRun(folder), build_tokenizer()
    model = CLIPModel.from_pretrained(start, dtype=torch.float32) if start else build_clip(len(tokenizer))
    width = model.config.vision_config.hidden_size
    read_out = ReadoutLoss(width) if start else None
    parts = nn.ModuleList([model, PhraseLoss(), CaptionLoss(width, len(tokenizer)), RegionLoss(tokenizer), read_out or nn.Identity()])
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
        set_learning_rate(optimizers, schedule(progress, hold=0.45))
        crowded = 0 if start else round(batch * max(0.0, 0.8 - 1.5 * progress))
        rng = np.random.default_rng([seed, step])
        pictures = toy.sample_stills(rng, batch, crowded, later=batch * 3 // 8 if start else 0)
        loss, report = _step(*parts, tokenizer, rng, pictures, crowded, phrases)
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
    return model


def _state(step: int, spent: float, module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict:
    return {"step": step, "spent": spent, "model": module.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}


def _step(
    model: CLIPModel,
    contrast: PhraseLoss,
    describe: CaptionLoss,
    locate: RegionLoss,
    read_out: nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    rng: np.random.Generator,
    pictures: toy.Stills,
    crowded: int,
    phrases: int,
) -> tuple[Tensor, dict[str, float]]:
    few = pictures.part(crowded, len(pictures.pixels))  # B' of the B pictures
    levels = toy.sample_phrases(rng, few, phrases)
    truth = torch.from_numpy(toy.holds(few, levels))  # [B', P]
    tokens = tokenizer([toy.write_phrase(row) for row in levels], return_tensors="pt", padding=True)
    # in both orders: with captions from left to right alone, columns were learned well before rows
    captions = [toy.write_caption(rows, down=bool(rng.integers(2))) for rows in few.attributes]
    captions = tokenizer(captions, return_tensors="pt", padding=True).input_ids
    seen = model.vision_model(pixel_values=normalise(pictures.pixels, rng))
    patches = model.vision_model.post_layernorm(seen.last_hidden_state[:, 1:])  # [B, 64, D_v]
    images = model.visual_projection(torch.cat([seen.pooler_output.unsqueeze(1), patches], dim=1))  # [B, 65, E]
    texts = _embed_texts(model, tokens.input_ids, tokens.attention_mask)  # [P, E]
    contrastive, logits = contrast(images[crowded:, 0], texts, truth)
    regional, accuracies = locate(images[:, 1:], _embed_texts(model, locate.names, locate.mask), pictures)
    caption, right = describe(seen.pooler_output[crowded:], captions)
    hit, false_alarm = _rates(logits.detach(), truth)
    report = {"contrastive": contrastive.item(), "caption": caption.item(), "words_right": right.item(), "hit": hit}
    report |= {"false_alarm": false_alarm, "regional": regional.item()}
    report |= {toy.ATTRIBUTES[k]: a.item() for k, a in zip(locate.NAMED, accuracies, strict=True)}
    loss = 0.5 * contrastive + 4 * caption + regional
    if isinstance(read_out, ReadoutLoss):
        reading, unread = read_out(seen.pooler_output, torch.from_numpy(pictures.readings), later=len(pictures.pixels) * 3 // 8)
        loss, report = loss + READOUT * reading, report | unread
    return loss, report


def _embed_texts(model: CLIPModel, ids: Tensor, mask: Tensor) -> Tensor:
    return model.text_projection(model.text_model(ids, attention_mask=mask).pooler_output)


def _rates(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """Share of true pairs found, and of pairs found that are false."""
    said = logits > 0
    right = (said & truth).sum()
    return float(right / truth.sum()), float(1 - right / said.sum().clamp(min=1))
