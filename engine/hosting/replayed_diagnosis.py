"""Brings a diagnosis up to date while the run goes on already: a long past must not keep a run from being resumed."""

import time
from collections import deque
from collections.abc import Callable, Iterator

from ..events import Event, FindingClosed, FindingOpened
from .interfaces import Observer

AT_ONCE_S = 1.0
"""Spent on the past before the first step: enough for some 100 000 steps."""
BESIDES_S = 0.005
"""Spent with every event that comes until the past is known."""


class Recollection:
    """Shows a diagnosis the past bit by bit, and what happens meanwhile after it.

    So it finds the same as if it had known the past at once, only later.
    """

    def __init__(
        self, diagnosis: Observer, past: Iterator[Event], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._diagnosis = diagnosis
        self._past = past
        self._clock = clock
        self._waiting: deque[Event] = deque()
        self._is_complete = self._recall(AT_ONCE_S)

    def observe(self, event: Event) -> list[FindingOpened | FindingClosed]:
        if self._is_complete:
            return self._diagnosis.observe(event)
        self._waiting.append(event)
        self._is_complete = self._recall(BESIDES_S)
        if not self._is_complete:
            return []
        found = [word for waited in self._waiting for word in self._diagnosis.observe(waited)]
        self._waiting.clear()
        return found

    def _recall(self, seconds: float) -> bool:
        """Whether nothing is left of the past."""
        end = self._clock() + seconds
        for event in self._past:
            self._diagnosis.observe(event)
            if self._clock() > end:
                return False
        return True
