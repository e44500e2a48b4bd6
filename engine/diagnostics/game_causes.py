"""Causes and fixes of a policy whose reward collapses."""

from collections.abc import Iterator

from ..events import Fix
from .context import COMMON, SEEN, SET, Cause, Context

POLICY_COLLAPSED = "Collapse of the policy"
"""The title of what is a divergence where the reward takes the place of the loss."""
_SMALLER = Fix(
    title="make updates of the policy smaller: a lower lr, fewer epochs a batch, a narrower clip range", changes={}
)
_EXPLORE = Fix(title="keep the policy exploring: a larger entropy bonus, or a floor under its noise", changes={})
_KEEP_BEST = Fix(title="keep the checkpoint with the best reward, and go on from there", changes={})


def update_too_large(context: Context) -> Iterator[Cause]:
    if rise := context.rise_of_lr:
        yield Cause(SEEN, f"the learning rate rose: from {rise[0]:.3g} to {rise[1]:.3g} just before")
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


POLICY_CAUSES = (update_too_large, stopped_exploring)
