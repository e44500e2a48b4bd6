"""Rules of hindsight for a curve that moves: up and away, in one leap, or to and fro."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

from .whole_log import GAINED, Verdict, Whole, seen_as
from .zigzag import swing_of

LOST = 0.5
"""Share of the gain whose loss is divergence, where the gain was worth it (`GAINED`, a share of the first loss)."""
WORSE = 0.3
"""Share of the first loss above it, where nothing worth it had been gained."""
RISING = 5
"""Rows, each above the one before, after which a rise is no noise."""
NEVER_BETTER = 8
"""Epochs, of which the first is the lowest by chance in one of eight runs that only rattle."""
SETTLED = 0.1
"""Share of the height above the best mean by which the last quarter falls at most, if it stays where it is: it would
take as long as the run has taken to come half of the way back."""
RESTED = 2
"""Means in an eighth of the curve, of which two are compared: of fewer rows the noise is not known."""
TOPS, HIGHER = 3, 1.5
"""The last rows that are the highest of all, in order, and times what was highest before, which is no noise either."""
LIFTED = 5
"""Rows, all far above all others, of which one in 21 orders by chance would be: two before them are enough."""
AT_ONCE, MULTIPLE = 4, 4.0
"""Rows, each above the one before from the first row on, and times the first one that they come to."""
BEYOND = 100.0
"""Times the usual row: with another, no batch is so much harder."""
LEAP = 8.0
"""Times the largest move before: no noise of few rows does that."""
SWING = 0.05
"""Share of the level that every move of a swinging snippet exceeds."""
ALIKE = 2.0
"""Times the smallest of such moves that the largest is at most: those of noise are not alike."""


def diverged(whole: Whole) -> Verdict | None:
    """The end lies far above the lowest mean, by more than the noise of means, and is not on its way back."""
    run, means = whole.run, whole.means
    if len(means) < 5:
        return None
    best = min(range(len(means)), key=means.__getitem__)
    gain = run.first - means[best]
    line = means[best] + max(
        LOST * gain if gain > GAINED * abs(run.first) else gain + WORSE * abs(run.first),
        GAINED * abs(run.first),
        (2 + math.sqrt(2 * math.log(len(means)))) * whole.noise,  # the lowest of n means lies so far below by chance
    )
    enough = 2 if whole.run.profile.size > 1 or run.facts.rows_are_epochs else 3
    above = 0
    for mean in reversed(means):
        if mean <= line:
            break
        above += 1
    if above < enough or best > len(means) - 3 or _is_on_its_way_back(means, best, line):
        return None
    seen = f"{whole.loss} {means[-1]:.3g} at step {whole.ends[-1]}, after a lowest mean of {means[best]:.3g} at step"
    return seen_as("divergence", whole.ends[-above], "failure", f"{seen} {whole.ends[best]}")


def _is_on_its_way_back(means: Sequence[float], best: int, line: float) -> bool:
    """Whether it is far below the highest mean since the best one, and has not come to rest above the line."""
    if means[-1] >= line + 0.7 * (max(means[best:]) - line):
        return False
    eighth = len(means) // 8
    last, before = means[-eighth:], means[-2 * eighth : -eighth]
    is_long = eighth >= RESTED and len(means) - 2 * eighth > best and min(*before, *last) > line
    return not (is_long and fmean(before) - fmean(last) < SETTLED * (fmean(last) - means[best]))


def rising(whole: Whole) -> Verdict | None:
    """Every row of the last ones is above the one before, to far above all that was before; one order in 120.

    From the very first row on a tenth is far enough: such a run has not made one step ahead; and of epochs, whose means
    have little noise; fewer rows are enough that rise to a multiple. Three rows are enough if they are the highest of
    all, to far above all others.
    """
    means = whole.means
    start = len(means) - 1
    while start > 0 and means[start - 1] < means[start]:
        start -= 1
    rows, end = len(means) - start, means[-1]
    is_little = rows > RISING and end > means[start] + GAINED * abs(means[start])
    is_first = start == 0 and whole.is_fresh
    is_enough = is_little and (whole.run.facts.rows_are_epochs or is_first)
    is_multiple = is_first and rows >= AT_ONCE and end > MULTIPLE * means[0] > 0
    is_far = rows >= RISING and end >= means[start] + max(max(means[: start + 1]), abs(means[start]))
    highest = max(means[:-TOPS], default=math.inf)
    is_top = rows >= TOPS and len(means) > 2 * TOPS and highest < means[-TOPS] and end > HIGHER * abs(highest)
    if not (is_enough or is_multiple or is_far or is_top):
        return None
    seen = f"{whole.loss} {end:.3g} at step {whole.ends[-1]}, and rising ever since {means[start]:.3g} at step"
    return seen_as("divergence", whole.ends[start], "failure", f"{seen} {whole.ends[start]}")


def never_better(whole: Whole) -> Verdict | None:
    """No epoch was as good as the first one, and the last ones rise one by one: however little, it does not learn.

    Of a model that learns, one of the first epochs is below the one before it, whatever the lr does. That the first of
    eight is the lowest and five rise in order at the end comes about by chance in one run of a thousand.
    """
    run, means = whole.run, whole.means
    is_told = run.facts.rows_are_epochs and whole.is_fresh and not whole.is_only_val and run.profile.size == 1
    if not is_told or len(means) < NEVER_BETTER or min(means[1:]) <= means[0]:
        return None
    if any(after <= before for before, after in pairwise(means[-RISING:])):
        return None
    seen = f"loss {means[-1]:.4g} at step {whole.ends[-1]}, after {means[0]:.4g} in the first row, and never below it"
    return seen_as("stall", run.first_step, "warning", seen)


def lifted(whole: Whole) -> Verdict | None:
    """In a run of few rows, the last ones are all above twice the highest of the rows before.

    In an excerpt of a longer run it may be a spike, which such a run outlives; at the beginning there is little to
    come back to.
    """
    means = whole.means
    if whole.run.profile.size > 1 or not whole.is_fresh:
        return None
    for start in range(2, len(means) - LIFTED + 1):
        before, top = max(means[:start]), max(means[start:])
        if before > 0 and min(means[start:]) > 2 * before and means[-1] - before > LOST * (top - before):
            seen = f"loss {means[-1]:.3g} at step {whole.run.step}, above twice what it was before step"
            return seen_as(
                "divergence", whole.ends[start], "failure", f"{seen} {whole.ends[start]}, {before:.3g} at most"
            )
    return None


def leapt(whole: Whole) -> Verdict | None:
    """One row, far above all others, in a log of few rows: the last one, or one after which it came back."""
    means = whole.means
    if whole.run.profile.size > 1 or not 4 <= len(means) <= 20:
        return None
    top = max(range(len(means)), key=means.__getitem__)
    if top < 2:
        return None
    moves = [abs(after - before) for before, after in pairwise(means[:top])]
    leap = means[top] - means[top - 1]
    if leap < max(LEAP * median(moves), 2 * max(moves)) or leap < max(means[top - 1], LOST * abs(whole.run.first)):
        return None
    back = max(means[0], means[top - 1] + GAINED * leap)
    kind = "divergence" if top == len(means) - 1 or min(means[top:]) > back else "spike"
    seen = f"loss {means[top]:.3g} at step {whole.ends[top]}, and {means[top - 1]:.3g} in the row before"
    return seen_as(kind, whole.ends[top], "failure" if kind == "divergence" else "warning", seen)


def blown_up(whole: Whole) -> Verdict | None:
    """Some rows are a hundred times the usual one and above the first, and it comes back to the usual level."""
    means, ends = whole.means, whole.ends
    usual, first = median(means), whole.run.first
    line = max(BEYOND * usual, 2 * first)
    high = [place for place, mean in enumerate(means) if mean > line]
    if len(means) < 4 or usual <= 0 or first <= 0 or not high or len(high) == len(means) - high[0]:
        return None
    top, at = means[high[0]], ends[high[0]]
    seen = f"{whole.loss} {top:.3g} at step {at}, {top / usual:.0f}x the usual {usual:.3g}"
    often = (
        f"{len(high)} of {len(means)} rows" if whole.run.profile.size == 1 else f"{len(high) / len(means):.0%} of it"
    )
    return seen_as("spike", ends[high[0]], "warning", f"{seen}, and as far up in {often}")


def swings(whole: Whole) -> Verdict | None:
    """A few rows that go up and down in turn, each time by much and about as much, and end where they began."""
    means = whole.means
    if whole.run.profile.size > 1 or len(means) < 5:
        return None
    moves = [after - before for before, after in pairwise(means)]
    level = fmean(means)
    if any(a * b >= 0 for a, b in pairwise(moves)) or min(map(abs, moves)) < SWING * abs(level):
        return None
    size = fmean(map(abs, moves))
    is_even = max(map(abs, moves)) <= ALIKE * min(map(abs, moves))
    if not is_even or abs(fmean(means[-2:]) - fmean(means[:2])) > size / 2:
        return None
    seen = f"in {len(means)} rows the loss turns at every one, by {size:.2g} around {level:.3g}, and gets nowhere"
    return seen_as("oscillation", whole.run.first_step, "warning", seen)


def zigzags(whole: Whole) -> Verdict | None:
    """A pattern of two to four rows that came again and again to the end of a log too short for its detector."""
    swing = swing_of(whole.recent)
    if swing is None or len(whole.means) < 8 or swing.size < SWING * abs(whole.run.level.mean):
        return None
    quarter = len(whole.means) // 4
    first, last = fmean(whole.means[:quarter]), fmean(whole.means[-quarter:])
    if first - last > 3 * swing.noise * math.sqrt(2 / (quarter * whole.run.profile.size)):
        return None
    seen = (
        f"a pattern of {swing.period} rows comes again and again: the loss swings by {swing.size:.2g} around {last:.3g}"
    )
    return seen_as("oscillation", whole.run.first_step, "warning", f"{seen}, and gets nowhere")
