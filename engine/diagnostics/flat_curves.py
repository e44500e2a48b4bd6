"""Rules of hindsight for a curve that is flat: hardly moves, creeps, or is exactly 0."""

import math
from collections.abc import Sequence
from statistics import fmean

from .chance_loss import guessed_among
from .guess_levels import GUESSING_NOISE
from .whole_log import ALONE, CONFIRMED, GAINED, WORK_STEPS, Verdict, Whole, seen_as

CONSTANT = 0.005
"""Share of the level by which rows of a run that begins here differ at most, at any level: noise of batches alone is
larger while one learns."""
IDENTICAL, IDENTICAL_ROWS = 1e-4, 8
"""The same where there was no time to learn: so many batches have the same loss only where no weight moves."""
UNMOVED_ROWS = 4
"""Epochs with one and the same loss after which nothing moves: means over an epoch differ while weights do."""
UNMOVED_EVALUATIONS = 3
STILL_GUESSING = 0.9
"""Share of the loss of guessing."""
NOWHERE = 0.85
"""Share of the loss of guessing above which a run would end that goes on for as long again."""
STRAIGHT_LEVEL = 0.8
"""Share of the loss of guessing above which a straight fall is a slow one: the steep part has not begun."""
BENT = 0.2
"""Share by which the fall of the first and the last third of a straight line differ at most."""
STRAIGHT_ROWS = 100
"""Rows in which a bend shows through noise."""
BEND = 0.1
"""Share of its fall by which the middle of a straight curve lies off the line from its first to its last quarter at
most; that of a power law lies 0.2 to 0.4 below."""
BEYOND_DOUBT = 11.0
"""Standard errors of the mean of a quarter that a fall must have: by less, bent curves look straight."""
LITTLE, CREPT = 0.03, 0.15
"""Shares of the first level: a smaller straight fall is that of a trained model that goes on, a larger is not slow."""
SURPRISE = 4.0
"""Deviations by which a first row alone may be above the curve."""
FEEBLE_LR = 3e-6
"""An lr at which Adam takes hundreds of thousands of steps to move a weight by one."""
EXPLAINED = 0.2, 6.0, 0.0
"""BEND, BEYOND_DOUBT and LITTLE under such an lr, which explains a curve that would else be none of this kind."""
DECAYED = 0.6
"""Share of the run after which a schedule may have ended: cosine and linear ones come to 1% of the peak after 90%."""
MORE_TO_LEARN = 0.3
"""Share of the first loss above which there was more to learn."""


def zero(whole: Whole) -> Verdict | None:
    """A loss of exactly 0 from the first row on, or all at once: no target counts, or half precision lost it."""
    run, means = whole.run, whole.means
    start = len(means)
    while start > 0 and means[start - 1] == 0:
        start -= 1
    if len(means) - start < 3:
        return None
    if start == 0:
        seen = f"the loss is exactly 0 in all rows from step {run.first_step} to step {whole.ends[-1]}"
        return seen_as("stall", run.first_step, "failure", seen)
    before = means[start - 1]
    if before < GAINED * run.first:
        return None  # learned by heart
    seen = f"the loss is exactly 0 from step {whole.ends[start]} on"
    seen += f"; {whole.loss} {before:.3g} at step {whole.ends[start - 1]}"
    return seen_as("stall", whole.ends[start], "failure", seen)


def constant(whole: Whole) -> Verdict | None:
    """From its beginning to its end the run has not moved."""
    run = whole.run
    spread = max(whole.means) - min(whole.means)
    is_identical = run.rows >= IDENTICAL_ROWS and spread <= IDENTICAL * abs(run.first)
    if not (whole.has_worked or is_identical) or not whole.is_fresh or (run.lr.is_spent and run.lr.top > 0):
        return None
    if spread > CONSTANT * abs(run.first) or not run.first:
        return None
    _, last = whole.halves
    seen = f"mean loss {last:.4g} in the last half, after {whole.run.first:.4g} at the start"
    seen += f": it has not moved in {whole.run.rows} rows"
    return seen_as("stall", whole.run.first_step, "failure", seen)


def unmoved(whole: Whole) -> Verdict | None:
    """The last rows have the same loss, and nothing worth its name was gained before them.

    Epochs to the last digit that was printed; rows of batches, which differ by far more than epochs, nearly so over
    enough steps, and not to the last digit: a progress bar repeats what it shows. At the loss of guessing, where a
    network comes to rest whose outputs are all alike, some rows are enough.
    """
    run, means = whole.run, whole.means
    last = means[-1]
    if run.profile.size > 1 or not last or (run.lr.is_spent and run.lr.top > 0):
        return None
    by_epoch = run.facts.rows_are_epochs
    start = len(means) - 1
    while start > 0 and abs(means[start - 1] - last) <= (0 if by_epoch else IDENTICAL * abs(last)):
        start -= 1
    alike = means[start:]
    is_enough = len(alike) >= UNMOVED_ROWS and (
        by_epoch
        or (len({*alike}) > 1 and run.step - _begun(whole, start) >= WORK_STEPS)
        or (len(alike) >= IDENTICAL_ROWS and guessed_among(last, None, IDENTICAL) is not None)
    )
    if not is_enough or abs(run.first - last) > GAINED * abs(run.first):
        return None
    seen = f"loss {last:.4g} in the last {len(alike)} rows, after {run.first:.4g} in the first one"
    return seen_as("stall", _begun(whole, start), "failure", seen)


