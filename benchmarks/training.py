"""One training step of the library against the straightforward form, 300 frames and 512 tokens of text.

The model has the colab preset's shapes (30 layers, 576 wide, 49,152 words) and random weights; both forms run the same layers on the same
video and the same sixteen packed instructions, and their losses must agree. The straightforward form, written out in
:func:`straightforward_loss`, joins the words' and the anchors' matrices at every call, makes logits and a target distribution for every
token, and masks attention. Stages as in training: ``gesm`` with the language model frozen, and ``instruct`` with LoRA on it; each also with
gradient checkpointing, on our side only. Times of both forms are taken in turn, so that a machine that slows down slows both.

Memory is the process's, beyond what it had before the step, in a run of its own, and given twice: with malloc mapping every tensor by
itself, which is what the tensors need, as ``torch.cuda.max_memory_allocated`` counts it; and as malloc is by default, holes between tensors
included, which differ by a tenth from run to run. On a CUDA GPU a second table follows: the 7 B shape in bfloat16, tokens a second, model
FLOP utilisation and peak memory.

``python -m benchmarks.training --layers 2`` is a quick look.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from multiprocessing import get_context

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.loss import Peak
from momentor_lib.model import presets
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.packing import block_mask, block_position_ids
from momentor_lib.training.checkpointing import checkpoint_layers
from momentor_lib.training.lora import add_lora

FRAMES, PROMPT = 300, 25
INSTRUCTIONS, INSTRUCTION, ANSWER = 16, 32, 13  # 512 tokens of text, two fifths of them answers
VIDEO, TIME = 2, 3  # ids of <video> and <time>
MAP_EVERY_TENSOR = "MALLOC_MMAP_THRESHOLD_"  # of glibc: bytes from which a block is mapped by itself, and given back at once
CHECKPOINTED = "checkpointed"
STAGES = {False: "gesm, language model frozen", True: "instruct, LoRA"}
# Products and sums a second of bfloat16 (float16 on the T4) by the makers' data sheets, without sparsity.
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10G": 70e12, "T4": 65e12}

Batch = dict[str, Tensor]


def straightforward_loss(model: Momentor, batch: Batch) -> Tensor:
    """The step as one writes it down first: mean cross-entropy over V + N by a target distribution for every token."""
    module, words = model.temporal, model.config.text_config.vocab_size
    tables = module.tables()
    ids, positions, labels = batch["input_ids"], batch["positions"], batch["labels"]
    floor, remainder = module.anchors(positions.nan_to_num(0.0))
    is_time, remainder = ids == TIME, remainder.unsqueeze(-1)

    video = model.infuse_time(batch["features"], batch["frame_positions"], tables)
    table = torch.cat((model.get_input_embeddings().weight, tables.input))  # [V+N, D]
    lower = functional.embedding(torch.where(is_time, words + floor, ids), table)
    upper = functional.embedding(torch.where(is_time, words + floor + 1, ids), table)
    embeds = (1 - remainder).to(table.dtype) * lower + remainder.to(table.dtype) * upper
    embeds = embeds.masked_scatter((ids == VIDEO).unsqueeze(-1), video.to(embeds.dtype))
    mask, position_ids = block_mask(batch["block_ids"]), block_position_ids(batch["block_ids"])
    hidden = model.run_language_model(embeds, mask, position_ids)  # attention over all pairs, masked

    head = torch.cat((model.get_output_embeddings().weight, tables.output))  # [V+N, D]
    logits = (hidden @ head.T).float()[:, :-1]  # [B, L-1, V+N]
    wanted, floor, remainder = labels[:, 1:], floor[:, 1:], remainder[:, 1:, 0].float()
    row, place = (wanted != -100).nonzero(as_tuple=True)
    time_next = (wanted == TIME)[row, place]
    target = torch.zeros_like(logits)
    target[row[~time_next], place[~time_next], wanted[row, place][~time_next]] = 1
    row, place = row[time_next], place[time_next]
    target[row, place, words + floor[row, place]] = 1 - remainder[row, place]
    target[row, place, words + floor[row, place] + 1] = remainder[row, place]
    return -(target * functional.log_softmax(logits, dim=-1)).sum() / (wanted != -100).sum()


def our_loss(model: Momentor, batch: Batch) -> Tensor:
    """The library's."""
    return model(**batch).loss


FORMS: dict[str, Callable[[Momentor, Batch], Tensor]] = {"ours": our_loss, "straightforward": straightforward_loss}


