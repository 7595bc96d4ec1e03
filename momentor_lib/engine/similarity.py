"""How well a text and a moment go together, by a CLIP: the engine's ``clip_similarity``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from momentor_lib.paths import shipped

AT_ONCE = 64  # frames


class ClipSimilarity:
    """A CLIP that compares frames and texts.

    Args:
        folder: of a CLIP with its tokenizer, as transformers saves them.
        mean, std: of the pixels that it was trained on, three channels each, 0-1.
    """

    def __init__(self, folder: str | Path, mean: list[float], std: list[float]) -> None:
        import torch
        from transformers import AutoTokenizer, CLIPModel

        self._model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self._side = self._model.config.vision_config.image_size

    def embed_frames(self, pixels: np.ndarray) -> np.ndarray:
        """Frames uint8 [N, H, W, 3] (blue, green, red) -> vectors of length 1, float32 [N, D]."""
        import cv2
        import torch

        parts = []
        for first in range(0, len(pixels), AT_ONCE):
            small = [cv2.resize(f, (self._side, self._side), interpolation=cv2.INTER_AREA) for f in pixels[first : first + AT_ONCE]]
            values = (np.stack(small)[..., ::-1].astype(np.float32) / 255 - self._mean) / self._std  # [n, S, S, 3]
            with torch.inference_mode():
                found = self._model.vision_model(pixel_values=torch.from_numpy(values.transpose(0, 3, 1, 2).copy())).pooler_output
                parts.append(self._model.visual_projection(found).numpy())
        vectors = np.concatenate(parts) if parts else np.zeros((0, self._model.config.projection_dim), np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """Texts -> vectors of length 1, float32 [N, D]; a text that is too long is cut."""
        import torch

        limit = self._model.config.text_config.max_position_embeddings
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
        with torch.inference_mode():
            found = self._model.text_model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).pooler_output
            vectors = self._model.text_projection(found).numpy()
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@cache
def tiny_clip() -> ClipSimilarity:
    """The CLIP that ships with the tiny model, loaded once."""
    from momentor_lib.model.threads import set_threads

    set_threads(1_000_000)
    mean, std = [0.42] * 3, [0.11] * 3  # what momentor_lib.training.frame_encoder trained it with
    return ClipSimilarity(shipped("checkpoints/tiny") / "clip", mean, std)
