"""Causes and fixes of a resume that lost something."""

from collections.abc import Iterator
from itertools import pairwise

from ..events import Fix
from .context import COMMON, SEEN, SET, Cause, Context

CHANGED = 1.5
"""Times by which the lr differs where its schedule did not go on, though the steps went back along it."""
LEAPT = 1.02
"""The same from one row to the next."""
_LOAD = Fix(title="save the optimizer's state, the schedule's and the step with the weights, and load them", changes={})
_WARM_UP = Fix(title="where the state is lost, warm up again over some hundred steps from a low lr", changes={})
_DATA = Fix(title="keep the batch size, and go on in the data where the checkpoint was saved", changes={})


def schedule_restarted(context: Context) -> Iterator[Cause]:
    lrs = [(row.step, row.values["lr"]) for row in context.recent if row.values.get("lr", 0.0) > 0]
    here = [(before, old, new) for (before, old), (step, new) in pairwise(lrs) if step == context.onset]
    for before, old, new in here[-1:]:
        if max(old, new) <= (LEAPT if before < context.onset else CHANGED) * min(old, new):
            return
        yield Cause(SEEN, f"the schedule of the lr did not go on: it was {old:.3g}, and {new:.3g} after the resume")


def state_lost(context: Context) -> Iterator[Cause]:
    del context  # no metric shows it
    yield Cause(SET, "the optimizer's state was not restored: its first steps are taken without moments")
    yield Cause(COMMON, "the batch size or the accumulation is another after the resume")
    yield Cause(COMMON, "the data began anew or in another order")


def restore_all(context: Context) -> Iterator[Fix]:
    del context
    yield from (_LOAD, _WARM_UP, _DATA)
