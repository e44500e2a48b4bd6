"""Growing columns of numbers behind frozen views: a view is a length, and appending to the newest copies nothing."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]

_SMALLEST = 256
_GROWTH = 1.5
_REMEMBERED = 8
"""Smoothed columns that are kept up to date; a person who tries all strengths does not fill the memory."""
_AT_ONCE = 1 << 13
"""Rows that stay in the processor's cache while a mean passes over them a dozen times."""
_NEGLIGIBLE = 1e-9
"""Share of a value that has been forgotten for good."""


@dataclass(frozen=True, eq=False)
class _Smoothed:
    """An exponential mean as far as it is known: a numerator, a weight, and their quotient at every row."""

    values: Floats
    filled: int = 0
    total: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True)
class _Measured:
    """Which rows of a column hold a number, as far as that was looked at."""

    rows: int = 0
    first: int | None = None
    gaps: int = 0


class _Store:
    """What views share. Rows below a view's length never change, so an old view stays true while a new one grows."""

    def __init__(self, columns: Mapping[str, Floats], filled: int) -> None:
        self.columns = dict(columns)
        self.filled = filled
        self.smoothed: dict[tuple[str, int], _Smoothed] = {}
        self.measured: dict[str, _Measured] = {}

    @property
    def capacity(self) -> int:
        return min(len(column) for column in self.columns.values())

    def copy(self, length: int, capacity: int) -> "_Store":
        columns = {name: np.empty(capacity, column.dtype) for name, column in self.columns.items()}
        for name, column in columns.items():
            column[:length] = self.columns[name][:length]
        grown = _Store(columns, length)
        grown.measured = {name: known for name, known in self.measured.items() if known.rows <= length}
        if length >= self.filled:  # moved, not shared: this store may still grow in another way
            grown.smoothed, self.smoothed = self.smoothed, {}
        return grown


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length, by name."""

    length: int
    _store: _Store

    @classmethod
    def of(cls, **dtypes: str) -> Self:
        """An empty table with these columns and numpy types."""
        return cls(0, _Store({name: np.empty(_SMALLEST, dtype) for name, dtype in dtypes.items()}, 0))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, name: str) -> Floats:
        column = self._store.columns[name][: self.length]
        column.flags.writeable = False
        return column

    def extended(self, rows: Mapping[str, ArrayLike]) -> Self:
        """This table and more rows, given column by column."""
        arrays = {name: np.asarray(rows[name]) for name in self._store.columns}
        length = self.length + len(next(iter(arrays.values())))
        store = self._store
        if store.filled != self.length or length > store.capacity:
            store = store.copy(self.length, max(int(length * _GROWTH), _SMALLEST))
        for name, values in arrays.items():
            store.columns[name][self.length : length] = values
        store.filled = length
        return type(self)(length, store)

    def widened(self, names: Iterable[str]) -> Self:
        """With further columns, of which no row holds a number yet; their numbers have 32 bits."""
        new = [name for name in names if name not in self._store.columns]
        if not new:
            return self
        store = self._store.copy(self.length, max(int(self.length * _GROWTH), _SMALLEST))
        store.columns |= {name: np.full(store.capacity, np.nan, "f4") for name in new}
        return type(self)(self.length, store)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._store.columns)

    def first(self, length: int) -> Self:
        """The first rows alone."""
        return type(self)(min(length, self.length), self._store)

    def has(self, name: str) -> bool:
        """Whether any row holds a number of a column."""
        first = self._measured(name).first
        return first is not None and first < self.length

    def is_whole(self, name: str) -> bool:
        """Whether every row holds one."""
        known = self._measured(name)
        return not known.gaps or (known.rows > self.length and bool(np.isfinite(self[name]).all()))

    def _measured(self, name: str) -> _Measured:
        """Each row is looked at once, for a screen asks again and again."""
        known = self._store.measured.get(name, _Measured())
        if known.rows >= self.length:
            return known
        finite = np.isfinite(self._store.columns[name][known.rows : self.length])
        gaps = len(finite) - int(np.count_nonzero(finite))
        first = known.rows + int(finite.argmax()) if known.first is None and gaps < len(finite) else known.first
        self._store.measured[name] = known = _Measured(self.length, first, known.gaps + gaps)
        return known

    def smoothed(self, name: str, span: int) -> Floats:
        """The exponential mean of a column over about `span` rows.

        Weights are normalised, so that the start is not biased, and a row that is not a number weighs nothing: it is a
        gap in the mean and does not poison what follows.
        """
        if span <= 1:
            return self[name]
        known = self._store.smoothed.pop((name, span), None) or _Smoothed(np.empty(0, np.float32))
        if known.filled < self.length:
            known = _continued(known, self._store.columns[name], self.length, 1 - 1 / span)
        while len(self._store.smoothed) >= _REMEMBERED:
            self._store.smoothed.pop(next(iter(self._store.smoothed)), None)
        self._store.smoothed[name, span] = known
        return known.values[: self.length]

    def continue_means(self) -> None:
        """Bring the means that were asked for last up to date: in a thread this holds up no screen."""
        for name, span in tuple(self._store.smoothed):
            self.smoothed(name, span)


def quantile(values: Floats, share: float) -> float:
    """As numpy's, which imports numpy.ma with the first picture; NaN of none."""
    if not len(values):
        return math.nan
    return float(np.interp(share * (len(values) - 1), np.arange(len(values)), np.sort(values)))


def median(values: Floats) -> float:
    return quantile(values, 0.5)


def interpolated(at: Floats, x: Floats, y: Floats) -> Floats:
    """As numpy's interp, in a time that depends on the questions alone; numpy looks at every point for each."""
    if len(x) < 2:
        return np.full(len(at), y[0], np.float64)
    after = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    x0, x1 = x[after - 1], x[after]
    share = np.clip((at - x0) / np.where(x1 > x0, x1 - x0, 1.0), 0.0, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):  # tokens and losses may be as large as a float can be
        return y[after - 1] + share * (y[after] - y[after - 1])


def _continued(known: _Smoothed, column: Floats, length: int, decay: float) -> _Smoothed:
    values = known.values
    if len(values) < length:
        values = np.empty(int(length * _GROWTH), np.float32)
        values[: known.filled] = known.values[: known.filled]
    total, weight = known.total, known.weight
    for start in range(known.filled, length, _AT_ONCE):
        end = min(start + _AT_ONCE, length)
        raw = column[start:end].astype(np.float64)
        finite = np.isfinite(raw)
        totals = _decayed_sum(np.where(finite, raw, 0.0), decay, total)
        weights = _decayed_sum(finite.astype(np.float64), decay, weight)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            values[start:end] = np.where(finite, totals / weights, np.nan)
        total, weight = float(totals[-1]), float(weights[-1])
    return _Smoothed(values, length, total, weight)


def _decayed_sum(values: Floats, decay: float, before: float) -> Floats:
    """s[i] = decay * s[i - 1] + values[i], by doubling the reach of every row until what lies beyond is negligible."""
    sums = values.copy()
    sums[0] += decay * before
    reach = 1
    while reach < len(sums) and (weight := decay**reach) > _NEGLIGIBLE:
        sums[reach:] += weight * sums[:-reach]
        reach *= 2
    return sums
