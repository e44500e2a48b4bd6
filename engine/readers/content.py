"""What the columns of a log hold, by a survey of its entries."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import numpy as np

from .block import Floats64
from .record import RESUMED, RUN, WRITTEN, Record, number

_ROWS_OF_A_RUN = 5
"""Rows for each time that a counter begins anew, at least; integers that go up and down at random turn sooner."""


@dataclass
class Content:
    """What a column holds, as far as the survey went."""

    finite: int = 0
    nans: int = 0
    """NaN only; infinity is a measured value."""
    infinite: int = 0
    returns: int = 0
    """Times that a number came after NaN."""
    zeros: int = 0
    low: float = math.inf
    high: float = -math.inf
    integers: int = 0
    texts: int = 0
    rises: int = 0
    falls: int = 0
    first: float = math.nan
    """The first finite value."""
    _was_nan: bool = False
    _last: float = math.nan

    @property
    def values(self) -> int:
        return self.finite + self.nans + self.infinite

    @property
    def is_nan_a_gap(self) -> bool:
        """NaN stands for `not measured` where it fills most of a column and numbers come after it.

        A loss that really is NaN stays so: a run does not come back from NaN weights.
        """
        return self.returns > 0 and self.nans > self.finite

    @property
    def ends_in_nan(self) -> bool:
        """NaN came and no number after it."""
        return self._was_nan and not self.is_nan_a_gap

    @property
    def is_sum(self) -> bool:
        """It goes up and hardly ever down, as what is counted since the beginning does."""
        return self.falls < 0.25 * self.rises

    @property
    def is_counter(self) -> bool:
        """Whole numbers that go up from row to row, but for the places at which a run or an epoch begins anew."""
        is_whole = self.integers == self.values == self.rises + self.falls + 1 > 2
        return is_whole and self.falls * _ROWS_OF_A_RUN <= self.rises

    @property
    def change(self) -> float:
        """From the first finite value to the last one."""
        return self._last - self.first

    @classmethod
    def of(cls, cells: Sequence[object]) -> Self:
        content = cls()
        if {*map(type, cells)} == {float}:  # as in nearly every table; there are many thousands
            content._measure(np.array(cells))
            return content
        values = [cell if type(cell) is float else number(cell) for cell in cells]
        numbers = [value for value in values if value is not None]
        content.texts = sum(
            isinstance(cell, str) and bool(cell.strip())
            for cell, value in zip(cells, values, strict=True)
            if value is None
        )
        if numbers:
            content._measure(np.array(numbers))
        return content

    def _measure(self, values: Floats64) -> None:
        is_nan, finite = np.isnan(values), values[np.isfinite(values)]
        self.nans, self.finite = int(is_nan.sum()), len(finite)
        self.infinite = len(values) - self.nans - self.finite
        self.returns, self._was_nan = int((is_nan[:-1] & ~is_nan[1:]).sum()), bool(is_nan[-1])
        if not self.finite:
            return
        self.first, self._last = float(finite[0]), float(finite[-1])
        self.low, self.high = float(finite.min()), float(finite.max())
        self.zeros, self.integers = int((finite == 0).sum()), int((finite == np.trunc(finite)).sum())
        self.rises, self.falls = int((finite[1:] > finite[:-1]).sum()), int((finite[1:] < finite[:-1]).sum())


def contents(sample: Iterable[Record]) -> dict[str, Content]:
    cells: dict[str, list[object]] = {}
    for names, records in groupby(sample, tuple):  # entries that have the same names follow each other, as a rule
        for name, column in zip(names, zip(*(record.values() for record in records), strict=True), strict=True):
            cells.setdefault(name, []).extend(column)
    return {name: Content.of(column) for name, column in cells.items() if name not in (RUN, RESUMED, WRITTEN)}
