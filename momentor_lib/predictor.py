"""Predictor: a video once, then any number of questions about it. Made after segment-anything's ``SamPredictor``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from momentor_lib import prompts
from momentor_lib.model import presets, ranking
from momentor_lib.model.domain import Domain
from momentor_lib.model.generation import Generated, generate
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.prefix import VideoPrefix, prepare_video
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.model.threads import set_threads
from momentor_lib.moments import Answer, Moment
from momentor_lib.timecode import format_span
from momentor_lib.video import Frames, load_video


class Predictor:
    """Answers questions about a video.

    ::

        predictor = Predictor("tiny").set_video("video.mp4")
        answer = predictor.ground("the red circle moves left")
        print(answer.moments[0].start)

    Args:
        model: a preset's name (``"tiny"`` ships with the library), the folder of a saved Momentor, or ``(model, processor)``.
        device: where to compute, for instance ``"cuda"``; by default a GPU where there is one.

    Attributes:
        frames, duration, video_path: of the video that was set; None before (``video_path`` also where frames were given, both where
            features were).

    Raises:
        ValueError: no such model.
    """

    def __init__(self, model: str | Path | tuple[Momentor, MomentorProcessor] = "tiny", device: str | None = None):
        self.domain = None
        if isinstance(model, tuple):
            self.model, self.processor = model
        else:
            self.model, self.processor = presets.load(model)
            if presets.backbones_of(model) is None:
                self.domain = Domain.load(presets.checkpoint_folder(model))
        set_threads(self.model.num_parameters())
        self.model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
        self.frames: Frames | None = None
        self.duration: float | None = None
        self.video_path: Path | None = None
        self._prefix: VideoPrefix | None = None
        self._warnings: tuple[str, ...] = ()

    def set_video(self, video: str | Path | Frames) -> Predictor:
        """Read and encode a video, once for all questions about it. If that fails, the video before stays.

        Args:
            video: a file, of which M frames are sampled uniformly, or frames already read.

        Raises:
            VideoError: the file cannot be read as a video.
        """
        size = self.processor.image_size
        frames = video if isinstance(video, Frames) else load_video(video, num_frames=self.processor.num_frames, size=size)
        with torch.no_grad():
            pixels = self.processor.pixel_values(frames).to(self.model.device, self.model.dtype)  # [T, 3, S, S]
            features = self.model.encode_frames(pixels.unsqueeze(0)).squeeze(0)  # [T, D_v]
        self._set(features, frames.times, frames.duration)
        self.frames, self.video_path = frames, None if isinstance(video, Frames) else Path(video)
        return self

    def set_features(self, features: Tensor, times: Sequence[float], duration: float) -> Predictor:
        """A video by the features of its frames (``momentor extract``) instead of its pixels.

        Args:
            features: of this model's frame encoder [T, D_v].
            times: of the frames [T], seconds.
            duration: of the video, seconds.

        Raises:
            ValueError: as many times as frames are not given, or the features have another width.
        """
        width = self.model.config.vision_config.hidden_size
        if features.ndim != 2 or features.shape[1] != width or len(times) != len(features):
            raise ValueError(f"features must be [frames, {width}] with a time each, not {list(features.shape)} with {len(times)} times")
        self._set(features.to(self.model.device, self.model.dtype), times, duration)
        self.frames = self.video_path = None
        return self

    def _set(self, features: Tensor, times: Sequence[float], duration: float) -> None:
        self._prefix = prepare_video(self.model, self.processor, features, times, duration)
        self._warnings = self.domain.warnings(features) if self.domain else ()
        self.duration = duration

    def ground(self, query: str, top_k: int | None = None, *, nearest: bool = False) -> Answer:
        """When does it happen? The moments of ``query``, best first.

        Args:
            query: what to look for, for instance ``"the red circle moves left"``.
            top_k: at most so many moments: the answer's own, then what else the model considered. By default the answer's own.
            nearest: read the nearest anchor instead of a continuous time, to see what continuity is worth.

        Raises:
            ValueError: no video was set, or ``top_k`` is below 1.
        """
        return self.ground_many([query], top_k, nearest=nearest)[0]

    def ground_many(self, queries: Sequence[str], top_k: int | None = None, *, nearest: bool = False) -> list[Answer]:
        """The answers of :meth:`ground` to several queries, decoded together, which is several times faster.

        Raises:
            ValueError: no video was set, or ``top_k`` is below 1.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be 1 or more, not {top_k}")
        questions = [prompts.GROUND.format(query=query.strip().rstrip("?.!")) for query in queries]
        all_generated = generate(self.model, self.processor, self._video(), questions, spans=True, begins_with_time=True, nearest=nearest)
        answers = []
        for query, question, generated in zip(queries, questions, all_generated, strict=True):
            text, moments = self._read(generated)
            others = []
            if top_k is not None and top_k > len(moments):
                others = ranking.alternatives(self.model, self.processor, self._video(), question, generated, count=3 * top_k)
            answers.append(Answer(text, ranking.rank(moments, others, top_k), query, self._warnings))
        return answers

    def ask(self, question: str) -> Answer:
        """Any question; times in it as time tags (``<12.34s>``). The answer's moments stand in its text's order.

        Raises:
            ValueError: no video was set.
        """
        text, moments = self._say(question.strip())
        return Answer(text, moments, question, self._warnings)

    def caption(self, start: float | None = None, end: float | None = None) -> Answer:
        """What happens between two times (seconds)? Without times: every event, in order, as labelled moments.

        Raises:
            ValueError: no video was set, or the segment is empty or outside the video.
        """
        duration = self._video().duration
        if start is None and end is None:
            text, moments = self._say(prompts.EVENTS, spans=True)
            return Answer(text, ranking.labelled_events(text, moments), prompts.EVENTS, self._warnings)
        start, end = 0.0 if start is None else start, duration if end is None else end
        if not 0 <= start < end <= duration:
            raise ValueError(
                f"a segment must lie inside the video (0 to {duration:.2f} s) and not be empty, unlike {start:.2f} to {end:.2f} s"
            )
        question = prompts.CAPTION.format(span=format_span(start, end))
        text, _ = self._say(question)
        return Answer(text, [Moment(start, end, label=text)], question, self._warnings)

    def events(self) -> list[Moment]:
        """Every event of the video, in order, with what happens as its label.

        Raises:
            ValueError: no video was set.
        """
        return self.caption().moments

    def _video(self) -> VideoPrefix:
        if self._prefix is None:
            raise ValueError("no video is set: call set_video first")
        return self._prefix

    def _say(self, question: str, spans: bool = False) -> tuple[str, list[Moment]]:
        return self._read(generate(self.model, self.processor, self._video(), [question], spans=spans)[0])

    def _read(self, generated: Generated) -> tuple[str, list[Moment]]:
        text = ranking.written_text(self.processor, generated, self._video().duration)
        return text, ranking.written_moments(text, generated.times, self._video().duration)
