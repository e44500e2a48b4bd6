"""Read a curve: a run whose schedule is drawn by a seed, what is true of it, and how answers are graded. Pure.

The truth is the run's own: its schedule says when the warm-up ended and the decay began, its rows say the rest, by
rules that are stated with the questions.
"""

import math
import random
from dataclasses import dataclass

import numpy as np

from ...engine.config import InstrumentsConfig, LiveSettings, RunConfig, TrainingConfig
from ...engine.schedule import ScheduleConfig, planned_curve
from ..plots.series import Floats

SPAN = 5
"""Steps of the running mean that a spike is looked for in."""
RISE = 0.1
"""Nats above the first loss that make a spike."""
EARLY = 1 / 3
"""A spike at the start peaks in this share of the run."""
GAINING = 0.05
"""Share of the whole fall that the last fifth must gain for training on to be worth it."""
POINTS = 2
"""A right answer's; half of it for one about the schedule that the rates in the log gave away."""


@dataclass(frozen=True, kw_only=True)
class CurveTruth:
    steps: int
    warmup_end: int
    """The last step of the warm-up; 0 where there was none."""
    spike_end: int
    """The first step at which the loss is back where it began; 0 where it never rose."""
    decay_start: int
    """The first step below the peak; 0 where the rate never fell."""
    gain: float
    """How much lower the mean of the last fifth is than that of the fifth before, in nats."""
    error: float
    """The standard error of that difference."""
    fall: float
    """From the first loss to the mean of the last fifth."""
    warmup_half: int = 0
    """The first step at half of the peak; a curve does not show a warm-up's last steps. 0 where there was none."""
    decay_half: int = 0
    """The last step above half of the peak, as a curve does not show a decay's first steps; 0 where it never fell."""

    @property
    def tolerance(self) -> int:
        """Steps by which an answer may be off."""
        return max(10, round(0.06 * self.steps))


def curve_config(seed: int) -> RunConfig:
    """A run of seconds; what can be asked differs from seed to seed."""
    chance = random.Random(seed)
    steps = chance.choice((300, 400, 500))
    spikes = chance.random() < 0.4
    lr = chance.choice((0.1, 0.2, 0.3)) if spikes else chance.choice((1e-3, 3e-3, 1e-2))
    schedule = ScheduleConfig(
        kind=chance.choice(("three-phase", "three-phase", "constant", "cosine", "linear")),
        lr=lr,
        min_lr=lr / 50,
        warmup_steps=0 if spikes else chance.choice((0, 40, 60, 80, 100)),
        decay_start=chance.choice((0.5, 0.6, 0.7, 0.8)),
    )
    return RunConfig(
        title="An unknown run",
        schedule=schedule,
        training=TrainingConfig(steps=steps, seed=chance.randrange(2**31)),
        instruments=InstrumentsConfig(evaluate_every=0, layers_every=0, sample_every=0),
    )


def truth_of(config: RunConfig, steps: Floats, loss: Floats) -> CurveTruth:
    """What is true of a finished run; a loss that was no number counts for nothing."""
    last = config.training.steps
    fifth = max(last // 5, 2)
    before, end = (loss[(steps > low) & (steps <= low + fifth)] for low in (last - 2 * fifth, last - fifth))
    error = math.hypot(_error(before), _error(end))
    halves = _half_steps(config)
    first = float(loss[0])
    return CurveTruth(
        steps=last,
        warmup_end=_warmup_end(config),
        spike_end=_spike_end(steps, loss, first, last),
        decay_start=_decay_start(config),
        gain=float(np.nanmean(before) - np.nanmean(end)),
        error=error,
        fall=float(first - np.nanmean(end)),
        warmup_half=halves[0] if _warmup_end(config) else 0,
        decay_half=halves[1] if _decay_start(config) else 0,
    )


def _error(values: Floats) -> float:
    return float(np.nanstd(values) / math.sqrt(max(len(values), 1)))


def _warmup_end(config: RunConfig) -> int:
    return config.schedule.warmup_steps if config.schedule.min_lr < config.schedule.lr else 0


def _decay_start(config: RunConfig) -> int:
    rates = planned_curve(LiveSettings.from_config(config), config.training.steps, config.training.steps)
    peak = max(rates)
    last_high = max(step for step, rate in enumerate(rates, 1) if rate >= peak * (1 - 1e-6))
    return 0 if last_high == len(rates) else last_high + 1


def _half_steps(config: RunConfig) -> tuple[int, int]:
    """The first and the last step at which the rate is at least half of its peak."""
    rates = planned_curve(LiveSettings.from_config(config), config.training.steps, config.training.steps)
    high = [step for step, rate in enumerate(rates, 1) if rate >= max(rates) / 2]
    return high[0], high[-1]


def _spike_end(steps: Floats, loss: Floats, first: float, last: int) -> int:
    mean = running_mean(loss, SPAN)
    early = np.flatnonzero((mean > first + RISE) & (steps <= last * EARLY))
    if not len(early):
        return 0
    peak = early[np.argmax(mean[early])]
    back = np.flatnonzero(mean[peak:] <= first)
    return int(steps[peak + back[0]]) if len(back) else last


def running_mean(values: Floats, span: int) -> Floats:
    """The mean of each value and those before it, `span` in all, fewer at the start; what is no number is left out."""
    finite = np.isfinite(values)
    sums = np.cumsum(np.where(finite, values, 0.0))
    counts = np.cumsum(finite.astype(float))
    sums[span:] -= sums[:-span].copy()
    counts[span:] -= counts[:-span].copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums / counts
