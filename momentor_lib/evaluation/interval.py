"""How sure a score is: the spread that other videos of the same kind would give it, by the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

DRAWS = 1000
LEVEL = 0.95
NUMBERS_AT_ONCE = 1 << 22  # of the draws' counts, to bound memory


def score_with_intervals(
    scores: Mapping[str, np.ndarray | tuple[np.ndarray, np.ndarray]],
    groups: Sequence[object],
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, tuple[float, float, float]]:
    """Each metric's value with the two ends of its interval; NaN where nothing has a say in it.

    Whole groups are drawn, with replacement: the queries of one video are alike, and counted one by one they would make an interval too
    narrow. All metrics look at the same draws, so that the same seed gives the same figures.

    Args:
        scores: of each unit [U], of which the value is the mean without NaN; or a numerator and a denominator of each, of which it is the
            sum over the sum.
        groups: to which each unit belongs, for instance its video [U].
        draws: how often; 0 gives no interval (NaN).
        level: share of the draws that lie inside.

    Raises:
        ValueError: not as many scores as groups.
    """
    numbers: dict[object, int] = {}
    member = np.array([numbers.setdefault(group, len(numbers)) for group in groups], int)
    sums = {}
    for name, values in scores.items():
        top, bottom = values if isinstance(values, tuple) else (np.nan_to_num(values), ~np.isnan(values))
        if len(top) != len(member):
            raise ValueError(f"{len(top)} scores of {name} for {len(member)} units")
        sums[name] = np.stack([np.bincount(member, weights=part, minlength=len(numbers)) for part in (top, bottom)])  # [2, groups]
    if not sums:
        return {}
    table = np.stack(list(sums.values()))  # [metrics, 2, groups]
    drawn = _draw(table, draws, seed)  # [metrics, 2, draws]
    found = {}
    for name, whole, parts in zip(sums, table.sum(axis=2), drawn, strict=True):
        found[name] = (_ratio(*whole), *_ends(parts, level))
    return found


def _draw(table: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Sums over groups drawn with replacement, [metrics, 2, draws]."""
    rng, size = np.random.default_rng(seed), table.shape[2]
    flat = table.reshape(2 * len(table), size)  # [metrics * 2, groups]
    parts, step = [], max(1, NUMBERS_AT_ONCE // max(size, 1))
    for first in range(0, draws if size else 0, step):
        rows = min(step, draws - first)
        picked = rng.integers(size, size=(rows, size)) + np.arange(rows)[:, None] * size
        counts = np.bincount(picked.ravel(), minlength=rows * size).reshape(rows, size)
        parts.append(counts @ flat.T)  # [rows, metrics * 2]
    drawn = np.concatenate(parts) if parts else np.zeros((0, len(flat)))
    return drawn.T.reshape(*table.shape[:2], -1)


def _ratio(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom > 0 else float("nan")


def _ends(parts: np.ndarray, level: float) -> tuple[float, float]:
    top, bottom = parts
    known = bottom > 0
    if not known.any():
        return float("nan"), float("nan")
    low, high = np.quantile(top[known] / bottom[known], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
