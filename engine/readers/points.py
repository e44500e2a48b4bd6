"""Metrics that are stored one value at a time, put together to entries by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import itemgetter

from .record import RUN, WRITTEN, Record

Point = tuple[float, int, str, float]
"""Time in seconds, step, name of the metric, value."""

_EARLIEST = 1e8
"""In seconds since 1970; what is less stands in for a time, as the step does in an event file that we export."""


def joined(streams: Sequence[Iterable[Point]], run: str = "") -> Iterator[Record]:
    """Entries in the order of time: what was logged at one step, until a name comes again.

    Time is what orders several files of one run, because a resumed run goes back in its steps.
    """
    points = streams[0] if len(streams) == 1 else merge(*streams, key=itemgetter(0, 1))
    head: dict[str, float | str] = {RUN: run} if run else {}
    entry, current = {}, None
    for time, step, name, value in points:
        if step != current or name in entry:
            if entry:
                yield entry
            current, entry = step, {**head, "step": step}
            if time > _EARLIEST:
                entry[WRITTEN] = time
        entry[name] = value
    if entry:
        yield entry
