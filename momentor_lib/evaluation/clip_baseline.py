"""The similarity of frames and words, by a CLIP, without training: smoothed over time, and cut at a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel

from momentor_lib.evaluation.baselines import Prior
from momentor_lib.evaluation.highlights import CLIP
from momentor_lib.model.threads import set_threads
from momentor_lib.moments import Moment
from momentor_lib.video import Frames, load_video

NUM_FRAMES = 64
SMOOTHING = 1.0  # seconds: standard deviation of the Gaussian
THRESHOLD = 0.5  # of the way from the lowest similarity of the video to its highest
FRAMES_AT_ONCE = 64


class ClipSimilarity:
    """A query's moments are the stretches where the frames resemble its words most.

    Similarities are smoothed by a Gaussian of ``smoothing`` seconds; a stretch above ``threshold`` of the way from the video's lowest to
    its highest is a moment, its score the mean of what it covers, on the same scale. The one with the highest peak comes first.

    Args:
        name: ``tiny`` (the CLIP that ships inside the tiny model), or a CLIP's folder or name on the hub, with tokenizer and preprocessing.
        prior: sentences to choose captions from; without it there are none.
        num_frames: sampled uniformly.

    Raises:
        ValueError: there is no such CLIP.
    """

    def __init__(
        self,
        name: str = "tiny",
        prior: Prior | None = None,
        *,
        smoothing: float = SMOOTHING,
        threshold: float = THRESHOLD,
        num_frames: int = NUM_FRAMES,
        device: str | None = None,
    ) -> None:
        self._smoothing, self._threshold, self._num_frames, self._prior = smoothing, threshold, num_frames, prior
        folder = _folder(name)
        try:
            self._model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
            self._tokenizer = AutoTokenizer.from_pretrained(folder)
        except OSError as error:
            raise ValueError(f"no CLIP {name!r}: {error}") from None
        set_threads(self._model.num_parameters())
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._model.to(self._device)
        self._pixels = _tiny_pixels() if name == "tiny" else _pixels_of(folder)
        self._frames: Tensor | None = None
        self._times, self._duration = np.zeros(0), 0.0

    @torch.no_grad()
    def set_video(self, video: Path) -> None:
        """Encodes the frames, once for all queries."""
        frames = load_video(video, num_frames=self._num_frames)
        parts = []
        for first in range(0, len(frames), FRAMES_AT_ONCE):
            part = slice(first, first + FRAMES_AT_ONCE)
            pixels = self._pixels(Frames(frames.pixels[part], frames.times[part], frames.duration))  # [t, 3, S, S]
            seen = self._model.vision_model(pixels.to(self._device)).pooler_output  # [t, D_v]
            parts.append(torch.nn.functional.normalize(self._model.visual_projection(seen), dim=-1))
        self._frames, self._times, self._duration = torch.cat(parts), frames.times, frames.duration  # [T, E]

    def similarities(self, queries: Sequence[str]) -> np.ndarray:
        """Smoothed cosine of each query with each frame, [Q, T].

        Raises:
            ValueError: no video was set.
        """
        if self._frames is None:
            raise ValueError("no video is set: call set_video first")
        cosines = (self._encode(queries) @ self._frames.T).cpu().numpy()  # [Q, T]
        spacing = self._duration / max(len(self._times), 1)
        return gaussian_filter1d(cosines, self._smoothing / spacing, axis=1, mode="nearest") if self._smoothing else cosines

    @torch.no_grad()
    def _encode(self, queries: Sequence[str]) -> Tensor:
        tokens = self._tokenizer([self._known(query) for query in queries], padding=True, truncation=True, return_tensors="pt")
        limit = self._model.config.text_config.max_position_embeddings
        tokens = {name: value[:, :limit].to(self._device) for name, value in tokens.items() if name in ("input_ids", "attention_mask")}
        words = self._model.text_model(**tokens).pooler_output  # [Q, D]
        return torch.nn.functional.normalize(self._model.text_projection(words), dim=-1)  # [Q, E]

    def _known(self, query: str) -> str:
        """The query's words that the tokenizer has: a small vocabulary would take the others for one and the same."""
        unknown = self._tokenizer.unk_token_id
        words = query.lower().split()
        if unknown is None:
            return query
        known = [word for word in words if unknown not in self._tokenizer(word, add_special_tokens=False).input_ids]
        return " ".join(known) or query

    def ground_many(self, queries: Sequence[str]) -> list[list[Moment]]:
        """The moments of each query, best first."""
        return [self._moments(row) for row in self.similarities(queries)] if len(queries) else []

    def saliency_many(self, queries: Sequence[str]) -> list[list[float]]:
        """The smoothed similarity in the middle of each clip of 2 s."""
        middles = (np.arange(int(self._duration / CLIP)) + 0.5) * CLIP
        return [np.interp(middles, self._times, row).tolist() for row in self.similarities(queries)] if len(queries) else []

    def caption(self) -> list[Moment]:
        """As many events as training videos have on the average, by the sentences that some frame resembles most."""
        if self._prior is None:
            return []
        sentences = sorted(set(self._prior.sentences))
        rows = self.similarities(sentences)
        best = np.argsort(-rows.max(axis=1), kind="stable")[: round(float(self._prior.counts.mean()))]
        firsts = [(self._moments(rows[place])[0], sentences[place]) for place in best]
        return [Moment(moment.start, moment.end, moment.score, label=words) for moment, words in firsts]

    def ask(self, question: str) -> str:
        """The training sentence that some frame resembles most, whatever was asked."""
        events = self.caption()
        return events[0].label if events else ""

    def _moments(self, row: np.ndarray) -> list[Moment]:
        low, high = float(row.min()), float(row.max())
        scaled = (row - low) / (high - low) if high > low else np.ones_like(row)
        above = np.concatenate([[False], scaled >= self._threshold, [False]])
        edges = np.flatnonzero(np.diff(above.astype(int)))  # begin, end, begin, end, ...
        borders = np.concatenate([[0.0], (self._times[1:] + self._times[:-1]) / 2, [self._duration]])  # of the frames
        runs = [
            (scaled[a:b].max(), Moment(float(borders[a]), float(borders[b]), float(scaled[a:b].mean()))) for a, b in edges.reshape(-1, 2)
        ]
        return [moment for _, moment in sorted(runs, key=lambda run: (-run[0], run[1].start))]


def _folder(name: str) -> str:
    if name == "tiny":
        from momentor_lib.paths import shipped

        return str(shipped("checkpoints/tiny") / "clip")
    return name


def _tiny_pixels():
    from momentor_lib.model.presets import load_frame_encoder

    return load_frame_encoder("tiny")[1].pixel_values


def _pixels_of(folder: str):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil.from_pretrained(folder)
    return lambda frames: processor(list(frames.pixels), return_tensors="pt", input_data_format="channels_first").pixel_values
