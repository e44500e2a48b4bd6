"""Learning rate schedules: pure functions from the step to the lr, so that a curve can be drawn before its run.

A kind of schedule is one entry of SCHEDULES: its function and the fields of ScheduleConfig that it reads.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from .toml_tables import between, require


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    kind: str = "three-phase"
    """A key of SCHEDULES."""
    lr: float = 1e-3
    """The highest learning rate."""
    min_lr: float = 1e-4
    """Where warm-up starts, cycles bottom out and decays end."""
    warmup_steps: int = 10
    """Linear, from min_lr to lr, before every kind; 0 for none."""
    decay_start: float = 0.8
    """Share of the run after which `three-phase` decays."""
    period: int = 200
    """Steps: between drops (`step`), a full cycle (`triangular`), until the first restart (`restarts`)."""
    factor: float = 0.5
    """What a drop multiplies by (`step`)."""
    growth: float = 2.0
    """What a restart multiplies the period by (`restarts`)."""
    batch_scaling: Literal["none", "linear"] = "none"
    """`linear`: lr and min_lr are for a batch of base_batch and grow with the batch (Goyal et al. 2017)."""
    base_batch: int = 4

    def __post_init__(self) -> None:
        kinds = " or ".join(map(repr, SCHEDULES))
        require(self.kind in SCHEDULES, "schedule.kind", self.kind, f"should be {kinds}")
        between("schedule.lr", self.lr, 0.0, 1e6)
        between("schedule.min_lr", self.min_lr, 0.0, 1e6)
        require(self.min_lr <= self.lr, "schedule.min_lr", self.min_lr, f"must not be above schedule.lr = {self.lr:g}")
        between("schedule.warmup_steps", self.warmup_steps, 0, 1_000_000_000)
        between("schedule.decay_start", self.decay_start, 0.0, 1.0)
        between("schedule.period", self.period, 1, 1_000_000_000)
        between("schedule.factor", self.factor, 0.0, 1.0)
        between("schedule.growth", self.growth, 1.0, 100.0)
        between("schedule.base_batch", self.base_batch, 1, 1_000_000)


class LrSettings(Protocol):
    """What decides the learning rate, of the settings of a run."""

    @property
    def schedule(self) -> ScheduleConfig: ...
    @property
    def batch(self) -> int: ...
    @property
    def accumulation(self) -> int: ...
    @property
    def lr_scale(self) -> float: ...


def planned_lr(settings: LrSettings, step: int, steps: int) -> float:
    """The learning rate of optimizer step `step` (the first is 1) of a run of `steps`, live changes included."""
    batch = settings.batch * settings.accumulation
    return settings.lr_scale * batch_scale(settings.schedule, batch) * scheduled_lr(settings.schedule, step, steps)


def planned_curve(settings: LrSettings, steps: int, points: int) -> list[float]:
    """The lr at so many steps, evenly from the first to the last; at every step where there are fewer."""
    points = min(max(points, 1), steps)
    return [planned_lr(settings, 1 + x * (steps - 1) // max(points - 1, 1), steps) for x in range(points)]


def batch_scale(schedule: ScheduleConfig, batch: int) -> float:
    """The linear scaling rule: k times the batch, k times the lr (Goyal et al. 2017, section 2.1)."""
    return batch / schedule.base_batch if schedule.batch_scaling == "linear" else 1.0


def scheduled_lr(schedule: ScheduleConfig, step: int, steps: int) -> float:
    low, high = schedule.min_lr, schedule.lr
    if step <= schedule.warmup_steps:
        return low + (high - low) * (step - 1) / schedule.warmup_steps
    return SCHEDULES[schedule.kind].lr(schedule, step, steps)


def _three_phase(schedule: ScheduleConfig, step: int, steps: int) -> float:
    """Level after the warm-up, then half a cosine down."""
    start = max(schedule.decay_start * steps, schedule.warmup_steps)
    return _half_cosine(schedule, (step - start) / ((steps - start) or 1))


def _constant(schedule: ScheduleConfig, step: int, steps: int) -> float:
    return schedule.lr


def _cosine(schedule: ScheduleConfig, step: int, steps: int) -> float:
    return _half_cosine(schedule, _progress(schedule, step, steps))


def _linear(schedule: ScheduleConfig, step: int, steps: int) -> float:
    low, high = schedule.min_lr, schedule.lr
    return low + (high - low) * (1 - min(_progress(schedule, step, steps), 1.0))


def _step(schedule: ScheduleConfig, step: int, steps: int) -> float:
    drops = _since_warmup(schedule, step) // schedule.period
    return max(schedule.lr * schedule.factor**drops, schedule.min_lr)


def _triangular(schedule: ScheduleConfig, step: int, steps: int) -> float:
    """Down and up again in every cycle, at its peak when one begins (Smith 2015, the triangular policy)."""
    low, high = schedule.min_lr, schedule.lr
    cycles = _since_warmup(schedule, step) / schedule.period
    return low + (high - low) * abs(1 - 2 * (cycles % 1.0))


def _restarts(schedule: ScheduleConfig, step: int, steps: int) -> float:
    """Half a cosine a period, and every period is `growth` times the last (SGDR, Loshchilov and Hutter 2016)."""
    done, period, growth = _since_warmup(schedule, step), schedule.period, schedule.growth
    if growth == 1.0:
        return _half_cosine(schedule, (done % period) / period)
    # a hair more, so that a restart that rounding puts just after this step is not missed
    index = int(math.log(done * (growth - 1) / period + 1, growth) + 1e-9)
    start = period * (growth**index - 1) / (growth - 1)
    return _half_cosine(schedule, (done - start) / (period * growth**index))


class Schedule(NamedTuple):
    lr: Callable[[ScheduleConfig, int, int], float]
    """Of a step after the warm-up, of so many steps; between min_lr and lr."""
    reads: tuple[str, ...]
    """The fields of ScheduleConfig that change its shape, besides `lr` and those of the warm-up."""


SCHEDULES: Mapping[str, Schedule] = {
    "three-phase": Schedule(_three_phase, ("min_lr", "decay_start")),
    "constant": Schedule(_constant, ()),
    "cosine": Schedule(_cosine, ("min_lr",)),
    "linear": Schedule(_linear, ("min_lr",)),
    "step": Schedule(_step, ("min_lr", "period", "factor")),
    "triangular": Schedule(_triangular, ("min_lr", "period")),
    "restarts": Schedule(_restarts, ("min_lr", "period", "growth")),
}


def _since_warmup(schedule: ScheduleConfig, step: int) -> int:
    """Steps since the end of the warm-up; 0 at its peak."""
    return step - 1 - schedule.warmup_steps


def _progress(schedule: ScheduleConfig, step: int, steps: int) -> float:
    """From 0 at the end of the warm-up to 1 at the last step."""
    return _since_warmup(schedule, step) / max(_since_warmup(schedule, steps), 1)


def _half_cosine(schedule: ScheduleConfig, progress: float) -> float:
    """From lr to min_lr (Loshchilov and Hutter 2016), flat before 0 and after 1."""
    progress = min(max(progress, 0.0), 1.0)
    return schedule.min_lr + (schedule.lr - schedule.min_lr) * 0.5 * (1 + math.cos(math.pi * progress))
