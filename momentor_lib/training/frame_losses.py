"""What the tiny CLIP learns from toy pictures: four losses, and their sum.

As in CoCa (Yu et al., 2022), the sigmoid contrastive one of SigLIP (Zhai et al., 2023), every picture against every phrase of the
batch, and the cross-entropy of a small decoder that writes the picture's caption from its one vector. Phrases and captions bind colour to
shape to place, so the vector must as well. As in RegionCLIP (Zhong et al., 2022), the patch at an instance's centre is held against the
names of all levels of all attributes (added after runs without it that knew colours but not shapes). Last, a linear read-out.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from momentor_lib.toy import stills as toy


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
    SHAPES = 2.5  # and of one in a shape's reading: with 1, colours were read five times better

    def __init__(self, vision_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(vision_width, toy.GROUPS * toy.READINGS)
        weights = torch.ones(toy.GROUPS, 1)
        weights[toy.COLOUR_GROUPS :] = self.SHAPES
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, pooled: Tensor, readings: Tensor, later: int) -> tuple[Tensor, dict[str, float]]:
        """Vectors [B, D_v] and readings [B, GROUPS, READINGS], the last ``later`` of the first ones a moment later -> the loss, and how
        much of the readings' and of their differences' variance is left unexplained, for colours and for shapes."""
        error = self.linear(pooled).unflatten(-1, readings.shape[1:]) - readings
        drift = error[-later:] - error[:later]
        change = readings[-later:] - readings[:later]
        loss = (self.weights * error.square()).mean() + self.DIFFERENCES * (self.weights * drift.square()).mean()
        report = {}
        for name, groups in (("colours", slice(toy.COLOUR_GROUPS)), ("shapes", slice(toy.COLOUR_GROUPS, None))):
            for kind, wrong, true in (("unread", error, readings), ("unread_change", drift, change)):
                report[f"{kind}_{name}"] = float(wrong.detach()[:, groups].square().mean() / true[:, groups].var())
        return loss, report


class FrameLosses(nn.Module):
    """The CLIP and its losses, which are thrown away after training.

    Args:
        model: the CLIP.
        tokenizer: of phrases and captions.
        reads: whether :class:`ReadoutLoss` is one of the losses.
    """

    READOUT = 100.0  # its weight: it is a mean over many readings, most of them zero
    CAPTIONED = 3  # beside a read-out one picture in so many is captioned: the decoder takes a quarter of a step

    def __init__(self, model: CLIPModel, tokenizer: PreTrainedTokenizerFast, reads: bool) -> None:
        super().__init__()
        width = model.config.vision_config.hidden_size
        self.model, self.tokenizer = model, tokenizer
        self.contrast, self.describe, self.locate = PhraseLoss(), CaptionLoss(width, len(tokenizer)), RegionLoss(tokenizer)
        self.read_out = ReadoutLoss(width) if reads else None

    def forward(self, pixels: Tensor, stills: toy.Stills, phrases: int, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """Normalised pixels [B, 3, S, S] of some pictures -> the loss, and what to log.

        Args:
            phrases: how many are drawn for the contrastive loss.
        """
        model, crowded = self.model, stills.crowded
        few = stills.uncrowded()  # B' of the B pictures
        levels = toy.sample_phrases(rng, few, phrases)
        truth = torch.from_numpy(toy.holds(few, levels))  # [B', P]
        tokens = self.tokenizer([toy.write_phrase(row) for row in levels], return_tensors="pt", padding=True)
        # in both orders: with captions from left to right alone, columns were learned well before rows
        described = slice(crowded, None, 1 if self.read_out is None else self.CAPTIONED)
        captions = [toy.write_caption(rows, down=bool(rng.integers(2))) for rows in stills.attributes[described]]
        captions = self.tokenizer(captions, return_tensors="pt", padding=True).input_ids
        seen = model.vision_model(pixel_values=pixels)
        patches = model.vision_model.post_layernorm(seen.last_hidden_state[:, 1:])  # [B, 64, D_v]
        images = model.visual_projection(torch.cat([seen.pooler_output.unsqueeze(1), patches], dim=1))  # [B, 65, E]
        texts = self._embed(tokens.input_ids, tokens.attention_mask)  # [P, E]
        contrastive, logits = self.contrast(images[crowded:, 0], texts, truth)
        regional, accuracies = self.locate(images[:, 1:], self._embed(self.locate.names, self.locate.mask), stills)
        caption, right = self.describe(seen.pooler_output[described], captions)
        hit, false_alarm = _rates(logits.detach(), truth)
        report = {"contrastive": contrastive.item(), "caption": caption.item(), "words_right": right.item(), "hit": hit}
        report |= {"false_alarm": false_alarm, "regional": regional.item()}
        report |= {toy.ATTRIBUTES[k]: a.item() for k, a in zip(self.locate.NAMED, accuracies, strict=True)}
        loss = 0.5 * contrastive + 4 * caption + regional
        if self.read_out is not None:
            reading, unread = self.read_out(seen.pooler_output[crowded:], torch.from_numpy(few.readings), few.later)
            loss, report = loss + self.READOUT * reading, report | unread
        return loss, report

    def _embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.model.text_projection(self.model.text_model(ids, attention_mask=mask).pooler_output)


def _rates(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """Share of true pairs found, and of pairs found that are false."""
    said = logits > 0
    right = (said & truth).sum()
    return float(right / truth.sum()), float(1 - right / said.sum().clamp(min=1))
