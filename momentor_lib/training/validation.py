"""A quick look at grounding while training: where do the decoded times fall when the true answer is read beside them?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor, VideoExample
from momentor_lib.model.temporal import Tables


@torch.no_grad()  # not inference mode: a model that FSDP cut up could not train on after it
def teacher_forced_iou(
    model: Momentor, processor: MomentorProcessor, examples: Iterable[VideoExample], batch: int = 16
) -> dict[str, float]:
    """Decode every answer that is one moment, its end given its true start; where there is no such answer, every span of every answer.

    Kinder than real grounding, since the end is told the true start; it needs one forward pass instead of generation.

    Returns:
        ``iou``: mean temporal IoU; ``error``: median error of a boundary in spacings of the sampled frames. Empty where no answer has a
        span, or times are text.
    """
    if processor.time_format == "text":
        return {}
    was_training, examples = model.training, list(examples)
    model.eval()
    moments: list[tuple[bool, float, list[float]]] = []  # whether it is the whole answer, its IoU, the errors of its boundaries
    for first in range(0, len(examples), batch):
        moments += _read(model, processor, examples[first : first + batch])
    model.train(was_training)
    chosen = [moment for moment in moments if moment[0]] or moments
    if not chosen:
        return {}
    errors = sorted(error for _, _, pair in chosen for error in pair)
    return {"iou": sum(overlap for _, overlap, _ in chosen) / len(chosen), "error": errors[len(errors) // 2]}


def run_examples(
    model: Momentor, processor: MomentorProcessor, examples: Sequence[VideoExample]
) -> tuple[dict[str, Tensor], Tensor, Tables]:
    """Examples with features -> their batch, the language model's hidden states [B, L, D], and the temporal tables."""
    data = {name: value.to(model.device) for name, value in processor.collate([processor.encode(one) for one in examples]).items()}
    tables = model.temporal.tables()
    video = model.infuse_time(data["features"], data["frame_positions"], tables)  # [B, T, D]
    embeds = model.splice(data["input_ids"], data["positions"], video, data["frame_positions"], tables)  # [B, L, D]
    hidden = model.run_language_model(embeds, block_ids=data["block_ids"])  # [B, L, D]
    return data, hidden, tables


def _read(model: Momentor, processor: MomentorProcessor, examples: Sequence[VideoExample]) -> list[tuple[bool, float, list[float]]]:
    data, hidden, tables = run_examples(model, processor, examples)
    found = []
    for row, example in enumerate(examples):
        labels, blocks = data["labels"][row], data["block_ids"][row]
        for block in range(1, len(example.dialogues) + 1):
            places = ((blocks == block) & (labels == processor.time_token_id)).nonzero().squeeze(-1)
            if not len(places) or len(places) % 2:
                continue
            whole = len(places) == 2 and bool(labels[places[0] - 1] == -100) and bool(labels[places[1] + 1] == processor.eos_token_id)
            said = model.temporal.decode(model.temporal.logits(hidden[row, places - 1], tables)).position.view(-1, 2)
            true = data["positions"][row, places].view(-1, 2)
            found += [(whole, *compared) for compared in _compare(said, true, len(example.times))]
    return found


def _compare(said: Tensor, true: Tensor, num_frames: int) -> list[tuple[float, list[float]]]:
    """Spans [K, 2] in positions -> the IoU of each, and the errors of its boundaries in spacings of the frames."""
    compared = []
    for (start, end), (true_start, true_end) in zip(said.tolist(), true.tolist(), strict=True):
        shared = max(0.0, min(end, true_end) - max(start, true_start))
        union = max(end, true_end) - min(start, true_start)
        steps = max(num_frames - 1, 1)
        compared.append((shared / union if union > 0 else 0.0, [abs(start - true_start) * steps, abs(end - true_end) * steps]))
    return compared


@torch.no_grad()  # not inference mode: a model that FSDP cut up could not train on after it
def mean_loss(model: Momentor, processor: MomentorProcessor, examples: Iterable[VideoExample], batch: int = 16) -> float:
    """Mean cross-entropy of the labelled tokens of some examples."""
    was_training, examples = model.training, list(examples)
    model.eval()
    total, items = 0.0, 0
    for first in range(0, len(examples), batch):
        encoded = processor.collate([processor.encode(one) for one in examples[first : first + batch]])
        data = {name: value.to(model.device) for name, value in encoded.items()}
        total += float(model(**data, num_items_in_batch=1).loss)
        items += int((data["labels"][:, 1:] != -100).sum())
    model.train(was_training)
    return total / max(items, 1)
