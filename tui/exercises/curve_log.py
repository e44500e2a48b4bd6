"""A run as a log that a person reads: a few lines, each the mean loss since the one before, and the rate if wanted."""

import math

import numpy as np

from ..formatting import setting
from ..view.run_view import RunView

_LINES = 20


def curve_log(view: RunView, *, rates: bool) -> list[str]:
    every = max(view.steps // _LINES, 1)
    steps, loss, lr = view.curves["step"], view.curves["loss"], view.curves["lr"]
    lines = [f"{'step':>5}  {'loss':>6}" + ("  lr" if rates else "")]
    for step in range(every, view.step + 1, every):
        inside = (steps > step - every) & (steps <= step)
        known = loss[inside][np.isfinite(loss[inside])]
        mean = float(np.mean(known)) if len(known) else math.nan
        rate = f"  {setting(float(lr[inside][-1]), 3)}" if rates and inside.any() else ""
        lines.append(f"{step:>5}  {mean:>6.3f}{rate}")
    return lines
