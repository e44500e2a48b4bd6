"""Pauses in a log: a program that was stopped and started again leaves a gap in the times of its entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .content import Content
from .record import WRITTEN, Cell, Record, number

CLOCKS = ("wall_time", "timestamp", "time", "walltime", "elapsed", "elapsed_time", "time_elapsed", "runtime")
"""The last part of the name of a column of times, the one that shows a pause best first."""
_LONGER = 10.0
"""Times the longest interval of late that a pause is: evaluations and checkpoints come again and are no pauses."""
_FORGET = 0.999
"""What an entry leaves of the memory of the longest interval."""
_LOOK = 100
"""Entries that show whether they have a time."""
_KNOWN = 10
"""Intervals before a pause can be told."""


def clock_word(column: str) -> str:
    """The last part of a column's name."""
    return column.rpartition("/")[2].strip("_ ").lower().replace(" ", "_")


def clock_of(sample: Sequence[Record], found: Mapping[str, Content], taken: Iterable[str]) -> str | None:
    """Where entries have the time at which they were written, or a column of times that only go up; None without."""
    if any(WRITTEN in record for record in sample[:_LOOK]):
        return WRITTEN
    free = {clock_word(name): name for name in found.keys() - {*taken} if found[name].values > _KNOWN}
    return next((free[word] for word in CLOCKS if word in free and found[free[word]].is_sum), None)


@dataclass(slots=True)
class Pauses:
    """Looks at the time of one entry after the other, in any unit."""

    _last: float | None = None
    _longest: float = 0.0
    _seen: int = 0

    def within(self, times: Iterable[float]) -> dict[int, float]:
        """`at` for each of many entries, by their places."""
        found = ((place, self.at(time)) for place, time in enumerate(times))
        return {place: pause for place, pause in found if pause is not None}

    def at(self, time: Cell) -> float | None:
        """How many times longer than any interval of late the one before this entry is, if that makes it a pause."""
        now = time if type(time) is float else number(time)
        if now is None or now - now != 0:
            return None
        last, self._last = self._last, now
        if last is None or now <= last:
            return None
        interval, longest = now - last, self._longest
        self._seen += 1
        if 0 < _LONGER * longest < interval and self._seen > _KNOWN:
            return interval / longest
        self._longest = max(interval, _FORGET * longest)
        return None
