"""Feeds a resumed run's stored events to its diagnosis in small slices, so that a long run resumes at once."""

import time
from collections import deque
from collections.abc import Callable, Iterator

from ..events import Event, FindingEvent
from .interfaces import Observer

FIRST_SLICE_S = 1.0
"""Seconds of replay before the first step: enough for about 100 000 steps."""
SLICE_S = 0.005
"""Seconds of replay with each new event until all stored events are observed."""


class ReplayedDiagnosis:
    """Observes stored events first and queues new ones until then.

    The findings are the same as if all stored events had been observed at once; only their time differs.
    """

    def __init__(
        self, diagnosis: Observer, stored: Iterator[Event], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._diagnosis = diagnosis
        self._stored = stored
        self._clock = clock
        self._waiting: deque[Event] = deque()
        self._is_complete = self._replay(FIRST_SLICE_S)

    def observe(self, event: Event) -> list[FindingEvent]:
        if self._is_complete:
            return self._diagnosis.observe(event)
        self._waiting.append(event)
        self._is_complete = self._replay(SLICE_S)
        if not self._is_complete:
            return []
        found = [finding for waited in self._waiting for finding in self._diagnosis.observe(waited)]
        self._waiting.clear()
        return found

    def _replay(self, seconds: float) -> bool:
        """Replay for at most `seconds`; whether all stored events are observed."""
        end = self._clock() + seconds
        for event in self._stored:
            self._diagnosis.observe(event)
            if self._clock() > end:
                return False
        return True
