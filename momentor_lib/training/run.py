"""A training run's folder: checkpoints that are whole or not there, a log of one JSON line a step, and a clean resume."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

STATE = "state.pt"
logger = logging.getLogger("momentor")


class TrainingRun:
    """Keeps what a run needs to go on where it was stopped.

    Args:
        folder: where ``state.pt`` and ``metrics.jsonl`` stand; made if missing.
        every: seconds between two checkpoints.
        on_log: called with each line of the log, for whoever watches.
    """

    def __init__(self, folder: str | Path, every: float = 120.0, on_log: Callable[[dict[str, float]], None] | None = None) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.every, self.on_log = every, on_log
        self._saved_at = time.monotonic()

    @property
    def state_file(self) -> Path:
        return self.folder / STATE

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, or None for a new run. Log lines written after it are dropped: those steps run again."""
        if not self.state_file.exists():
            return None
        state = torch.load(self.state_file, weights_only=False)
        log = self.folder / "metrics.jsonl"
        if log.exists():
            kept = [line for line in log.read_text().splitlines() if json.loads(line)["step"] < state["step"]]
            log.write_text("".join(line + "\n" for line in kept))
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint beside the old one and put it in its place."""
        half = self.state_file.with_suffix(".half")
        torch.save(state, half)
        os.replace(half, self.state_file)
        self._saved_at = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return time.monotonic() - self._saved_at >= self.every

    def log(self, step: int, **values: float) -> None:
        """One line for a step: kept in ``metrics.jsonl`` and shown on the terminal."""
        line = {"step": step, **{k: round(float(v), 5) for k, v in values.items()}}
        with open(self.folder / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
        if self.on_log is not None:
            self.on_log(line)
        logger.info("step %d  %s", step, "  ".join(f"{k} {v:.4g}" for k, v in values.items()))
