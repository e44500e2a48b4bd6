"""The mean of an epoch below the values of its batches, under the same name: one series is read, and not two in one."""

import math
from collections.abc import Collection, Mapping

from .names import meaning
from .record import Cell, number

_ROWS = 2
"""Batches of one epoch with a value make a series; after one, the two lines may be about the same."""


class EpochMeans:
    """A line without a batch, behind lines that each state one, has values of the whole epoch.

    It says so by its epoch, or by what was measured on held-out data at its end.

    The mean of an epoch is above the batches at its end as long as the loss falls, so a step up would stand at every
    end of an epoch. The batches are the series: they have more rows, and the mean tells nothing that is not in them.
    A mean that is no number is kept: a batch that was not printed was none either.
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        """Lines of batches since the last mean, by the name of a loss or an accuracy."""

    def apart(self, entry: Mapping[str, Cell], own_place: Collection[str]) -> Mapping[str, Cell]:
        """The entry with its means under names of their own; `own_place` is what stands in the line itself."""
        canonicals = {name: what.canonical for name in entry if (what := meaning(name))}
        measured = [name for name, canonical in canonicals.items() if canonical in ("loss", "accuracy")]
        if "batch" in own_place or "step" in own_place:
            for name in measured:
                self._rows[name] = self._rows.get(name, 0) + 1
            return entry
        if "epoch" not in own_place and not {"val_loss", "val_accuracy"} & {*canonicals.values()}:
            return entry
        means = {name for name in measured if self._rows.get(name, 0) >= _ROWS and _is_finite(entry[name])}
        for name in means:
            self._rows[name] = 0
        return {f"epoch mean {name}" if name in means else name: cell for name, cell in entry.items()}


def _is_finite(cell: Cell) -> bool:
    value = number(cell)
    return value is not None and math.isfinite(value)