def _begun(whole: Whole, row: int) -> int:
    return whole.ends[row] if row else whole.run.first_step


def unmoved_evaluations(whole: Whole) -> Verdict | None:
    """All evaluations from the first one on have the same loss: on the same data that is the same model.

    Of rows of batches there are several to an evaluation, and the training loss does not fall either: else the column
    repeats an evaluation that was made once.
    """
    run, values = whole.run, [evaluation.val_loss for evaluation in whole.evaluations]
    if len(values) < UNMOVED_EVALUATIONS or not values[0] or (run.lr.is_spent and run.lr.top > 0):
        return None
    is_measured_anew = run.facts.rows_are_epochs or run.rows >= 2 * len(values)
    before, last = whole.halves
    is_falling = before - last > max(LITTLE * abs(before), 4 * run.level.noise / math.sqrt(run.rows))
    if (
        is_falling
        or not (is_measured_anew and whole.is_fresh)
        or max(values) - min(values) > IDENTICAL * abs(values[0])
    ):
        return None
    seen = f"val_loss is {values[-1]:.4g} in all {len(values)} evaluations from step {whole.evaluations[0].step} on"
    return seen_as("stall", run.first_step, "failure", f"{seen}: the weights do not move")


def creeping(whole: Whole) -> Verdict | None:
    """A run that began by guessing would nearly guess still if it went on as it did for as long again."""
    run, means = whole.run, whole.means
    if not whole.has_worked or not whole.is_fresh:
        return None
    start = means[0]
    size = guessed_among(start, None, CONFIRMED if whole.accuracy is not None else ALONE)
    if size is None or (whole.accuracy is None and run.level.noise > GUESSING_NOISE * start):
        return None
    before, last = whole.halves
    forecast = means[-1] - 2 * (before - last)
    guess = math.log(size)
    is_nowhere = last > STILL_GUESSING * guess and NOWHERE * guess < forecast < guess
    if not is_nowhere and not (means[-1] > STRAIGHT_LEVEL * guess and _is_straight(means)):
        return None
    seen = f"mean loss {last:.4g} in the last half, after {start:.4g} at the start"
    seen += f"; in as many steps again it would be {forecast:.3g}"
    seen += f", and guessing among {size:,} costs {math.log(size):.3g}"
    return seen_as("slow", run.first_step, "warning", seen)


def _is_straight(means: Sequence[float]) -> bool:
    """Whether the last third brought as much as the first one: a curve that has begun to learn bends."""
    third = len(means) // 3
    if third < 2:
        return False
    first, last = means[0] - means[third], means[-third - 1] - means[-1]
    return first > 0 and abs(last - first) < BENT * first


def creeping_in_noise(whole: Whole) -> Verdict | None:
    """A noisy loss has fallen to the end in a line that is straight beyond doubt, and by little.

    Learning curves are power laws, which bend. A trained model that goes on learning falls in a straight line too, but
    by less, unless its lr is next to nothing.
    """
    run = whole.run
    if not run.is_fresh or run.rows < STRAIGHT_ROWS or not (run.lr.now is None or run.lr.is_up):
        return None
    (first, rows), (second, _), (third, _), (last, _) = (
        run.profile.over(place / 4, (place + 1) / 4) for place in range(4)
    )
    fall, error = (first - last) * 4 / 3, run.level.noise * math.sqrt(2 / rows)
    bend = abs(first + last - second - third) / 2
    if run.first - last > CREPT * first + SURPRISE * run.level.noise:
        return None
    is_feeble = run.lr.now is not None and run.lr.top <= FEEBLE_LR
    most, beyond_doubt, least = EXPLAINED if is_feeble else (BEND, BEYOND_DOUBT, LITTLE)
    if bend > most * fall or not max(beyond_doubt * error, least * first) < fall < CREPT * first:
        return None
    seen = f"the mean loss fell from {first:.4g} to {last:.4g} over {run.rows} rows, in a straight line"
    return seen_as("slow", run.first_step, "warning", f"{seen}: a run that learns falls faster at first than later")


def decayed_early(whole: Whole) -> Verdict | None:
    """The lr was next to 0 for much of the run, and the loss stayed where it was."""
    run = whole.run
    since = run.lr.spent_since
    if since is None or not run.is_fresh or len(whole.means) < 8:
        return None
    length = (run.facts.steps or run.step) - run.first_step
    if since - run.first_step > DECAYED * length or run.level.mean < MORE_TO_LEARN * abs(run.first):
        return None
    after = [mean for mean, end in zip(whole.means, whole.ends, strict=True) if end > since]
    middle = len(after) // 2
    if middle < 1 or fmean(after[:middle]) - fmean(after[-middle:]) > GAINED * (run.first - run.best):
        return None
    seen = f"the lr is at most 1% of its highest since step {since} of {run.step}, and the loss has stayed at "
    return seen_as("stall", since, "warning", f"{seen}{run.level.mean:.3g}")
