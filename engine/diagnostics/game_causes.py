"""Causes and fixes of runs whose loss need not fall: a policy whose reward collapses, a GAN that one side has won."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..events import Fix
from .causes import lr_rose
from .context import COMMON, SEEN, SET, Cause, Context
from .run_statistics import RunStatistics

RAN_AWAY = 1000.0
"""Times the first loss of an agent that its mean comes to where values have been learned from themselves."""

_SMALLER = Fix(
    title="make updates of the policy smaller: a lower lr, fewer epochs a batch, a narrower clip range", changes={}
)
_EXPLORE = Fix(title="keep the policy exploring: a larger entropy bonus, or a floor under its noise", changes={})
_KEEP_BEST = Fix(title="keep the checkpoint with the best reward, and go on from there", changes={})
_SLOW_TARGETS = Fix(title="slow the target network down; a lower lr, smaller rewards, a Huber loss", changes={})
_EVEN = Fix(title="train the discriminator less: a lower lr, fewer steps, noisy inputs, labels of 0.9", changes={})
_NO_SATURATION = Fix(title="a generator's loss whose gradient does not vanish: -log D, hinge or WGAN-GP", changes={})


@dataclass(frozen=True, kw_only=True, slots=True)
class GameEntry:
    """What a kind is called and explained by in such a run."""

    title: str
    causes: tuple[Callable[[Context], Iterator[Cause]], ...]
    fixes: tuple[Callable[[Context], Iterator[Fix]], ...]


def values_ran_away(context: Context) -> Iterator[Cause]:
    run = context.run
    if run.first > 0 and max(run.profile.means, default=0.0) > RAN_AWAY * run.first:
        reason = "values learned from their own estimates ran away: the loss has grown more than a thousand times"
        yield Cause(SEEN + 0.5, reason, fixes=(_SLOW_TARGETS,))


def update_too_large(context: Context) -> Iterator[Cause]:
    del context  # no metric that rows have shows it
    yield Cause(SET, "one update changed the policy too much: what it plays now is no longer what was learned from")


def stopped_exploring(context: Context) -> Iterator[Cause]:
    del context  # no metric that rows have shows it
    yield Cause(
        COMMON, "the policy stopped exploring: it always does the same, and gets no other rewards to learn from"
    )
    yield Cause(COMMON, "the estimate of values went wrong, or old experience was overwritten")


def recover_policy(context: Context) -> Iterator[Fix]:
    del context
    yield from (_KEEP_BEST, _SMALLER, _EXPLORE)


def discriminator_ahead(context: Context) -> Iterator[Cause]:
    del context  # rows have one loss, and nothing of either network
    yield Cause(SET, "the discriminator learns faster than the generator: a higher lr, more steps, a larger network")
    yield Cause(COMMON + 0.5, "the generator's loss saturates: log(1 - D) has no gradient where D is sure")
    yield Cause(COMMON, "real samples have a sign that made ones lack: their range, format, padding or noise")


def balance(context: Context) -> Iterator[Fix]:
    del context
    yield from (_EVEN, _NO_SATURATION)


_OF_REWARD = GameEntry(
    title="Collapse of the policy",
    causes=(values_ran_away, lr_rose, update_too_large, stopped_exploring),
    fixes=(recover_policy,),
)
_OF_DISCRIMINATOR = GameEntry(title="The discriminator has won", causes=(discriminator_ahead,), fixes=(balance,))


def game_entry(run: RunStatistics, kind: str) -> GameEntry | None:
    """None for what a run whose loss is to fall would be told too."""
    if run.has_rewards and kind == "divergence":
        return _OF_REWARD
    return _OF_DISCRIMINATOR if run.facts.is_of_discriminator and kind == "stall" else None
