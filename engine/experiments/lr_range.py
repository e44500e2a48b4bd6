"""The LR range test (Smith 2015): the lr grows exponentially with every step until the loss diverges. Pure.

As in Smith's plots, what is measured is held-out: val_loss on the same few sequences after every step, which has none
of the noise that small batches give to a training loss. The suggestions are those of fastai's `lr_find` (Howard and
Gugger 2020), computed on the smoothed loss over log lr.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..measured import Values
from ..schedule import ScheduleConfig

LOWEST_LR, HIGHEST_LR = 1e-5, 100.0
"""An lr at which a hundred steps change nothing, and one at which every optimizer diverges."""
STEPS_A_DECADE = 30
BETA = 0.8
"""Of the smoothing: a loss counts for about 1 / (1 - BETA) steps."""
DIVERGED = 2.0
"""Times the lowest smoothed loss, at which the test ends; fastai's 4 is above ln V for a model that has learned."""
RISEN, RISEN_OF_FALL = 0.02, 0.25
"""Of the lowest smoothed loss, and of the fall to it: what falls after such a rise is a recovery."""
HIGHEST_SHOWN = 1.2
"""Times the first loss: a plot is for what is below, and what diverges leaves it at the top."""
FEWEST_POINTS = 12

LrRule = Literal["steepest", "valley", "minimum over ten", "slide"]
SUGGESTED: LrRule = "steepest"
"""The rule whose lr ended within 5% of the best of seven, for adam and sgd at two model sizes:
`python -m tests.bench.lr_range`."""
_SLIDE_WIDTH, _SLIDE_LEVEL = 15, 0.005

FloatSequence = Sequence[float] | Values


@dataclass(frozen=True)
class LrSuggestion:
    rule: LrRule
    lr: float
    """To three digits: it is no more exact than that."""


def range_lrs(low: float = LOWEST_LR, high: float = HIGHEST_LR, a_decade: int = STEPS_A_DECADE) -> Values:
    """The lr of every step of a test."""
    return np.geomspace(low, high, max(round(math.log10(high / low) * a_decade), 1) + 1)


def smoothed_losses(losses: FloatSequence, beta: float = BETA) -> Values:
    """An exponential mean, corrected for its start at 0 (Kingma and Ba 2014, section 3)."""
    mean, smoothed = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = beta * mean + (1 - beta) * loss
        smoothed.append(mean / (1 - beta**count))
    return np.asarray(smoothed, np.float64)


def has_diverged(losses: FloatSequence) -> bool:
    """Whether the smoothed loss is far above its lowest, or no number."""
    smoothed = smoothed_losses(losses)
    return len(smoothed) > 0 and not smoothed[-1] <= DIVERGED * np.nanmin(smoothed)


def lr_suggestions(lrs: FloatSequence, losses: FloatSequence) -> list[LrSuggestion]:
    """One of each rule; none where there are too few points. `losses` are as measured, one for each lr."""
    count = int(np.argmin(np.isfinite([*losses, math.nan])))
    x, y = np.asarray(lrs[:count], np.float64), smoothed_losses(losses[:count])
    falling = before_rise(y)
    if falling < FEWEST_POINTS:
        return []
    found: dict[LrRule, float] = {
        rule: choose(x, y) if rule == "slide" else choose(x[:falling], y[:falling]) for rule, choose in LR_RULES.items()
    }
    return [LrSuggestion(rule, float(f"{lr:.3g}")) for rule, lr in found.items()]


def before_rise(losses: Values) -> int:
    """How many points there are before the loss is first clearly above its lowest."""
    lowest = np.minimum.accumulate(losses)
    limits = lowest + RISEN * lowest + RISEN_OF_FALL * (losses[:1] - lowest)
    return int(np.argmax(np.append(losses > limits, True)))


def highest_shown(losses: FloatSequence) -> float:
    return HIGHEST_SHOWN * losses[0] if len(losses) else math.inf


def steepest(lrs: Values, losses: Values) -> float:
    """Where the loss falls fastest over log lr (Gugger 2018, "How do you find a good learning rate")."""
    return float(lrs[np.argmin(np.gradient(losses, np.log(lrs)))])


def minimum_over_ten(lrs: Values, losses: Values) -> float:
    """A tenth of the lr with the lowest loss, where the loss is about to rise (fastai, `minimum`)."""
    return float(lrs[np.argmin(losses)]) / 10


def valley(lrs: Values, losses: Values) -> float:
    """The middle of the longest subsequence of falling losses (ESRI's rule; fastai's default, `valley`)."""
    length, first = np.ones(len(losses), int), np.arange(len(losses))
    for end in range(1, len(losses)):
        lengths = np.where(losses[:end] > losses[end], length[:end], 0)
        before = int(np.argmax(lengths))
        if lengths[before]:
            length[end], first[end] = lengths[before] + 1, first[before]
    end = int(np.argmax(length))
    return float(lrs[(int(first[end]) + end) // 2])


def slide(lrs: Values, losses: Values) -> float:
    """The interval slide rule (Chang 2020; fastai, `slide`).

    From the diverging end an interval slides to lower lrs until the loss has the same slope at both of its ends.
    """
    slope = np.gradient(losses)
    high = len(losses) - 1
    low = high - min(_SLIDE_WIDTH, high)
    while low > 0 and abs(slope[high] - slope[low]) > _SLIDE_LEVEL:
        low, high = low - 1, high - 1
    return float(lrs[low])


LR_RULES: dict[LrRule, Callable[[Values, Values], float]] = {
    "steepest": steepest,
    "valley": valley,
    "minimum over ten": minimum_over_ten,
    "slide": slide,
}


def with_peak_lr(schedule: ScheduleConfig, lr: float) -> dict[str, Any]:
    """The config keys that make it the highest lr of a schedule; min_lr goes below it where it has to."""
    return {"schedule.lr": lr} | ({"schedule.min_lr": float(f"{lr / 10:.3g}")} if schedule.min_lr > lr else {})
