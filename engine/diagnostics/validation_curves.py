"""Rules of hindsight for the evaluations of a log of few rows: they part from the training loss, or swing."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from .whole_log import GAINED, EvaluatedRow, Verdict, Whole, seen_as

VAL_SWING, VAL_SWINGS = 3.0, 2
"""Times the last low that a val_loss climbs, having come down as far again in between, and how often."""
MOST_SWINGING = 20
"""Evaluations; among more there are bad ones by chance."""
MANY = 8
"""Evaluations since the best one in which a rise shows through their noise."""
STRETCH, STRETCHES = 6, 5
"""Evaluations of a stretch, or this part of all of them if that is more: two that are drawn at random lie wholly apart
once in 924 times."""
STEADY, LITTLE, DIP = 6, 0.015, 0.25
"""Evaluations, each above the one before, of which so small a share of the best one is rise enough; and the share of a
rise that evaluations may fall again in between."""
STRAYED, STRAYED_ROWS = 1.5, 3
"""Times the best val_loss that all later ones are, and how many of them."""
ANSWERS, CERTAIN, LEARNED = 8, 0.97, 0.5
"""Evaluations with the same accuracy; one above which little is left to change; and the share of the first training
loss below which there was learning."""
APART = 1.5
"""Times the first val_loss that the last one is, where there are but two rows."""
SHOWN, GAP = 1.5, 100.0
"""Times the training loss that a val_loss is, where one row with both is all there is, and it has nothing besides, not
even a step: a person put the two together to show how they differ. Of what a trainer wrote, dropout, another reduction
or a fine-tuning on little data explain ten times."""


def overfits(whole: Whole) -> Verdict | None:
    """Evaluations rise since the best one, by more than they dip in between, while the training loss goes on falling.

    Of many that rise without a break, as noise would have one in 720 orders of six do, a smaller rise is enough, and of
    the training loss that it has not risen; where a log has none, as of many boosted models, they show it alone.
    """
    evaluations = whole.evaluations
    if len(evaluations) == 1 and whole.run.rows == 1:
        return _gap(whole, evaluations[0]) if whole.epoch is None or whole.epoch > 1 else None
    if len(evaluations) == 2:
        return _apart(*evaluations)
    if len(evaluations) < 3:
        return None
    best = min(range(len(evaluations)), key=lambda place: evaluations[place].val_loss)
    since = evaluations[best:]
    lowest, last = evaluations[best], evaluations[-1]
    rise = last.val_loss - lowest.val_loss
    deepest = max((earlier.val_loss - later.val_loss for earlier, later in pairwise(since)), default=0.0)
    is_far = rise >= GAINED * abs(lowest.val_loss) and last.loss <= 0.9 * lowest.loss
    is_steady = len(since) > STEADY and deepest < 0 and rise >= LITTLE * abs(lowest.val_loss)
    is_straight = len(since) >= 3 and last.val_loss >= max(each.val_loss for each in since) and deepest <= DIP * rise
    if best >= MANY:  # its noise is known
        is_far = is_far and rise > _highest_climb(evaluations[: best + 1])
    is_steady = is_steady and (whole.is_only_val or _has_fallen([each.loss for each in since]))
    if not (is_straight and (is_far or is_steady)) and not (is_far and _is_lifted([each.val_loss for each in since])):
        return _risen_in_noise(evaluations)
    seen = f"val_loss {last.val_loss:.3g} after a best of {lowest.val_loss:.3g} at step {lowest.step}"
    fell = "" if whole.is_only_val else f", while the training loss went from {lowest.loss:.3g} to {last.loss:.3g}"
    return seen_as("overfitting", lowest.step, "warning", f"{seen}{fell}")


def _highest_climb(evaluations: Sequence[EvaluatedRow]) -> float:
    """From one to the next, as long as they went down: such a climb is noise."""
    return max(later.val_loss - earlier.val_loss for earlier, later in pairwise(evaluations))


def _is_lifted(values: Sequence[float]) -> bool:
    """Whether all of the second half are above all of the first, as one in 70 orders of eight would be by chance."""
    middle = len(values) // 2
    return len(values) >= MANY and min(values[middle:]) > max(values[:middle])


def _risen_in_noise(evaluations: Sequence[EvaluatedRow]) -> Verdict | None:
    """All of the last stretch lie above all of the lowest one, while the training loss went on falling.

    The best of many noisy evaluations is a lucky one, from which nothing can be measured; a stretch has no such luck.
    """
    size = max(STRETCH, len(evaluations) // STRETCHES)
    if len(evaluations) < 3 * size:
        return None
    stretches = [evaluations[start : start + size] for start in range(len(evaluations) - 2 * size + 1)]
    lowest, last = min(stretches, key=_mean_val), evaluations[-size:]
    before, after = _mean_val(lowest), _mean_val(last)
    trained, training = (fmean(each.loss for each in stretch) for stretch in (lowest, last))
    is_apart = min(each.val_loss for each in last) > max(each.val_loss for each in lowest)
    if not is_apart or after - before < GAINED * abs(before) or training > 0.9 * trained:
        return None
    seen = f"mean val_loss {after:.3g} in the last {size} evaluations, after {before:.3g} in those from step"
    seen += f" {lowest[0].step} on, while the training loss went from {trained:.3g} to {training:.3g}"
    return seen_as("overfitting", lowest[-1].step, "warning", seen)


def _mean_val(stretch: Sequence[EvaluatedRow]) -> float:
    return fmean(each.val_loss for each in stretch)


def strayed(whole: Whole) -> Verdict | None:
    """Neither loss has come back to where both were at the best evaluation, and val_loss is nowhere near it.

    A high first loss hides it from the rules that compare with all that was gained: a model that came trained falls
    from 0.8 to 0.1 within steps, and a lr that rises further takes it to 0.3, which is a third of the gain and all of
    its use. Where the training loss alone comes back it is overfitting.
    """
    evaluations = whole.evaluations
    if len(evaluations) <= STRAYED_ROWS:
        return None
    best = min(range(len(evaluations)), key=lambda place: evaluations[place].val_loss)
    lowest, since = evaluations[best], evaluations[best + 1 :]
    if len(since) < STRAYED_ROWS or lowest.val_loss <= 0:
        return None
    if any(each.val_loss < STRAYED * lowest.val_loss for each in since):
        return None
    trained = min((mean for mean, end in zip(whole.means, whole.ends, strict=True) if end <= lowest.step), default=None)
    later = [mean for mean, end in zip(whole.means, whole.ends, strict=True) if end > lowest.step]
    if trained is None or not later or min(later) < trained + GAINED * abs(trained):
        return None
    seen = f"val_loss {since[-1].val_loss:.3g} after {lowest.val_loss:.3g} at step {lowest.step}, and the training loss"
    seen += f" {later[-1]:.3g} after {trained:.3g}: in {len(since)} evaluations neither came back"
    return seen_as("divergence", lowest.step, "failure", seen)


def one_answer(whole: Whole) -> Verdict | None:
    """From the first evaluation to the last not one answer has changed: of a model that says the same of everything.

    It may be right of most, where most are of one class; then its training accuracy is no higher either. While a model
    learns, answers change sides in every epoch.
    """
    shares = [each.accuracy for each in whole.evaluations]
    share = shares[0] if shares else None
    if share is None or len(shares) < ANSWERS or len({*shares}) > 1 or not whole.is_fresh:
        return None
    is_measured_anew = whole.run.rows <= 2 * len(shares) and len({each.val_loss for each in whole.evaluations}) > 1
    has_learned = whole.means[-1] < LEARNED * whole.run.first or (whole.accuracy or 0) > share
    if not 0 < share < CERTAIN or not is_measured_anew or has_learned:
        return None
    seen = f"val_accuracy is {share:.4g} in all {len(shares)} evaluations from step {whole.evaluations[0].step} on"
    return seen_as("stall", whole.run.first_step, "warning", f"{seen}: the model gives the same answers as at first")


def _has_fallen(losses: Sequence[float]) -> bool:
    middle = len(losses) // 2
    return fmean(losses[middle:]) < fmean(losses[:middle])


def _apart(first: EvaluatedRow, last: EvaluatedRow) -> Verdict | None:
    """Two rows, such as those of the first and the last epoch: one loss fell by half and the other rose by half."""
    if not 0 < APART * first.val_loss < last.val_loss or not 0 < last.loss < first.loss / 2:
        return None
    seen = f"val_loss {last.val_loss:.3g} after {first.val_loss:.3g} at step {first.step}"
    fell = f"while the training loss fell from {first.loss:.3g} to {last.loss:.3g}"
    return seen_as("overfitting", first.step, "warning", f"{seen}, {fell}")


def _gap(whole: Whole, only: EvaluatedRow) -> Verdict | None:
    """Of a first epoch it is none: all data were new to it."""
    is_shown = whole.run.facts.rows_are_counted and whole.run.known == {"loss", "val_loss"}
    if not 0 < (SHOWN if is_shown else GAP) * only.loss < only.val_loss:
        return None
    seen = f"val_loss {only.val_loss:.3g} beside a training loss of {only.loss:.3g}; whether the gap grows is not shown"
    return seen_as("overfitting", only.step, "warning", seen)


def val_swings(whole: Whole) -> Verdict | None:
    """In few evaluations val_loss climbs from a low to where it began, comes down as far, and climbs again."""
    low, high, climbs, is_up = math.inf, 0.0, 0, False
    for evaluation in whole.evaluations:
        value = evaluation.val_loss
        if value <= 0:
            return None
        low, high = min(low, value), max(high, value)
        if not is_up and value >= VAL_SWING * low:
            climbs, is_up, high = climbs + 1, True, value
        elif is_up and value <= high / VAL_SWING:
            is_up, low = False, value
    if climbs < VAL_SWINGS or len(whole.evaluations) > MOST_SWINGING or high < whole.evaluations[0].val_loss / 2:
        return None
    worst, best = (choose(each.val_loss for each in whole.evaluations) for choose in (max, min))
    seen = f"val_loss climbs to {VAL_SWING:g} times its last low and comes back, {climbs} times in"
    seen += f" {len(whole.evaluations)} evaluations, between {best:.3g} and {worst:.3g}"
    return seen_as("oscillation", whole.evaluations[0].step, "warning", seen)
