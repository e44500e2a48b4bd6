"""What a complete log shows when its whole curve is looked at: its end is the run's length, so few rows can be enough.

The detectors judge row by row and must wait until noise is known. Here the curve stands still: at most 31 means of
equal blocks of rows, which are the rows themselves in a short log. These rules are asked only where no detector raised
an alarm, and in the order of RULES.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, median

from .chance_loss import guessed_among
from .detector import Detection, Severity
from .whole_log import ALONE, CONFIRMED, EvaluatedRow, Whole

FLAT = 0.015
"""Share of the level by which its second half is lower at most, at a level of guessing."""
CONSTANT = 0.005
"""The same for all rows of a run that begins here, at any level: noise of batches alone is larger while one learns."""
IDENTICAL, IDENTICAL_ROWS = 1e-4, 8
"""The same where there was no time to learn: so many batches have the same loss only where no weight moves."""
GUESSING_NOISE = 0.02
"""Share of the level: a model that guesses finds every batch equally hard."""
STILL_GUESSING = 0.9
"""Share of the loss of guessing."""
NOWHERE = 0.85
"""Share of the loss of guessing above which a run would end that goes on for as long again."""
STRAIGHT_LEVEL = 0.8
"""Share of the loss of guessing above which a straight fall is a slow one: the steep part has not begun."""
BENT = 0.2
"""Share by which the fall of the first and the last third of a straight line differ at most."""
DECAYED = 0.6
"""Share of the run after which a schedule may have ended: cosine and linear ones come to 1% of the peak after 90%."""
MORE_TO_LEARN = 0.3
"""Share of the first loss above which there was more to learn."""
LOST = 0.5
"""Share of the gain whose loss is divergence, where the gain was worth it (`GAINED`, a share of the first loss)."""
REWARD_LOST = 0.75
"""The same of a reward, which is noisier: a policy that explores loses half of it now and then."""
GAINED = 0.1
WORSE = 0.3
"""Share of the first loss above it, where nothing worth it had been gained."""
RISING = 5
"""Rows, each above the one before, after which a rise is no noise."""
LEAP = 8.0
"""Times the largest move before: no noise of few rows does that."""
SWING = 0.05
"""Share of the level that every move of a swinging snippet exceeds."""
ALIKE = 2.0
"""Times the smallest of such moves that the largest is at most: those of noise are not alike."""
GAP = 1.5
"""Times the training loss, where one line with both is all there is."""


Verdict = tuple[str, Detection]
"""A kind of finding, and what was seen."""


def zero(whole: Whole) -> Verdict | None:
    """A loss of exactly 0 from the first row on, or all at once: no target counts, or half precision lost it."""
    run, means = whole.run, whole.means
    start = len(means)
    while start > 0 and means[start - 1] == 0:
        start -= 1
    if len(means) - start < 3:
        return None
    if start == 0:
        return _verdict("stall", run.first_step, "failure", f"the loss is exactly 0 in all {run.rows} rows")
    before = means[start - 1]
    if before < GAINED * run.first:
        return None  # learned by heart
    seen = (
        f"the loss is exactly 0 from step {whole.ends[start]} on, and was {before:.3g} at step {whole.ends[start - 1]}"
    )
    return _verdict("stall", whole.ends[start], "failure", seen)


def guessing(whole: Whole) -> Verdict | None:
    """The level is at that of guessing now, after enough work, and hardly moves."""
    if not whole.has_worked:
        return None
    before, last = whole.halves
    size = whole.guessing_among
    is_alike = whole.accuracy is not None or whole.run.level.noise <= GUESSING_NOISE * last
    if size is None or not is_alike or whole.run.is_part or abs(before - last) > FLAT * last:
        return None
    seen = f"loss {last:.4g} at step {whole.run.step} is ln {size} = {math.log(size):.4g}, guessing among {size:,}"
    return _verdict("stall", whole.run.first_step, "failure", f"{seen}: nothing was learned in {whole.run.rows} rows")


def constant(whole: Whole) -> Verdict | None:
    """From its beginning to its end the run has not moved."""
    run = whole.run
    spread = max(whole.means) - min(whole.means)
    is_identical = run.rows >= IDENTICAL_ROWS and spread <= IDENTICAL * abs(run.first)
    if not (whole.has_worked or is_identical) or not run.is_fresh or (run.lr_is_spent and run.top_lr > 0):
        return None
    if spread > CONSTANT * abs(run.first) or not run.first:
        return None
    _, last = whole.halves
    seen = f"loss {last:.4g} after {whole.run.first:.4g} at the start: it has not moved in {whole.run.rows} rows"
    return _verdict("stall", whole.run.first_step, "failure", seen)


def creeping(whole: Whole) -> Verdict | None:
    """A run that began by guessing would nearly guess still if it went on as it did for as long again."""
    run, means = whole.run, whole.means
    if not whole.has_worked or not run.is_fresh:
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
    seen = f"loss {last:.4g} after {start:.4g} at the start; in as many steps again it would be {forecast:.3g}"
    seen += f", and guessing among {size:,} costs {math.log(size):.3g}"
    return _verdict("slow", run.first_step, "warning", seen)


def _is_straight(means: Sequence[float]) -> bool:
    """Whether the last third brought as much as the first one: a curve that has begun to learn bends."""
    third = len(means) // 3
    if third < 2:
        return False
    first, last = means[0] - means[third], means[-third - 1] - means[-1]
    return first > 0 and abs(last - first) < BENT * first


def decayed_early(whole: Whole) -> Verdict | None:
    """The lr was next to 0 for much of the run, and the loss stayed where it was."""
    run = whole.run
    since = run.spent_since
    if since is None or not run.is_fresh or len(whole.means) < 8:
        return None
    length = (run.facts.steps or run.step) - run.first_step
    if since - run.first_step > DECAYED * length or run.level.mean < MORE_TO_LEARN * abs(run.first):
        return None
    after = [mean for mean, end in zip(whole.means, whole.ends, strict=True) if end > since]
    middle = len(after) // 2
    if middle < 1 or fmean(after[:middle]) - fmean(after[-middle:]) > GAINED * (run.first - run.best):
        return None
    seen = f"the lr is below 1% of its highest since step {since} of {run.step}, and the loss has stayed at "
    return _verdict("stall", since, "warning", f"{seen}{run.level.mean:.3g}")


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
    if above < enough or best > len(means) - 3 or means[-1] < line + 0.7 * (max(means[best:]) - line):
        return None
    seen = f"loss {means[-1]:.3g} at step {run.step}, after a lowest mean of {means[best]:.3g} at step"
    return _verdict("divergence", whole.ends[-above], "failure", f"{seen} {whole.ends[best]}")


def rising(whole: Whole) -> Verdict | None:
    """Every row of the last ones is above the one before, to far above all that was before; one order in 120."""
    means = whole.means
    start = len(means) - 1
    while start > 0 and means[start - 1] < means[start]:
        start -= 1
    if len(means) - start < RISING or means[-1] < means[start] + max(max(means[: start + 1]), abs(means[start])):
        return None
    seen = f"loss {means[-1]:.3g} at step {whole.run.step}, and higher in every row since {means[start]:.3g} at step"
    return _verdict("divergence", whole.ends[start], "failure", f"{seen} {whole.ends[start]}")


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
    kind = "divergence" if top == len(means) - 1 or min(means[top:]) > means[0] else "spike"
    seen = f"loss {means[top]:.3g} at step {whole.ends[top]}, and {means[top - 1]:.3g} in the row before"
    return _verdict(kind, whole.ends[top], "failure" if kind == "divergence" else "warning", seen)


def collapsed(whole: Whole) -> Verdict | None:
    """The reward has lost most of what was gained, which matters more than a policy's loss."""
    means, ends = whole.rewards.means, whole.rewards.ends
    if len(means) < 8:
        return None
    best = max(range(len(means)), key=means.__getitem__)
    gain = means[best] - means[0]
    noise = median(abs(after - before) for before, after in pairwise(means))
    end = fmean(means[-max(len(means) // 8, 2) :])
    if gain <= 3 * noise or end > means[best] - max(REWARD_LOST * gain, 3 * noise) or best > len(means) - 4:
        return None
    seen = f"the reward is {end:.3g} at step {whole.run.step}, after {means[best]:.3g} at step {ends[best]}"
    return _verdict("divergence", ends[best], "failure", seen)


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
    return _verdict("oscillation", whole.run.first_step, "warning", seen)


def overfits(whole: Whole) -> Verdict | None:
    """Every evaluation since the best is above it, the last highest, and the training loss went on falling."""
    evaluations = whole.evaluations
    if len(evaluations) == 1 and whole.run.rows == 1:
        return _gap(evaluations[0])
    if len(evaluations) < 3:
        return None
    best = min(range(len(evaluations)), key=lambda place: evaluations[place].val_loss)
    after = evaluations[best + 1 :]
    lowest, last = evaluations[best], evaluations[-1]
    if len(after) < 2 or any(later.val_loss <= earlier.val_loss for earlier, later in pairwise(evaluations[best:])):
        return None
    if last.val_loss - lowest.val_loss < GAINED * abs(lowest.val_loss) or last.loss > 0.9 * lowest.loss:
        return None
    seen = f"val_loss {last.val_loss:.3g} after a best of {lowest.val_loss:.3g} at step {lowest.step}"
    fell = f"while the training loss fell from {lowest.loss:.3g} to {last.loss:.3g}"
    return _verdict("overfitting", lowest.step, "warning", f"{seen}, {fell}")


def _gap(only: EvaluatedRow) -> Verdict | None:
    if not 0 < GAP * only.loss < only.val_loss:
        return None
    seen = f"val_loss {only.val_loss:.3g} beside a training loss of {only.loss:.3g}; whether the gap grows is not shown"
    return _verdict("overfitting", only.step, "warning", seen)


def _verdict(kind: str, onset: int, severity: Severity, evidence: str) -> Verdict:
    return kind, Detection(onset=onset, severity=severity, evidence=evidence)


RULES: tuple[Callable[[Whole], Verdict | None], ...] = (
    zero, collapsed, diverged, rising, leapt, guessing, constant, creeping, decayed_early, overfits, swings,
)  # fmt: skip


def verdict(whole: Whole) -> Verdict | None:
    """The first that holds."""
    if whole.run.has_rewards:
        return collapsed(whole)
    if whole.run.facts.is_adversarial or not whole.means:
        return None
    if len(whole.means) < 2:
        return overfits(whole)
    return next((found for rule in RULES if (found := rule(whole))), None)
