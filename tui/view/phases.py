"""The phases of training, recognised from the loss curve's own slope: steep, then slower, then nearly flat.

A phase ends where the smoothed loss falls at a small share of the rate at which it once fell fastest. Slopes are taken
between steps that grow by a constant factor, so that noise averages out in a long run and the work stays small. The
steps are the same ones whatever the length of the run: a boundary does not move as the run goes on.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plots.series import Floats, Table, median

_SPAN = 30
_FIRST_ROW = 12
_FACTOR = 1.15
_LEARNED = 0.05
"""Share of the first loss that must be gone before a run is said to learn at all."""
_LOST = 0.1
"""Share of the fall that, when lost again, makes a flat curve no progress."""
_SURE = 4.0
"""Standard deviations of the smoothed loss by which a fall must exceed the noise, to count as the steepest."""
_NOISE_ROWS = 500
_CONFIRMED = 2
"""Slopes in a row that must be small."""
_ENDS = (("memorization", 1 / 8), ("generalization", 1 / 50), ("refinement", 0.0))
"""The phases, and the share of the steepest slope below which each is over."""


class Phase(NamedTuple):
    name: str
    step: float
    """Where it began."""


def training_phases(curves: Table) -> tuple[Phase, ...]:
    """The phases so far; none before the loss has begun to fall."""
    rows = _rows(len(curves))
    loss = curves.smoothed("loss", _SPAN)[rows]
    rows, loss = rows[np.isfinite(loss)], loss[np.isfinite(loss)]
    steps = curves["step"][rows]
    if len(steps) < 3 or loss.min() > loss[0] * (1 - _LEARNED):
        return ()
    noise = _noise(curves["loss"][:_NOISE_ROWS]) / np.sqrt(np.minimum(rows[:-1] + 1, 2 * _SPAN))
    phases = [Phase(_ENDS[0][0], float(curves["step"][0]))]
    for (_, share), (name, _) in pairwise(_ENDS):
        began = _flattening(steps, loss, noise, share, phases[-1].step)
        if began is None:
            break
        phases.append(Phase(name, began))
    return tuple(phases)


def _noise(loss: Floats) -> float:
    """The standard deviation of a single loss around its course, from the jumps between neighbours."""
    jumps = np.abs(np.diff(loss[np.isfinite(loss)]))
    return median(jumps) if len(jumps) else 0.0


def _rows(length: int) -> NDArray[np.int_]:
    """Row 0, and rows that grow by a factor."""
    rows, row = [0] if length else [], float(_FIRST_ROW)
    while row < length:
        rows.append(int(row))
        row *= _FACTOR
    return np.array(rows, int)


def _flattening(steps: Floats, loss: Floats, noise: Floats, share: float, after: float) -> float | None:
    """The first step from which the slope stays below a share of the steepest before it."""
    falls = -np.diff(loss)
    slopes = falls / np.diff(steps)
    steepest = np.maximum.accumulate(np.where(falls > _SURE * noise, slopes, 0.0))
    best = np.minimum.accumulate(loss)[1:]
    progressing = loss[1:] <= best + _LOST * (loss[0] - best)
    learned = best < loss[0] * (1 - _LEARNED)
    flat = (steepest > 0) & (slopes < share * steepest) & progressing & learned & (steps[1:] > after)
    for i in range(len(flat) - _CONFIRMED + 1):
        if flat[i : i + _CONFIRMED].all():
            return float(steps[1:][i])
    return None
