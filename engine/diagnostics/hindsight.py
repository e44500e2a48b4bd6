"""What a complete log shows when its whole curve is looked at: its end is the run's length, so few rows can be enough.

The detectors judge row by row and must wait until noise is known. Here the curve stands still: at most 31 means of
equal blocks of rows, which are the rows themselves in a short log. These rules are asked only where no detector raised
an alarm, and in the order of RULES.
"""

from collections.abc import Callable

from .flat_curves import (
    constant,
    creeping,
    creeping_in_noise,
    decayed_early,
    unmoved,
    unmoved_evaluations,
    zero,
)
from .game_losses import collapsed, discriminator_won, still_policy, unreachable
from .guess_levels import guessing, relapsing, still_guessing, variance, worse_than_guessing
from .moving_curves import blown_up, diverged, leapt, lifted, never_better, rising, swings, zigzags
from .number_limits import boundless, overflowing, saturated, skipping
from .validation_curves import one_answer, overfits, strayed, val_swings
from .whole_log import Verdict, Whole

RULES: tuple[Callable[[Whole], Verdict | None], ...] = (
    zero, boundless, overflowing, diverged, rising, lifted, leapt, blown_up,
    saturated, guessing, still_guessing, worse_than_guessing, constant, unmoved, unmoved_evaluations, variance,
    creeping, creeping_in_noise, decayed_early, strayed, overfits, one_answer, swings, zigzags, relapsing, val_swings,
    skipping, never_better,
)  # fmt: skip


def verdict(whole: Whole) -> Verdict | None:
    """The first that holds."""
    if whole.run.has_rewards:
        return collapsed(whole) or unreachable(whole) or still_policy(whole)
    if whole.run.facts.is_adversarial:
        return zero(whole) or discriminator_won(whole)
    if len(whole.means) < 2:
        return overfits(whole) or boundless(whole) or saturated(whole)
    return next((found for rule in RULES if (found := rule(whole))), None)
