"""The training loop: batch, loss, backward, clip, step, log. On accelerate, for devices, precision and several processes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

from momentor_lib.files import write_whole
from momentor_lib.training.batches import Step
from momentor_lib.training.checkpointing import checkpoint_layers
from momentor_lib.training.optimizer import schedule, set_learning_rate
from momentor_lib.training.processes import on_processor
from momentor_lib.training.run import TrainingRun

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer

Weights = dict[str, torch.Tensor]
# Whole tensors in main memory, of what learns only: a frozen language model is not written again and again.
LEARNED_ONLY = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=False)


class Steps(Protocol):
    """Step number -> what this process computes in it."""

    def __getitem__(self, step: int) -> Step: ...


@dataclass(frozen=True)
class Settings:
    """How a training goes.

    Attributes:
        steps: of the optimizer.
        minutes: end after so many, if that is sooner; the learning rate then follows the clock, so two runs are no longer equal.
        hold: share of the steps at the peak learning rate before the cosine; 0 is a plain cosine.
        warmup: share of the steps in which the learning rate rises.
        max_norm: gradients are scaled down to this norm.
        precision: ``no``, ``bf16`` or ``fp16``.
        micro_batches: gradient accumulation.
        gradient_checkpointing: less memory for a third more time; see :mod:`momentor_lib.training.checkpointing`.
        seed: of dropout and of whatever else is drawn in a step; the batches have their own.
        log_every, validate_every, save_every: steps.

    Raises:
        ValueError: no step to take.
    """

    steps: int
    minutes: float = math.inf
    warmup: float = 0.01
    hold: float = 0.0
    max_norm: float = 1.0
    precision: str = "no"
    micro_batches: int = 1
    gradient_checkpointing: bool = False
    seed: int = 0
    log_every: int = 10
    validate_every: int = 200
    save_every: int = 200

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"a training has 1 step or more, not {self.steps}")


@dataclass
class Progress:
    """Where a run stands: what is kept beside weights and optimizers."""

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    tokens: int = 0
    logged: list[dict[str, float]] = field(default_factory=list)  # the losses since the last line of the log


class LossNotFinite(ArithmeticError):
    """A loss was NaN or infinite; the message names the file in which the batch is written down."""


def make_accelerator(settings: Settings, *, cpu: bool = False, tensorboard: Path | None = None) -> Accelerator:
    """What knows devices and processes; one for each process.

    Args:
        cpu: no GPU, even where there is one.
        tensorboard: the folder of TensorBoard's files; None: none are written.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs

    AcceleratorState._reset_state()  # accelerate remembers the precision of a process's first training, and refuses another
    # a batch without a time leaves the temporal tokens without a gradient
    loose = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(
        mixed_precision=settings.precision,
        gradient_accumulation_steps=settings.micro_batches,
        cpu=cpu or on_processor(),
        kwargs_handlers=[loose],
        log_with="tensorboard" if tensorboard else None,
        project_dir=tensorboard,
    )


def train(
    accelerator: Accelerator,
    model: nn.Module,
    batches: Steps,
    optimizers: Sequence[torch.optim.Optimizer],
    settings: Settings,
    out: str | Path,
    *,
    validate: Callable[[], dict[str, float]] | None = None,
    keep: Callable[[str, Weights], None] | None = None,
    on_log: Callable[[dict[str, float]], None] | None = None,
) -> None:
    """Train ``model`` in place, going on where the run in ``out`` was stopped.

    A step's loss is the mean over the labelled tokens of all its micro-batches and processes.

    Args:
        model: its ``forward`` takes a batch and ``num_items_in_batch`` and returns an object with ``loss``, and with ``parts`` (a dict of
            tensors to log) where the loss has several.
        optimizers: of :func:`momentor_lib.training.optimizer.build_optimizers`, which names their peak learning rates.
        out: where ``state.pt`` and ``metrics.jsonl`` stand.
        validate: scores of the model as it is; the first is the one by which the best is told, higher is better.
        keep: called with ``best`` and the model's weights when it is better than ever before, and with ``last`` at the end; in one process.
        on_log: called with each line of the log.

    Raises:
        LossNotFinite: a loss was NaN or infinite. ``failed_batch.json`` names the videos.
        ValueError: ``minutes`` with several processes, whose clocks differ.
    """
    if math.isfinite(settings.minutes) and accelerator.num_processes > 1:
        raise ValueError("a limit of minutes is for one process only; give a number of steps")
    run = TrainingRun(out, on_log=on_log)
    if settings.gradient_checkpointing:
        checkpoint_layers(model)
    model, *optimizers = accelerator.prepare(model, *optimizers)
    progress = load_state(run, model, optimizers) or Progress()
    model.train()
    clock = Clock(progress.seconds)
    for step in range(progress.step, settings.steps + 1):
        progress.step, progress.seconds = step, clock.seconds()
        share = max(step / settings.steps, progress.seconds / (60 * settings.minutes))
        if share >= 1 or step % settings.validate_every == 0:
            _validate(accelerator, model, run, progress, validate, keep)
        if share >= 1 or (step > 0 and step % settings.save_every == 0):
            save_state(run, model, optimizers, progress, accelerator.is_main_process)
        if share >= 1:
            _hand_over(accelerator, model, "last", keep)
            break
        set_learning_rate(optimizers, schedule(share, settings.warmup, settings.hold))
        torch.manual_seed(step_seed(settings.seed, step, accelerator.process_index))  # of dropout: nothing to remember
        now = batches[step]
        loss, parts, tokens = take_step(accelerator, model, optimizers, now, settings)
        _check(accelerator, loss, step, now, Path(out))
        progress.logged.append({"loss": loss, **parts})
        progress.tokens += tokens
        if step % settings.log_every == settings.log_every - 1:
            _log(accelerator, run, progress, max(share, (step + 1) / settings.steps), clock.seconds())
    accelerator.unwrap_model(model).eval()


