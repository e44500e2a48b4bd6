"""Whether a fix helps: a comparison of two runs that were trained on the same batches. Pure.

The losses of the two runs are subtracted step by step, so that what a batch adds to both cancels out. What is left is
autocorrelated, for the weights of one step are nearly those of the next: the mean of n such differences is as uncertain
as that of fewer independent ones, n (1 - phi) / (1 + phi) for an autocorrelation of phi from step to step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

VerdictWord = Literal["helps", "does not help", "makes worse", "cannot tell yet", "too late now"]

VERDICT_MARGIN = 0.02
"""Nats by which a loss must differ to matter: two runs of one configuration with other seeds differ as much."""
INTERVAL_CONFIDENCE = 0.9
"""Of all the intervals of one proof together."""
DRIFT_BLOCKS = 8
"""Parts of a run of which each has one mean difference."""
DRIFTS = 3
"""Times as far as the twin, as a root mean square, has drifted from its control: of the few independent differences
that there are, one in twenty lies as far out."""
FEWEST_DIFFERENCES = 6
"""Differences below which no interval is given."""
OUTLASTS = 2
"""Times as many steps as the control's loss was finite for."""
_HIGHEST_PHI = 0.97


@dataclass(frozen=True)
class DifferenceInterval:
    """Of a mean difference, fix minus control; negative is better."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one run did from the step on at which all of a proof begin."""

    losses: Sequence[float]
    """Of the steps in order."""
    val_losses: Sequence[float] = ()
    """Of evaluations at the same steps in all runs of the proof."""
    has_finding: bool = False
    """Whether a finding of the run that is to be mended was open at the last step."""


@dataclass(frozen=True)
class FixVerdict:
    answer: VerdictWord
    why: str
    loss: DifferenceInterval | None = None
    val_loss: DifferenceInterval | None = None


def judge(fix: Trial, control: Trial, *, comparisons: int = 1, chance: float = 0.0) -> FixVerdict:
    """`comparisons` counts the fixes and the looks of one proof: Bonferroni keeps the sum of their errors in bounds.

    `chance` is by how much the loss of another control may differ, see `chance_of_twin`.
    """
    if not fix.losses or not control.losses:
        return FixVerdict("cannot tell yet", "there are no steps")
    if (broken := _broken(fix, control)) is not None:
        return broken
    losses = _equally_many(fix.losses, control.losses)
    val_losses = _equally_many(fix.val_losses, control.val_losses)
    if list(losses[0]) == list(losses[1]):
        return FixVerdict("cannot tell yet", "its losses are the control's to the last bit: so far it changes nothing")
    loss, val_loss = (
        paired_interval(_later_half(ours), _later_half(its), comparisons=comparisons)
        for ours, its in (losses, val_losses)
    )
    answer, why = _answer(val_loss or loss, fix, control, chance)
    return FixVerdict(answer, why, loss, val_loss)


def _broken(fix: Trial, control: Trial) -> FixVerdict | None:
    """Where a loss is no finite number any more. When one overflows is chance: the other has to last far longer."""
    ours, its = _finite_steps(fix), _finite_steps(control)
    if ours < len(fix.losses):
        is_worse = its == len(control.losses) and its >= OUTLASTS * ours
        return FixVerdict("makes worse" if is_worse else "does not help", "its loss is no longer a finite number")
    if its == len(control.losses):
        return None
    if fix.has_finding:
        return FixVerdict("cannot tell yet", "its loss stays finite, which the control's does not, but a finding opens")
    if ours < OUTLASTS * its:
        return FixVerdict("cannot tell yet", f"its loss is finite so far; the control's was for {its} steps")
    return FixVerdict("helps", "its loss stays finite, which the control's does not")


def _finite_steps(trial: Trial) -> int:
    """Before the first whose loss is no finite number."""
    return next((at for at, loss in enumerate(trial.losses) if not math.isfinite(loss)), len(trial.losses))


