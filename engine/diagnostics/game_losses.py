"""Rules of hindsight for losses that need not fall: those of two networks that play a game, and of an agent."""

from itertools import pairwise
from statistics import fmean, median

from .whole_log import Verdict, Whole, seen_as

REWARD_LOST = 0.75
"""Share of its gain that a reward has lost: it is noisy, and a policy that explores loses half of it now and then."""
STILL = 2e-3
"""Share of a policy's entropy by which it varies in rounds of a hundred updates of which none moves it."""
WON, MOST = 0.05, 0.75
"""A discriminator's loss in most of the run. Where neither side wins it is 2 ln 2 = 1.39, or 1/4 if squares are taken;
next to 0 is the first sign of failure in "How to train a GAN" (Chintala 2016): a perfect discriminator has no gradient
for the generator (Arjovsky and Bottou 2017)."""
UNREACHABLE = 1000.0
"""Times the square of the best reward. Values are sums of rewards, so that the squared error of a healthy one is of the
order of that square; discounts, scales and rewards by the step explain some hundred times."""


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
    if max(means[max(best - 1, 0)], means[best + 1]) - means[0] < gain / 2:
        return None  # one lucky episode
    seen = f"the mean reward is {end:.3g} at step {whole.run.step}, after {means[best]:.3g} at step {ends[best]}"
    return seen_as("divergence", ends[best], "failure", seen)


def unreachable(whole: Whole) -> Verdict | None:
    """An agent's loss is far beyond what any values of its states could differ by, and was not so at first.

    Bootstrapped values that chase themselves grow without bound (van Hasselt 2018, the deadly triad).
    """
    rewards, means = [abs(mean) for mean in whole.rewards.means], whole.means
    if not rewards or len(means) < 4:
        return None
    best = max(rewards)
    growth = best / max(rewards[0], best / 100) if best else 1.0
    top = max(range(len(means)), key=means.__getitem__)
    if means[top] < UNREACHABLE * max(best**2, 1, growth**2 * abs(whole.run.first)):
        return None
    seen = f"{whole.loss} {means[top]:.3g} at step {whole.ends[top]}, after {whole.run.first:.3g} at the start"
    seen += f": more than {UNREACHABLE:.0f} times the square of the best reward, {best:.3g}"
    return seen_as("divergence", whole.ends[top], "failure", seen)


def still_policy(whole: Whole) -> Verdict | None:
    """The policy is as random as it was at the start, and earns as much.

    An entropy alone may be held constant on purpose, as that of a normal distribution with a given width.
    """
    means = whole.rewards.means
    low, high = whole.entropies or (0.0, 0.0)
    if len(means) < 8 or not low or high - low > STILL * max(abs(low), abs(high)) or not whole.is_fresh:
        return None
    half = len(means) // 2
    noise = median(abs(after - before) for before, after in pairwise(means))
    if fmean(means[-half:]) - fmean(means[:half]) > noise:
        return None
    seen = f"the policy's entropy is {abs(high):.4g} throughout, and the mean reward {fmean(means[-half:]):.3g} in the"
    return seen_as(
        "stall", whole.run.first_step, "failure", f"{seen} last half, {fmean(means[:half]):.3g} in the first"
    )


def discriminator_won(whole: Whole) -> Verdict | None:
    """The discriminator has told all samples apart for most of the run; a critic's loss, which is below 0, is none."""
    means = whole.means
    if not (whole.run.facts.is_of_discriminator and whole.has_worked) or len(means) < 8 or min(means) < 0:
        return None
    low = sum(mean < WON for mean in means)
    if low < MOST * len(means):
        return None
    seen = f"the discriminator's loss is below {WON} in {low / len(means):.0%} of the run, {means[-1]:.2g} at its end"
    return seen_as("stall", whole.run.first_step, "failure", f"{seen}: the generator has nothing to learn from")
