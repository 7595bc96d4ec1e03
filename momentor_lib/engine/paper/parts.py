"""Small classes around the models; each takes what is loaded already, so that tests can hand in tiny ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from momentor_lib.engine.backends import Detection

AREA = 0.9  # of the frame: a larger box is the whole picture
FEW = 8  # tags at most


class Encoder(Protocol):
    """What compares pictures and texts: :class:`momentor_lib.engine.similarity.ClipSimilarity`."""

    def embed_frames(self, pixels: np.ndarray) -> np.ndarray:
        """Frames uint8 [N, H, W, 3] (blue, green, red) -> vectors of length 1 [N, D]."""

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """Texts -> vectors of length 1 [N, D]."""


class ClipTagger:
    """Tags by CLIP, zero-shot, over a list of words.

    Args:
        clip: compares pictures and texts.
        words: the tags to choose from.
        most: tags of a scene.
    """

    def __init__(self, clip: Encoder, words: Sequence[str], most: int = FEW) -> None:
        self._clip, self._words, self._most = clip, list(words), most
        self._texts = clip.embed_texts([f"a photo of a {word}" for word in self._words])  # [W, D]

    def tags(self, pixels: np.ndarray) -> list[str]:
        """Frames of a scene uint8 [T, H, W, 3] -> the tags that fit best, over four of its frames."""
        frames = pixels[np.unique(np.linspace(0, len(pixels) - 1, 4).astype(int))]
        fit = (self._clip.embed_frames(frames) @ self._texts.T).max(axis=0)
        return [self._words[i] for i in np.argsort(-fit, kind="stable")[: self._most]]


class RamTagger:
    """Tags by Recognize Anything (or Tag2Text), which the paper used; needs the ``ram`` package.

    Args:
        model, transform: as that package makes them.
        infer: its ``inference_ram``: (picture, model) -> (English tags with ``|`` between, Chinese tags).
    """

    def __init__(self, model: Any, transform: Any, infer: Any) -> None:
        self._model, self._transform, self._infer = model, transform, infer

    @staticmethod
    def load(weights: str) -> RamTagger:
        """From a file of weights.

        Raises:
            ValueError: the package is not installed.
        """
        try:
            from ram import get_transform, inference_ram
            from ram.models import ram_plus
        except ImportError:
            raise ValueError("the tagger needs the ram package: pip install git+https://github.com/xinyu1205/recognize-anything") from None
        return RamTagger(ram_plus(pretrained=weights, image_size=384, vit="swin_l").eval(), get_transform(image_size=384), inference_ram)

    def tags(self, pixels: np.ndarray) -> list[str]:
        """The middle frame's tags."""
        import torch
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(pixels[len(pixels) // 2][..., ::-1]))
        with torch.inference_mode():
            said = self._infer(self._transform(picture).unsqueeze(0), self._model)[0]
        return [tag.strip() for tag in said.split("|") if tag.strip()]


class DinoDetector:
    """Grounding DINO.

    Args:
        model, processor: an ``AutoModelForZeroShotObjectDetection`` and its processor.
        clip: gives each box's looks.
        every: every so many frames are looked at.
        threshold: of a box's score, and of its words'.
    """

    def __init__(self, model: Any, processor: Any, clip: Encoder, every: int = 5, threshold: float = 0.3) -> None:
        self._model, self._processor, self._clip, self._every, self._threshold = model.eval(), processor, clip, every, threshold

    def detect(self, pixels: np.ndarray, tags: list[str]) -> list[list[Detection]]:
        """Frames of one scene uint8 [T, H, W, 3] -> what is in each; nothing in those that are not looked at."""
        found: list[list[Detection]] = [[] for _ in pixels]
        prompt = ". ".join(tag.lower() for tag in tags) + "."
        for number in range(0, len(pixels), self._every):
            found[number] = self._find(pixels[number], prompt)
        return found

    def _find(self, frame: np.ndarray, prompt: str) -> list[Detection]:
        import torch
        from PIL import Image

        height, width = frame.shape[:2]
        picture = Image.fromarray(np.ascontiguousarray(frame[..., ::-1]))
        inputs = self._processor(images=picture, text=prompt, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            outputs = self._model(**inputs)
        [result] = self._processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], threshold=self._threshold, text_threshold=self._threshold, target_sizes=[(height, width)]
        )
        kept = []
        for box, score, label in zip(result["boxes"].tolist(), result["scores"].tolist(), result["text_labels"], strict=True):
            left, top, right, bottom = (min(max(v / side, 0.0), 1.0) for v, side in zip(box, (width, height) * 2, strict=True))
            if right > left and bottom > top and (right - left) * (bottom - top) < AREA:
                crop = frame[int(top * height) : max(int(bottom * height), int(top * height) + 1)]
                crop = crop[:, int(left * width) : max(int(right * width), int(left * width) + 1)]
                kept.append(Detection((left, top, right, bottom), self._clip.embed_frames(crop[None])[0], label or "object", score))
        return kept


class BlipDescriber:
    """BLIP-2's words for a picture.

    Args:
        model, processor: a ``Blip2ForConditionalGeneration`` and its processor.
        most: tokens of an answer.
    """

    def __init__(self, model: Any, processor: Any, most: int = 30) -> None:
        self._model, self._processor, self._most = model.eval(), processor, most

    def describe(self, picture: np.ndarray, side: int = 224) -> str:
        """A picture uint8 [H, W, 3] (blue, green, red) -> one sentence."""
        import torch
        from PIL import Image

        enlarged = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
        inputs = self._processor(images=Image.fromarray(np.ascontiguousarray(enlarged[..., ::-1])), return_tensors="pt")
        inputs = inputs.to(self._model.device)
        with torch.inference_mode():
            ids = self._model.generate(**inputs, max_new_tokens=self._most, do_sample=False)
        return " ".join(self._processor.batch_decode(ids, skip_special_tokens=True)[0].split())


class ChatModel:
    """A chat model of transformers, with its own chat template.

    Args:
        model, tokenizer: an ``AutoModelForCausalLM`` and its tokenizer.
        most: tokens of an answer.
    """

    def __init__(self, model: Any, tokenizer: Any, most: int = 200) -> None:
        self._model, self._tokenizer, self._most = model.eval(), tokenizer, most

    def __call__(self, prompt: str, seed: int = 0) -> str:
        """The answer to a prompt; 0: the likeliest one, another seed: one drawn at random."""
        import torch

        messages = [{"role": "user", "content": prompt}]
        inputs = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
        inputs = inputs.to(self._model.device)
        torch.manual_seed(seed)
        drawn = {"do_sample": True, "temperature": 0.7} if seed else {"do_sample": False}
        with torch.inference_mode():
            ids = self._model.generate(**inputs, max_new_tokens=self._most, pad_token_id=self._tokenizer.eos_token_id, **drawn)
        return self._tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
