"""What the columns of a log hold, by a survey of its entries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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

    def add(self, cell: object) -> None:
        value = number(cell)
        if value is None:
            self.texts += isinstance(cell, str) and bool(cell.strip())
            return
        if math.isnan(value):
            self.nans += 1
            self._was_nan = True
            return
        self.returns += self._was_nan
        self._was_nan = False
        if math.isinf(value):
            self.infinite += 1
            return
        if not self.finite:
            self.first = value
        self.finite += 1
        self.zeros += value == 0
        self.integers += value == int(value)
        self.rises += value > self._last
        self.falls += value < self._last
        self._last = value
        self.low, self.high = min(self.low, value), max(self.high, value)


def contents(sample: Sequence[Record]) -> dict[str, Content]:
    found: dict[str, Content] = {}
    for record in sample:
        for name, cell in record.items():
            if name not in (RUN, RESUMED, WRITTEN):
                column = found.get(name)
                if column is None:
                    column = found[name] = Content()
                column.add(cell)
    return found