def build_model(
    config: MomentorConfig, layers: int | None, *, lora: bool, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Momentor:
    """Random weights; the language model frozen, with or without LoRA; projection and temporal tokens train. Features are given."""
    config.vision_config.num_hidden_layers = 1
    config.text_config.num_hidden_layers = layers or config.text_config.num_hidden_layers
    config.video_token_id, config.time_token_id = VIDEO, TIME
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = Momentor(config)
    finally:
        torch.set_default_dtype(default)
    model.set_trainable(language=False)
    return (add_lora(model) if lora else model).train()


def build_batch(config: MomentorConfig, videos: int = 1) -> Batch:
    """Videos with sixteen instructions each; an answer begins with two times."""
    generator = torch.Generator().manual_seed(1)
    words = config.text_config.vocab_size
    text = torch.randint(4, words, (videos, INSTRUCTIONS, INSTRUCTION), generator=generator)
    begin = INSTRUCTION - ANSWER
    text[..., [begin, begin + 2]] = TIME
    labels = text.clone()
    labels[..., :begin] = -100
    prefix = torch.tensor([*range(4, 4 + PROMPT - 1), *[VIDEO] * FRAMES, 4]).expand(videos, -1)
    ids = torch.cat((prefix, text.flatten(1)), dim=1)
    blocks = torch.arange(1, INSTRUCTIONS + 1).repeat_interleave(INSTRUCTION).expand(videos, -1)
    places = torch.rand(ids.shape, generator=generator, dtype=torch.float64)
    return {
        "input_ids": ids,
        "positions": torch.where(ids == TIME, places, float("nan")),
        "labels": torch.cat((torch.full_like(prefix, -100), labels.flatten(1)), dim=1),
        "block_ids": torch.cat((torch.zeros_like(prefix), blocks), dim=1),
        "features": torch.randn(videos, FRAMES, config.vision_config.hidden_size, generator=generator),
        "frame_positions": torch.linspace(0, 1, FRAMES, dtype=torch.float64).expand(videos, -1),
    }


def step(form: str, model: Momentor, batch: Batch, optimizer: torch.optim.Optimizer) -> float:
    """Loss, gradients, and the optimizer's step; in mixed precision as the training loop does it where the weights are not float32."""
    dtype = model.projection.weight.dtype
    with torch.autocast(batch["input_ids"].device.type, dtype, enabled=dtype != torch.float32):
        loss = FORMS[form](model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def build_optimizer(model: Momentor) -> torch.optim.Optimizer:
    return torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-4)


# -- on a processor ------------------------------------------------------------------------------------------------------------------------


def prepare(lora: bool, layers: int | None) -> tuple[Momentor, Batch, torch.optim.Optimizer]:
    """The colab preset's shapes, on one thread."""
    torch.set_num_threads(1)
    config = presets.colab()
    model = build_model(config, layers, lora=lora)
    return model, build_batch(config), build_optimizer(model)


def measure_time(lora: bool, layers: int | None, answers) -> None:
    """CPU seconds of a step and its first loss in each form, the best of four, taken in turn; and with gradient checkpointing."""
    model, batch, optimizer = prepare(lora, layers)
    seconds = {form: [] for form in (*FORMS, CHECKPOINTED)}
    losses = {form: FORMS[form](model, batch).item() for form in FORMS}
    for _ in range(1 + 4):
        for form in FORMS:
            seconds[form].append(timed_step(form, model, batch, optimizer))
    checkpoint_layers(model)
    for _ in range(1 + 2):
        seconds[CHECKPOINTED].append(timed_step("ours", model, batch, optimizer))
    answers.put(({form: min(found[1:]) for form, found in seconds.items()}, losses))


def timed_step(form: str, model: Momentor, batch: Batch, optimizer: torch.optim.Optimizer) -> float:
    """CPU seconds."""
    began = time.process_time()
    step(form, model, batch, optimizer)
    return time.process_time() - began


def measure_memory(form: str, lora: bool, layers: int | None, answers) -> None:
    """MiB that the first step of a process needs."""
    model, batch, optimizer = prepare(lora, layers)
    if form == CHECKPOINTED:
        checkpoint_layers(model)
    peak = Peak()
    peak.start()
    step("ours" if form == CHECKPOINTED else form, model, batch, optimizer)
    peak.done.set()
    peak.join()
    answers.put(peak.mebibytes)


def in_its_own_process(measure: Callable, *args, every_tensor: bool = False):
    """What it answers; with ``every_tensor``, malloc maps every tensor by itself."""
    context = get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=measure, args=(*args, answers))
    if every_tensor:
        os.environ[MAP_EVERY_TENSOR] = str(2**16)
    try:
        process.start()
    finally:
        os.environ.pop(MAP_EVERY_TENSOR, None)
    found = answers.get(timeout=3000)
    process.join()
    return found


