"""Causes that lie in the data: too little of it, targets that nothing predicts, a batch unlike the others."""

import math
from collections.abc import Iterator
from statistics import median

from ..events import Fix
from .chance_loss import named
from .context import COMMON, SEEN, SET, Cause, Context
from .fixes import clip

RIGHT_ORDER = Fix(title="the right order: look whether each target is what follows its input", changes={})
USUAL_ROWS = 10
"""Rows before the onset that tell what is usual."""


def broken_batch(context: Context) -> Iterator[Cause]:
    """Loss and gradient leap in the same step, and all was as usual until then: the weights cannot be the reason."""
    rows = [row.values for row in context.recent if row.step < context.onset][-USUAL_ROWS:]
    here = next((row.values for row in context.recent if row.step >= context.onset), None)
    if context.is_foreign or here is None or len(rows) < USUAL_ROWS:
        return
    leaps = []
    for name, times in (("loss", 1.5), ("grad_norm", 5.0)):
        usual = [values[name] for values in rows if name in values]
        value = here.get(name, math.nan)
        if len(usual) < USUAL_ROWS or not usual[-1] <= max(usual[:-1]) or not value > times * max(usual):
            return
        leaps.append(f"{name} {value:.3g}, usually {median(usual):.3g}")
    check = Fix(title=f"look at the data of step {context.onset}, and leave that batch out", changes={})
    yield Cause(SEEN + 0.8, f"one bad batch: {'; '.join(leaps)}", fixes=(*clip(context), check))


def unpredictable_targets(context: Context) -> Iterator[Cause]:
    level = context.run.level.mean
    if guess := named(level):
        yield Cause(SET + 0.2, f"targets that cannot be predicted: the loss is at {guess}")
    elif context.run.chance and 0.5 < level / context.run.chance < 0.7:
        reason = f"at {level:.3g} it knows how often each value comes and no more"
        yield Cause(SET - 0.2, f"inputs and targets do not belong together: {reason}", fixes=(RIGHT_ORDER,))


def little_data(context: Context) -> Iterator[Cause]:
    epochs = context.epochs
    if epochs is not None and epochs > 2:
        yield Cause(SEEN, f"too little text for this model: all of it has been seen {epochs:.0f} times")
    else:
        yield Cause(COMMON + 0.5, "too little data for this model: it learns it by heart")
