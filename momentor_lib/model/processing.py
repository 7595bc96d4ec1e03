"""MomentorProcessor: texts with time tags and videos -> ids, positions, labels, blocks; and back.

A time tag is one ``<time>`` token with a position, wherever it stands and however often. Departure: the released code keeps times in two
side lists, ordered by kind of placeholder, whose order and count went wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from momentor_lib.model.config import TIME_FORMATS
from momentor_lib.model.example import VideoExample
from momentor_lib.model.pieces import Pieces
from momentor_lib.prompts import SYSTEM
from momentor_lib.timecode import find_tags, format_tag, to_position, to_seconds

if TYPE_CHECKING:
    from momentor_lib.video import Frames

VIDEO_TOKEN, TIME_TOKEN = "<video>", "<time>"
CONFIG_NAME = "momentor_processor.json"
IGNORED = -100  # transformers' own sign for "no label here"
TEXT_TIME = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)s\b")


class MomentorProcessor:
    """Between people's forms (texts with time tags, seconds, pixels) and the model's.

    Args:
        tokenizer: any tokenizer of transformers. ``<video>`` and ``<time>`` are added where they are missing.
        image_size: side S of the frame encoder's square picture, pixels.
        image_mean, image_std: of the frame encoder's pixels in 0-1, three numbers each.
        num_frames: M.
        time_format: ``"tags"`` or ``"text"`` (digits such as ``12.34s``).
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        num_frames: int,
        time_format: str = "tags",
    ):
        if time_format not in TIME_FORMATS:
            raise ValueError(f"time_format must be one of {', '.join(TIME_FORMATS)}, not {time_format!r}")
        if tokenizer.eos_token_id is None:
            raise ValueError("the tokenizer has no end-of-sequence token: an answer could not end")
        self.tokenizer = tokenizer
        self.image_size = image_size
        self.image_mean, self.image_std = list(image_mean), list(image_std)
        self.num_frames = num_frames
        self.time_format = time_format
        missing = [token for token in (VIDEO_TOKEN, TIME_TOKEN) if token not in tokenizer.get_vocab()]
        if missing:
            tokenizer.add_tokens(missing, special_tokens=True)
        self.video_token_id, self.time_token_id = tokenizer.convert_tokens_to_ids([VIDEO_TOKEN, TIME_TOKEN])
        self.eos_token_id = tokenizer.eos_token_id
        self.pad_token_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        # A generated answer never holds these; its end token may also be the padding.
        unwritten = {self.video_token_id, self.time_token_id, self.pad_token_id, tokenizer.bos_token_id}
        self.never_written = sorted(unwritten - {self.eos_token_id, None})
        self._pieces = Pieces(tokenizer)
        self.dash_ids = self._pieces.encode("-")

    # -- pixels ----------------------------------------------------------------------------------------------------------------------

    def pixel_values(self, frames: Frames) -> Tensor:
        """Frames uint8 [T, 3, H, W] -> normalised pixels [T, 3, S, S]: short side to S, centre cut out, as CLIP does."""
        pixels = torch.from_numpy(frames.pixels)
        size, (height, width) = self.image_size, pixels.shape[-2:]
        pixels = pixels.float() / 255
        if min(height, width) != size:
            scaled = (max(size, round(height * size / min(height, width))), max(size, round(width * size / min(height, width))))
            pixels = torch.nn.functional.interpolate(pixels, scaled, mode="bicubic", antialias=True).clamp(0, 1)
            height, width = scaled
        top, left = (height - size) // 2, (width - size) // 2
        pixels = pixels[..., top : top + size, left : left + size]  # [T, 3, S, S]
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.image_mean, self.image_std))
        return (pixels - mean) / std

    # -- text -> ids -----------------------------------------------------------------------------------------------------------------

    def encode_text(self, text: str, duration: float) -> tuple[list[int], list[float]]:
        """A text with time tags -> ids [L] and positions [L] (NaN where no time). Special tokens' names in it are plain text.

        Raises:
            ValueError: the duration is not above zero.
        """
        ids: list[int] = []
        positions: list[float] = []
        if self.time_format == "text":
            for tag in reversed(find_tags(text)):
                text = f"{text[: tag.begin]}{tag.seconds:.2f}s{text[tag.stop :]}"
        done = 0
        for tag in find_tags(text):
            self._append(ids, positions, self._pieces.encode(text[done : tag.begin]))
            ids.append(self.time_token_id)
            positions.append(to_position(tag.seconds, duration))
            done = tag.stop
        self._append(ids, positions, self._pieces.encode(text[done:]))
        return ids, positions

    @staticmethod
    def _append(ids: list[int], positions: list[float], piece: list[int]) -> None:
        ids.extend(piece)
        positions.extend([float("nan")] * len(piece))

    def encode_prefix(self, num_frames: int) -> list[int]:
        """``{SYSTEM} USER: <video>...<video>\\n`` -> ids. Tokenised by itself, so that it is the same before every question."""
        begin = self.tokenizer.encode("a")[:1]
        start = begin if begin == [self.tokenizer.bos_token_id] else []
        return [*start, *self._pieces.encode_beginning(f"{SYSTEM} USER: "), *[self.video_token_id] * num_frames, *self._pieces.encode("\n")]

    def encode_question(self, question: str, duration: float, first: bool = True) -> tuple[list[int], list[float]]:
        """A question up to where its answer begins -> ids, positions: `` question ASSISTANT:``, a later turn with `` USER:`` before it."""
        return self.encode_text(f"{'' if first else ' USER:'} {question} ASSISTANT:", duration)

    def encode_answer(self, answer: str, duration: float) -> tuple[list[int], list[float]]:
        """An answer with its end token -> ids, positions. A space goes before words, none before a time token."""
        tags = find_tags(answer)
        begins_with_time = self.time_format == "tags" and tags and tags[0].begin == 0
        ids, positions = self.encode_text(answer if begins_with_time else f" {answer}", duration)
        return [*ids, self.eos_token_id], [*positions, float("nan")]

    def encode(self, example: VideoExample) -> dict[str, Tensor]:
        """A video with its dialogues -> ``input_ids``, ``positions``, ``labels``, ``block_ids`` [L], ``frame_positions`` [T], and
        ``features`` [T, D_v] or ``pixel_values``. Only answers, with their end token, are labelled.

        Raises:
            ValueError: neither features nor pixels, or as many times as frames are not given.
        """
        frames = example.features if example.features is not None else example.pixel_values
        name = f"video {example.video_id!r}" if example.video_id else "the video"
        if frames is None:
            raise ValueError(f"{name} has neither features nor pixel_values")
        if len(example.times) != len(frames):
            raise ValueError(f"{name} has {len(frames)} frames but {len(example.times)} times")
        ids = self.encode_prefix(len(frames))
        positions, labels, blocks = [float("nan")] * len(ids), [IGNORED] * len(ids), [0] * len(ids)
        for block, dialogue in enumerate(example.dialogues, start=1):
            for turn, (question, answer) in enumerate(dialogue):
                asked, asked_positions = self.encode_question(question, example.duration, first=turn == 0)
                said, said_positions = self.encode_answer(answer, example.duration)
                ids += asked + said
                positions += asked_positions + said_positions
                labels += [IGNORED] * len(asked) + said
                blocks += [block] * (len(asked) + len(said))
        return {
            "input_ids": torch.tensor(ids),
            "positions": torch.tensor(positions, dtype=torch.float64),
            "labels": torch.tensor(labels),
            "block_ids": torch.tensor(blocks),
            "frame_positions": torch.tensor([to_position(time, example.duration) for time in example.times], dtype=torch.float64),
            "features" if example.features is not None else "pixel_values": frames,
        }

    def collate(self, encoded: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Encoded videos -> one batch, padded on the right: [B, L] and [B, T]; a padding frame has the position NaN."""
        fills = {"input_ids": self.pad_token_id, "labels": IGNORED, "block_ids": -1}
        fills |= {"positions": float("nan"), "frame_positions": float("nan"), "features": 0.0, "pixel_values": 0.0}
        pad = torch.nn.utils.rnn.pad_sequence
        return {key: pad([one[key] for one in encoded], batch_first=True, padding_value=fills[key]) for key in encoded[0]}

    # -- ids -> text -----------------------------------------------------------------------------------------------------------------

    def decode(self, ids: Sequence[int] | Tensor, positions: Sequence[float] | Tensor, duration: float) -> str:
        """Ids and positions [L] of an answer -> its text, times as time tags. Padding and end tokens are left out.

        A time is written with the fewest decimals that name the same position, so what :meth:`encode_answer` read comes back as it was
        (float32 positions: to float32's precision).
        """
        single = isinstance(positions, Tensor) and positions.dtype == torch.float32
        places = positions.tolist() if isinstance(positions, Tensor) else list(positions)
        ids = ids.tolist() if isinstance(ids, Tensor) else list(ids)
        parts: list[str] = []
        run: list[int] = []
        for token, place in zip(ids, places, strict=True):
            if token == self.time_token_id:
                parts += [self._pieces.decode(run), format_tag(shortest_seconds(place, duration, 2**-24 if single else 0.0))]
                run = []
            else:
                run.append(token)
        text = "".join([*parts, self._pieces.decode(run)])
        if self.time_format == "text":
            text = TEXT_TIME.sub(lambda match: format_tag(float(match.group(1))), text)
        return text if ids[:1] == [self.time_token_id] else text.removeprefix(" ")

    # -- disk ------------------------------------------------------------------------------------------------------------------------

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer and ``momentor_processor.json`` into a folder, beside the model's own files."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        names = ("image_size", "image_mean", "image_std", "num_frames", "time_format")
        (folder / CONFIG_NAME).write_text(json.dumps({name: getattr(self, name) for name in names}, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> MomentorProcessor:
        """Read what :meth:`save_pretrained` wrote.

        Raises:
            FileNotFoundError: the folder holds no processor.
        """
        file = Path(folder) / CONFIG_NAME
        if not file.is_file():
            raise FileNotFoundError(f"{folder} holds no {CONFIG_NAME}: not a folder that Momentor saved")
        return cls(AutoTokenizer.from_pretrained(folder), **json.loads(file.read_text(encoding="utf-8")))


def shortest_seconds(position: float, duration: float, tolerance: float = 0.0) -> float:
    """Position -> seconds with the fewest decimals (two at least) that come back to the position within ``tolerance``."""
    seconds = to_seconds(position, duration)
    for decimals in range(2, 16):
        short = round(seconds, decimals)
        if short <= duration and abs(to_position(short, duration) - position) <= tolerance:
            return short
    return seconds