def take_step(
    accelerator: Accelerator, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], now: Step, settings: Settings
) -> tuple[float, dict[str, float], int]:
    """One step of the optimizers -> its loss, the loss's parts, and how many tokens went through the model."""
    items, tokens = _count(accelerator, now)
    total, parts = torch.zeros((), device=accelerator.device), {}
    for batch in now.batches:
        batch = {name: value.to(accelerator.device) for name, value in batch.items()}
        with accelerator.accumulate(model):
            output = model(**batch, num_items_in_batch=items)
            # The loss is a share of the step's mean already; backward divides by the micro-batches, and processes take their mean.
            accelerator.backward(output.loss * (settings.micro_batches * accelerator.num_processes))
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), settings.max_norm)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
        total += output.loss.detach()
        parts = {name: float(part.detach()) for name, part in (getattr(output, "parts", None) or {}).items()}
    return float(accelerator.reduce(total)), parts, tokens


class Clock:
    """Seconds of a run, those before it was stopped included."""

    def __init__(self, before: float) -> None:
        self._begun = time.monotonic() - before

    def seconds(self) -> float:
        return time.monotonic() - self._begun


def step_seed(seed: int, step: int, process: int) -> int:
    """A seed for each step and process."""
    return int(np.random.default_rng([seed, step, process]).integers(2**63))


def save_state(run: TrainingRun, model: nn.Module, optimizers: Sequence[AcceleratedOptimizer], progress: Progress, write: bool) -> None:
    """Keep what learns, the optimizers and the progress, gathered from all processes; ``write`` is true for one of them."""
    weights, moments = get_state_dict(model, [one.optimizer for one in optimizers], options=LEARNED_ONLY)
    if write:
        run.save({"step": progress.step, "weights": weights, "optimizers": moments, "progress": asdict(progress)})


def load_state(run: TrainingRun, model: nn.Module, optimizers: Sequence[AcceleratedOptimizer]) -> Progress | None:
    """Put back what :func:`save_state` kept; None where nothing was."""
    state = run.load()
    if state is None:
        return None
    inner = [one.optimizer for one in optimizers]
    set_state_dict(model, inner, model_state_dict=state["weights"], optim_state_dict=state["optimizers"], options=LEARNED_ONLY)
    return Progress(**state["progress"])


def _count(accelerator: Accelerator, step: Step) -> tuple[int, int]:
    """Labelled tokens and tokens of a step, over all processes."""
    labelled = sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in step.batches)
    tokens = sum(int((batch["block_ids"] >= 0).sum()) for batch in step.batches)
    both = accelerator.reduce(torch.tensor([labelled, tokens], device=accelerator.device))
    return max(1, int(both[0])), int(both[1])


def _check(accelerator: Accelerator, loss: float, step: int, now: Step, out: Path) -> None:
    if math.isfinite(loss):
        return
    file = out / f"failed_batch{accelerator.process_index or ''}.json"
    write_whole(file, json.dumps({"step": step, "loss": str(loss), "videos": now.names}, indent=2) + "\n")
    raise LossNotFinite(f"the loss of step {step} is {loss}: its videos are written down in {file}")


def _validate(
    accelerator: Accelerator,
    model: nn.Module,
    run: TrainingRun,
    progress: Progress,
    validate: Callable[[], dict[str, float]] | None,
    keep: Callable[[str, Weights], None] | None,
) -> None:
    if validate is None:
        return
    inner = accelerator.unwrap_model(model)
    inner.eval()
    scores = validate()
    inner.train()
    if accelerator.is_main_process:
        run.log(progress.step, minutes=progress.seconds / 60, **scores)
        accelerator.log(scores, progress.step)
    if not scores:
        return
    score = next(iter(scores.values()))
    if progress.best is None or score > progress.best:
        progress.best = score
        _hand_over(accelerator, model, "best", keep)


def _hand_over(accelerator: Accelerator, model: nn.Module, which: str, keep: Callable[[str, Weights], None] | None) -> None:
    if keep is not None:
        weights = accelerator.get_state_dict(model)  # of all processes together
        if accelerator.is_main_process:
            keep(which, weights)
        accelerator.wait_for_everyone()


def _log(accelerator: Accelerator, run: TrainingRun, progress: Progress, done: float, seconds: float) -> None:
    values = {name: sum(one[name] for one in progress.logged) / len(progress.logged) for name in progress.logged[0]}
    values |= {"tokens_per_second": progress.tokens / max(seconds, 1e-9)}
    values |= {"minutes": seconds / 60, "minutes_left": seconds / 60 * (1 - done) / done}
    if accelerator.is_main_process:
        run.log(progress.step, **values)
        accelerator.log(values, progress.step)
    progress.logged.clear()