def _answer(interval: DifferenceInterval | None, fix: Trial, control: Trial, chance: float) -> tuple[VerdictWord, str]:
    if interval is None:
        return "cannot tell yet", "there are too few steps"
    if interval.high < -VERDICT_MARGIN and _mends(fix, control):
        return "helps", "the loss is lower, and the finding does not open"
    if interval.high < -VERDICT_MARGIN and interval.mean < -chance:
        return "helps", "the loss is lower"
    if interval.low > VERDICT_MARGIN and interval.mean > chance:
        return "makes worse", "the loss is higher"
    if interval.high < VERDICT_MARGIN and _mends(fix, control):
        return "helps", "the finding does not open, and the loss is no higher"
    if interval.low > -VERDICT_MARGIN and (interval.high < VERDICT_MARGIN or fix.has_finding):
        opens = ", and the finding opens as before" if fix.has_finding else ""
        return "does not help", f"the loss is not lower{opens}"
    return "cannot tell yet", "the difference is within what chance does"


def chance_of_twin(twin: Trial, control: Trial) -> float:
    """By how much losses may differ by chance, from how far a run is that differs by rounding errors alone.

    It is next to nothing for a run that learns. Within the runs it does not show: each may be at its level for long.
    """
    losses = _equally_many(twin.losses, control.losses)
    val_losses = _equally_many(twin.val_losses, control.val_losses)
    compared = val_losses if len(_later_half(val_losses[0])) >= FEWEST_DIFFERENCES else losses
    differences = np.subtract(*compared)
    blocks = np.array_split(differences[np.isfinite(differences)], DRIFT_BLOCKS)
    if not all(len(block) for block in blocks):
        return 0.0
    return DRIFTS * math.sqrt(sum(float(block.mean()) ** 2 for block in blocks) / DRIFT_BLOCKS)


def _mends(fix: Trial, control: Trial) -> bool:
    return control.has_finding and not fix.has_finding


def paired_interval(
    ours: Sequence[float], its: Sequence[float], *, comparisons: int = 1, confidence: float = INTERVAL_CONFIDENCE
) -> DifferenceInterval | None:
    """Of the mean of ours - its, at the given confidence for all of so many comparisons; None where there are too few.

    The differences may grow or shrink: what is left of their line is the noise, and at its middle the line is the mean.
    The long-run variance of a series is that of what is left of it after its own AR(1) prediction, over (1 - phi)^2
    (Andrews and Monahan 1992). In short series with a trend phi is too low by (2 + 4 phi) / n (Kendall 1954), near 1 by
    more: 1.5 times that makes intervals of 90 % cover as many.
    """
    count = min(len(ours), len(its))
    if count < FEWEST_DIFFERENCES:
        return None
    differences = np.asarray(ours[:count], float) - np.asarray(its[:count], float)
    mean = float(differences.mean())
    times = np.arange(count) - (count - 1) / 2
    noise = differences - mean
    noise -= times * float(times @ noise) / float(times @ times)
    power = float(noise[:-1] @ noise[:-1])
    phi = float(noise[1:] @ noise[:-1]) / power if power > 0 else 0.0
    phi = min(max(phi + 1.5 * (2 + 4 * phi) / count, 0.0), _HIGHEST_PHI)
    left = noise[1:] - phi * noise[:-1]
    deviation = math.sqrt(float(left @ left) / max(count - 3, 1)) / (1 - phi)
    independent = max(count * (1 - phi) / (1 + phi), 2.0)
    half = student_t(1 - (1 - confidence) / comparisons / 2, max(independent - 2, 3.0)) * deviation / math.sqrt(count)
    return DifferenceInterval(mean, mean - half, mean + half)


def student_t(share: float, freedom: float) -> float:
    """The quantile of Student's distribution, to four terms of its expansion (Abramowitz and Stegun 26.7.5)."""
    z, v = NormalDist().inv_cdf(share), freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def _equally_many(ours: Sequence[float], its: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """Of the same steps: one whose process has died has fewer."""
    count = min(len(ours), len(its))
    return ours[:count], its[:count]


def _later_half(values: Sequence[float]) -> Sequence[float]:
    """A change needs some steps to take effect."""
    return values[len(values) // 2 :]
