"""Three dense tasks beside the instructions, while training from random weights; their heads are thrown away.

Instructions alone say little about single frames: without these the model knew for thousands of steps what is to be seen, but not what
moves, and named real events that were not asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from momentor_lib.model.momentor import Momentor
from momentor_lib.training.deeds import DEEDS


class Questions(NamedTuple):
    """The questions of a batch whose answers are moments.

    ``rows`` [Q] and ``places`` [Q] tell where each one's last token is; ``inside``, bool [Q, T], which of its video's frames lie in the
    answer.
    """

    rows: Tensor
    places: Tensor
    inside: Tensor


class SideTasks(nn.Module):
    """Reads the language model's hidden states after two of its layers, and the attention of a third.

    * Watching: what goes on in a frame (:func:`momentor_lib.training.deeds.deeds`), told from its video token.
    * Matching: whether a frame lies in the answer's moments, told from its video token and the question's last token. This is the
      saliency loss of Moment-DETR (Lei et al., 2021), with labels that follow from the answer.
    * Pointing: one attention head looks, from the token before each time of an answer, at the frames on both sides of that time. It has no
      weights of its own: the head is one of the language model's.

    Args:
        model: whose layers are listened to; its language model is a LLaMA.
        watch_layer, match_layer: after which of the layers.
        point_layer: whose first head points.
    """

    def __init__(self, model: Momentor, watch_layer: int, match_layer: int, point_layer: int) -> None:
        super().__init__()
        width = model.config.text_config.hidden_size
        self.video_token_id, self.time_token_id = model.config.video_token_id, model.config.time_token_id
        self.watch = nn.Linear(width, DEEDS)
        nn.init.constant_(self.watch.bias, -4.0)  # most labels are 0 in most frames
        self.question, self.frame = nn.Linear(width, width), nn.Linear(width, width)
        self._hidden: dict[str, Tensor] = {}
        layers = model.language_model.get_decoder().layers
        pointer = layers[point_layer].self_attn
        pointer.register_forward_pre_hook(self._keep_attention_input, with_kwargs=True)
        self._pointer = [pointer]  # in a list, so that its weights are not this module's too
        layers[watch_layer].register_forward_hook(self._keeper("watch"))
        layers[match_layer].register_forward_hook(self._keeper("match"))

    def _keeper(self, name: str):
        def keep(module: nn.Module, inputs: tuple, output: Tensor | tuple[Tensor, ...]) -> None:
            self._hidden[name] = output[0] if isinstance(output, tuple) else output  # [B, L, D]

        return keep

    def _keep_attention_input(self, module: nn.Module, inputs: tuple, named: dict) -> None:
        self._hidden["point"], self._angles = named["hidden_states"], named["position_embeddings"]

    def forward(self, batch: dict[str, Tensor], acts: Tensor, questions: Questions) -> dict[str, Tensor]:
        """A collated batch that the model has just seen, what goes on in its frames [frames, DEEDS], and its questions
        (:func:`find_questions`) -> the losses.

        Returns:
            ``watching``, summed binary cross-entropy a frame; ``matching``, mean binary cross-entropy; ``pointing``, mean cross-entropy.
        """
        is_video = batch["input_ids"] == self.video_token_id  # [B, L]
        there = ~batch["frame_positions"].isnan()  # [B, T]
        return {
            "watching": self._watching(is_video, acts),
            "matching": self._matching(questions, is_video, there),
            "pointing": self._pointing(batch, is_video, there),
        }

    def _watching(self, is_video: Tensor, acts: Tensor) -> Tensor:
        watched = self.watch(self._hidden["watch"][is_video])  # [frames, DEEDS]
        return functional.binary_cross_entropy_with_logits(watched, acts, reduction="none").sum(-1).mean()

    def _matching(self, asked: Questions, is_video: Tensor, there: Tensor) -> Tensor:
        rows, places, inside = asked
        if not len(rows):
            return is_video.new_zeros((), dtype=torch.float32)
        hidden = functional.rms_norm(self._hidden["match"], self._hidden["match"].shape[-1:])  # [B, L, D]
        questions = self.question(hidden[rows, places])  # [Q, D]
        frames = _by_video(self.frame(hidden[is_video]), there)  # [B, T, D]
        logits = (frames[rows] * questions[:, None]).sum(-1) / hidden.shape[-1] ** 0.5 - 2  # [Q, T]; most frames lie outside
        losses = functional.binary_cross_entropy_with_logits(logits, inside.to(logits.dtype), reduction="none")
        return losses[there[rows]].mean()

    def _pointing(self, batch: dict[str, Tensor], is_video: Tensor, there: Tensor) -> Tensor:
        pointer, hidden = self._pointer[0], self._hidden["point"]
        size = pointer.head_dim
        queries, keys = (part(hidden)[..., :size].unsqueeze(1) for part in (pointer.q_proj, pointer.k_proj))  # [B, 1, L, d], first head
        queries, keys = (part.squeeze(1) for part in apply_rotary_pos_emb(queries, keys, *self._angles))
        rows, places = (batch["labels"][:, 1:] == self.time_token_id).nonzero(as_tuple=True)  # the tokens before a time
        if not len(rows):
            return is_video.new_zeros((), dtype=torch.float32)
        logits = (queries[rows, places].unsqueeze(1) @ _by_video(keys[is_video], there)[rows].mT).squeeze(1) * size**-0.5  # [K, T]
        logits = logits.masked_fill(~there[rows], -1e4)  # not -inf, which times a target of 0 is no number
        target = between_frames(batch["frame_positions"][rows], batch["positions"][rows, places + 1])
        return functional.cross_entropy(logits, target.to(logits.dtype))


def _by_video(tokens: Tensor, there: Tensor) -> Tensor:
    """Video tokens one after the other [frames, D] -> [B, T, D], zero where a video is padded."""
    table = tokens.new_zeros(*there.shape, tokens.shape[-1])
    table[there] = tokens
    return table


def between_frames(frame_positions: Tensor, positions: Tensor) -> Tensor:
    """Positions [K], and those of the frames of each one's video [K, T], ascending, NaN where padded -> shares of the frames on both sides
    [K, T], as a time between two anchors has."""
    frames = frame_positions.nan_to_num(2.0)  # padding lies behind every time
    last = (~frame_positions.isnan()).sum(-1) - 1
    after = torch.minimum((frames < positions[:, None]).sum(-1), last)  # the first frame not before the time, or the last
    before = (after - 1).clamp(min=0)
    low, high = (frames.gather(-1, index[:, None]).squeeze(-1) for index in (before, after))
    share = ((positions - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)
    target = torch.zeros_like(frames)
    target.scatter_add_(-1, before[:, None], (1 - share)[:, None])
    return target.scatter_add_(-1, after[:, None], share[:, None])


def find_questions(batch: dict[str, Tensor], time_token_id: int) -> Questions:
    """The questions of a batch whose answers begin with a time and are made of whole moments."""
    labels, positions, blocks = batch["labels"], batch["positions"], batch["block_ids"]
    frames = batch["frame_positions"].nan_to_num(-1.0)  # [B, T]
    is_time = labels == time_token_id
    begins = is_time[:, 1:] & (labels[:, :-1] == -100)  # an answer's first token is a time
    rows, places = begins.nonzero(as_tuple=True)
    own = is_time[rows] & (blocks[rows] == blocks[rows, places + 1][:, None])  # the times of each one's answer [Q, L]
    whole = own.sum(-1) % 2 == 0
    rows, places, own = rows[whole], places[whole], own[whole]
    asked, columns = own.nonzero(as_tuple=True)
    starts, ends = positions[rows[asked], columns].view(-1, 2, 1).unbind(1)  # of moments [M, 1]
    asked = asked[::2]
    hit = (frames[rows[asked]] >= starts) & (frames[rows[asked]] <= ends)  # [M, T]
    inside = torch.zeros(len(rows), frames.shape[1]).index_add_(0, asked, hit.float()) > 0
    return Questions(rows, places, inside)
