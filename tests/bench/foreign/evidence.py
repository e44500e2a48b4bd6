"""Whether the rows bear out the label: a fault that was planted but does not show is no fault to a careful reader."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from .trained_run import TrainedRun

RISE = 0.08
"""A validation loss that is above its lowest by this share of it has risen, as anybody sees."""


def _column(run: TrainedRun, name: str) -> list[float]:
    return [row[name] for row in run.rows if name in row]


def _watched(run: TrainedRun) -> list[list[float]]:
    return [column for name in ("val_loss", "eval_old_loss") if len(column := _column(run, name)) > 2]


def _has_nan(run: TrainedRun) -> bool:
    return any(not math.isfinite(value) for row in run.rows for name, value in row.items() if "loss" in name)


def _is_overfit(run: TrainedRun) -> bool:
    return any(_mean(column[-2:]) > min(column) + RISE * abs(min(column)) for column in _watched(run))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _diverges(run: TrainedRun) -> bool:
    losses = _column(run, "loss")
    tail = _mean(losses[-max(len(losses) // 20, 2) :])
    return _has_nan(run) or _is_overfit(run) or tail > 1.3 * _least_mean(losses, max(len(losses) // 20, 1))


def _least_mean(losses: Sequence[float], count: int) -> float:
    return min(_mean(losses[i : i + count]) for i in range(0, len(losses) - count + 1, count))


def _is_flat(run: TrainedRun) -> bool:
    losses = _column(run, "loss")
    return _least_mean(losses, max(len(losses) // 10, 1)) > 0.7 * losses[0]


def _jumps(run: TrainedRun) -> bool:
    losses = _column(run, "loss")
    return max(losses) > 1.3 * sorted(losses)[len(losses) // 2]


def _collapses(run: TrainedRun) -> bool:
    rewards = _column(run, "reward")
    return bool(rewards) and rewards[-1] < 0.5 * max(rewards)


_SHOWS: Mapping[str, Callable[[TrainedRun], bool]] = MappingProxyType(
    {
        "nan": _has_nan,
        "overfitting": _is_overfit,
        "divergence": lambda run: _diverges(run) or _collapses(run),
        "stall": _is_flat,
        "slow": _is_flat,
        "spike": _jumps,
        "oscillation": _jumps,
    }
)


def bears_out(run: TrainedRun) -> bool:
    """Each fault shows itself by one of its kinds, and a healthy run shows neither NaN nor overfitting."""
    if not run.must:
        return not _has_nan(run) and ("overfitting" in run.may or run.rewards or not _is_overfit(run))
    return all(any(kind in _SHOWS and _SHOWS[kind](run) for kind in group) for group in run.must)
