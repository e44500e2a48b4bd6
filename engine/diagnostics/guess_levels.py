"""Rules of hindsight for a run that has stayed at the level of guessing."""

import math
from statistics import fmean

from .chance_loss import CLASS_COUNTS, guessed_among
from .whole_log import ALONE, CONFIRMED, WORK_EPOCHS, Verdict, Whole, seen_as

FLAT = 0.015
"""Share of the level by which its second half is lower at most, at a level of guessing."""
GUESSING_NOISE = 0.02
"""Share of the level: a model that guesses finds every batch equally hard."""
AS_RIGHT = 0.1
"""Share of 1 in n by which an accuracy is better or worse than that of guessing among n classes."""
WORST = 1.25
"""Times ln n that a model which guesses with too much confidence pays; a text of which one token in n is right has a
loss far above that, and falls."""
LEVEL = 0.05
"""Share by which its last two thirds differ at most."""
VARIANCE = 0.015
"""How near to 1 the mean is of a loss that is the variance of a standardized target."""
VARIANCE_ROWS, VARIANCE_NOISE = 16, 0.1
"""Rows, and the noise of one at most: a text of which the loss is near 1 has more, and falls."""


def guessing(whole: Whole) -> Verdict | None:
    """The level is at that of guessing now, after enough work, and hardly moves."""
    if not whole.has_worked:
        return None
    before, last = whole.halves
    size = whole.guessing_among
    is_alike = whole.accuracy is not None or whole.run.level.noise <= GUESSING_NOISE * last
    if size is None or not is_alike or whole.run.is_part or abs(before - last) > FLAT * last:
        return None
    seen = f"mean loss {last:.4g} in the last half, about ln {size} = {math.log(size):.4g}, guessing among {size:,}"
    return seen_as("stall", whole.run.first_step, "failure", f"{seen}: nothing was learned in {whole.run.rows} rows")


def still_guessing(whole: Whole) -> Verdict | None:
    """Every evaluation is at the level of guessing, and the accuracy agrees; the training loss came down to it."""
    evaluations = [evaluation.val_loss for evaluation in whole.evaluations]
    if len(evaluations) < WORK_EPOCHS or not whole.has_worked or whole.accuracy is None:
        return None
    size = guessed_among(evaluations[-1], whole.accuracy, ALONE)
    guess = math.log(size) if size else 0.0
    is_alike = all(abs(val_loss - guess) <= ALONE * guess for val_loss in evaluations)
    if size is None or not is_alike or whole.run.level.mean < (1 - CONFIRMED) * guess:
        return None
    seen = f"val_loss {evaluations[-1]:.4g} is ln {size} = {guess:.4g}, guessing among {size:,}"
    return seen_as("stall", whole.run.first_step, "failure", f"{seen}, as in all {len(evaluations)} evaluations")


def worse_than_guessing(whole: Whole) -> Verdict | None:
    """The accuracy is that of guessing, and the loss what guessing costs or somewhat more, and no longer falls.

    With an lr that is far too high the outputs rattle about, so that the loss lies above ln n and is not still. No
    validation loss is below it: MixUp and label smoothing lift the training loss alone.
    """
    if not (whole.has_worked and whole.accuracy) or len(whole.means) < 2 * WORK_EPOCHS or whole.run.is_part:
        return None
    third = len(whole.means) // 3
    second, last = whole.means[third : 2 * third], whole.means[-third:]
    lowest = min([*second, *last, *(evaluation.val_loss for evaluation in whole.evaluations)])
    for size in CLASS_COUNTS:
        guess = math.log(size)
        is_guess = abs(whole.accuracy * size - 1) <= AS_RIGHT
        is_level = abs(fmean(second) - fmean(last)) <= LEVEL * fmean(last)
        if is_guess and is_level and (1 - ALONE) * guess <= lowest and fmean(last) <= WORST * guess:
            seen = f"mean loss {fmean(last):.4g} in the last third, and guessing among {size} costs {guess:.4g}"
            seen += f"; the accuracy is {whole.accuracy:.3g}"
            return seen_as("stall", whole.run.first_step, "failure", seen)
    return None


def variance(whole: Whole) -> Verdict | None:
    """The loss has been 1 on average throughout: the squared error of answering 0 where a target has a variance of 1.

    Such are standardized targets, and the noise that a diffusion model has to find.
    """
    run, means = whole.run, whole.means
    if run.rows < VARIANCE_ROWS or not (whole.has_worked and whole.is_fresh) or run.chance is not None:
        return None
    if whole.accuracy is not None or run.level.noise > VARIANCE_NOISE or (run.lr.is_spent and run.lr.top > 0):
        return None
    thirds = [fmean(means[part * len(means) // 3 : (part + 1) * len(means) // 3]) for part in range(3)]
    error = run.level.noise * math.sqrt(3 / run.rows)
    if abs(fmean(means[1:]) - 1) > VARIANCE or max(thirds) - min(thirds) > max(VARIANCE, 2 * error):
        return None
    seen = f"mean loss {thirds[-1]:.4g} in the last third, {thirds[0]:.4g} in the first one: it is 1 throughout, which"
    return seen_as("stall", run.first_step, "failure", f"{seen} is what answering 0 costs on standardized targets")
