"""The thresholds of the tutorial that this program brings to life.

"Training Dynamics" of the Local Code Model project, https://github.com/scttfrdmn/local-code-model: its gradient
statistics, its signs that training is complete, and its common problems.
"""

import math
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean

from .rule import Log, Rule, series

LARGE_NORM, SMALL_NORM = 10.0, 1e-6
FLAT_STEPS = 100
FLAT_SHARE = 0.001
"""Its example of a loss that is not decreasing falls by less than this in 100 steps."""
PATIENCE = 3
"""The tutorial names no number."""
SWINGS, SWING_SHARE = 4, 0.09
"""Its example swings four times, by 9 to 18% of the loss."""


def large_norm(rows: Log, _: int) -> Iterator[int]:
    return (step for step, norm in series(rows, "grad_norm") if norm > LARGE_NORM)


def small_norm(rows: Log, _: int) -> Iterator[int]:
    return (step for step, norm in series(rows, "grad_norm") if norm < SMALL_NORM)


def nan_loss(rows: Log, _: int) -> Iterator[int]:
    return (step for step, loss in series(rows, "loss") if math.isnan(loss))


def plateau(rows: Log, _: int) -> Iterator[int]:
    """The mean of the last hundred steps is no lower than that of the hundred before."""
    seen: deque[tuple[int, float]] = deque()
    first = next((step for step, _ in series(rows, "loss")), 0)
    for step, loss in series(rows, "loss"):
        seen.append((step, loss))
        while seen[0][0] <= step - 2 * FLAT_STEPS:
            seen.popleft()
        old = [value for at, value in seen if at <= step - FLAT_STEPS]
        new = [value for at, value in seen if at > step - FLAT_STEPS]
        if old and step - first >= 2 * FLAT_STEPS - 1 and fmean(new) > (1 - FLAT_SHARE) * fmean(old):
            yield step


def validation_rises(rows: Log, _: int) -> Iterator[int]:
    best, worse = math.inf, 0
    for step, loss in series(rows, "val_loss"):
        worse = worse + 1 if loss > best else 0
        best = min(best, loss)
        if worse > PATIENCE:
            yield step


def swings(rows: Log, _: int) -> Iterator[int]:
    """The loss goes up and down in turn, far each time."""
    count, last = 0, 0.0
    for (_, before), (step, loss) in pairwise(series(rows, "loss")):
        change = (loss - before) / abs(before) if before else 0.0
        is_swing = abs(change) >= SWING_SHARE
        count = (count + 1 if change * last < 0 else 1) if is_swing else 0
        last = change
        if count >= SWINGS:
            yield step


TUTORIAL = (
    Rule(name="gradient norm above 10", meant=frozenset({"exploding_gradients"}), steps=large_norm),
    Rule(name="gradient norm below 1e-6", meant=frozenset({"vanishing_gradients"}), steps=small_norm),
    Rule(name="loss is NaN", meant=frozenset({"nan"}), steps=nan_loss),
    Rule(name="flat for 100 steps", meant=frozenset({"stall", "slow", "divergence"}), steps=plateau),
    Rule(name="validation loss rises", meant=frozenset({"overfitting", "divergence"}), steps=validation_rises),
    Rule(name="loss swings", meant=frozenset({"oscillation"}), steps=swings),
)
