"""The first row of a resumed log, where it is a mean over a window that was hardly filled."""

from collections.abc import Mapping, Sequence

from .record import Record, number
from .steps import Steps

_SHARE = 0.6
"""A first mean above this share of the second looks like any other row."""
_ALIKE = 0.15
"""Relative difference up to which two ratios are the same."""


def is_short_window(sample: Sequence[Record], shown: Mapping[str, str], steps: Steps) -> bool:
    """Whether the first row's loss and gradient norm are the same small share of the second row's, far from step 0.

    A trainer that divides the sum of a few steps by the length of a whole window shrinks every mean by the same factor;
    a loss that really rises does not take the norm with it by just as much.
    """
    wanted = [shown.get("loss", ""), shown.get("grad_norm", ""), steps.column or ""]
    rows: list[list[float]] = []
    for record in sample[:100]:
        cells = [value for name in wanted if (value := number(record.get(name))) is not None]
        if len(cells) == len(wanted):
            rows.append(cells)
        if len(rows) == 2:
            (loss, norm, step), (next_loss, next_norm, next_step) = rows
            is_late = step > 2 * (next_step - step) > 0
            if not (is_late and next_loss > 0 and next_norm > 0 and 0 < loss / next_loss < _SHARE):
                return False
            return abs(norm / next_norm - loss / next_loss) <= _ALIKE * loss / next_loss
    return False