def processor_rows(layers: int | None = None) -> list[dict]:
    """Time and memory on one thread."""
    what = f"training step, {FRAMES} frames and {INSTRUCTIONS * INSTRUCTION} tokens of text{f', {layers} layers' if layers else ''}"
    table = []
    for lora, stage in STAGES.items():
        seconds, losses = in_its_own_process(measure_time, lora, layers)
        mine, rival = losses["ours"], losses["straightforward"]
        assert abs(mine - rival) < 1e-4 * rival, f"two losses that differ cannot be compared: {mine}, {rival}"
        tensors = {form: in_its_own_process(measure_memory, form, lora, layers, every_tensor=True) for form in seconds}
        process = {form: in_its_own_process(measure_memory, form, lora, layers) for form in seconds}
        for form, name in {"ours": "", CHECKPOINTED: ", gradient checkpointing"}.items():
            targets = (">= 1.5", ">= 2") if form == "ours" else ("", "")
            table += [
                _row(f"{what}, {stage}{name}: CPU time", seconds, form, "s", ".2f", targets[0]),
                _row(f"{what}, {stage}{name}: memory beyond the weights", tensors, form, "MiB", ".0f", targets[1]),
                _row(f"{what}, {stage}{name}: the same with malloc's holes", process, form, "MiB", ".0f", ""),
            ]
    return table


def _row(claim: str, found: dict[str, float], form: str, unit: str, digits: str, target: str) -> dict:
    mine, rival = found[form], found["straightforward"]
    row = {"claim": claim, "ours": f"{mine:{digits}} {unit}", "rival": f"straightforward {rival:{digits}} {unit}"}
    return row | {"ratio": rival / mine, "target": target}


# -- on a GPU ------------------------------------------------------------------------------------------------------------------------------


def step_flops(model: Momentor, batch: Batch) -> float:
    """Floating point operations that a step needs: the language model forwards, and backwards by its inputs only, since it is frozen.

    Attention is counted for the pairs of tokens that see each other, the head for labelled tokens; LoRA, norms and the rest are left out.
    """
    text = model.config.text_config
    linear = sum(layer.weight.numel() for name, layer in model.language_model.get_decoder().named_modules() if name.endswith("base_layer"))
    pairs = int(block_mask(batch["block_ids"]).sum())
    labelled = int((batch["labels"] != -100).sum())
    attention = 4 * pairs * text.hidden_size * text.num_hidden_layers
    return 4 * linear * batch["input_ids"].numel() + 3 * attention + 4 * labelled * text.vocab_size * text.hidden_size


def measure_gpu(form: str, videos: int, layers: int | None) -> tuple[float, float, float]:
    """Seconds a step, GiB at the peak (weights included), and operations a step."""
    config = presets.paper()
    dtype = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    model = build_model(config, layers, lora=True, device="cuda", dtype=dtype)
    batch = {name: value.cuda() for name, value in build_batch(config, videos).items()}
    optimizer = build_optimizer(model)
    for _ in range(3):
        step(form, model, batch, optimizer)
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(5):
        step(form, model, batch, optimizer)
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - began) / 5
    return seconds, torch.cuda.max_memory_allocated() / 2**30, step_flops(model, batch)


def gpu_rows(layers: int | None = None) -> list[dict]:
    """The 7 B shape; no rows without a CUDA GPU, or on one of less than 20 GiB."""
    if not torch.cuda.is_available() or torch.cuda.get_device_properties(0).total_memory < 20 * 2**30:
        return []
    device = torch.cuda.get_device_name(0)
    videos = max(1, min(8, int((torch.cuda.mem_get_info()[0] / 2**30 - 16) / 7)))  # weights, and some 7 GiB a video
    found = {}
    for form in FORMS:
        found[form] = measure_gpu(form, videos, layers)
        torch.cuda.empty_cache()
    (our_time, our_memory, flops), (time_, memory, _) = found["ours"], found["straightforward"]
    tokens = videos * (PROMPT + FRAMES + INSTRUCTIONS * INSTRUCTION)
    what = f"training step, 7 B with LoRA, {videos} videos, {device}"
    table = [
        {"claim": f"{what}: tokens a second", "ours": f"{tokens / our_time:,.0f}", "rival": f"straightforward {tokens / time_:,.0f}"}
        | {"ratio": time_ / our_time, "target": ""},
        {"claim": f"{what}: peak memory", "ours": f"{our_memory:.1f} GiB", "rival": f"straightforward {memory:.1f} GiB"}
        | {"ratio": memory / our_memory, "target": ""},
    ]
    peak = next((value for name, value in PEAK_FLOPS.items() if name in device), None)
    if peak is not None:
        use = [flops / seconds / peak for seconds in (our_time, time_)]
        table.append(
            {"claim": f"{what}: model FLOP utilisation", "ours": f"{use[0]:.0%}", "rival": f"straightforward {use[1]:.0%}"}
            | {"ratio": use[0] / use[1], "target": ">= 45 % (H100)"}
        )
    return table


def rows() -> list[dict]:
    """On a processor, and on a GPU where there is one."""
    return processor_rows() + gpu_rows()


def main() -> None:
    """Prints the rows."""
    parser = argparse.ArgumentParser(description="One training step against the straightforward form.")
    parser.add_argument("--layers", type=int, help="of the language model; by default the preset's")
    layers = parser.parse_args().layers
    for row in processor_rows(layers) + gpu_rows(layers):
        print(row)


if __name__ == "__main__":
    main()
