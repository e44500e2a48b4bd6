"""Rank 0 of a training on several processes: the others do after the same step what it decides there.

It calls them to a meeting after a step that is near, and goes on until then. Each of them agrees if it has not gone
beyond that step, and will wait there; if one has, all go on, and a later step is proposed. A step without a meeting
costs none of them anything.
"""

import math
import statistics
import time
from collections.abc import Callable

from ..config import ConfigError
from ..events import Command, encode
from .rank_store import Close, Do, GoOn, Meet, Message, RankStore
from .roll_call import CALL_S, PROMPT_S, Roll

FIRST_MARGIN_S = 0.05
"""How long before a meeting it is proposed; twice as long each time that one of them had gone beyond it."""
LONGEST_MARGIN_S = 2.0
_LOOK_S = 0.002
_GONE = "the store of the process group is gone"


class LeadingRank:
    """Methods but `close` are of the loop's thread. Where the store is gone, nothing can be decided any more."""

    def __init__(
        self,
        store: RankStore,
        on_death: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`on_death` is called once, in another thread, with which rank died and why."""
        self._store = store
        self._clock = clock
        self._taken = 0
        self._next: int | None = None
        """The step after which the next meeting is."""
        self._after: int | None = None
        """That of the one which was agreed before the next was proposed."""
        self._proposed: int | None = None
        """Number of the next meeting until it is agreed."""
        self._proposals = 0
        self._margin_s = FIRST_MARGIN_S
        self._trouble = ""
        """Why nothing can be decided."""
        self._went_on = 0, clock()
        self._told_times_at = clock()
        self._roll = Roll(store, on_death, lambda: self._taken)

    def is_due(self) -> bool:
        """Count a step; whether all meet after it."""
        self._taken += 1
        return self._next is not None and self._taken >= self._next and self._has_met()

    def call(self) -> None:
        """All to a meeting soon."""
        if self._proposed is None:
            self._propose(self._taken)

    def require_all(self) -> None:
        try:
            absent = self._roll.absent()
        except RuntimeError:
            self._trouble = _GONE
            absent = {}
        for rank, why in absent.items():
            raise ConfigError(f"rank {rank} {why}, so that this would act on the others alone; try again, or pause it")
        if self._trouble:
            raise ConfigError(f"{self._trouble}, so that this would act on rank 0 alone; try again, or pause it")

    def send(self, command: Command) -> None:
        self._post(Do(step=self._taken, command=encode(command).decode()))

    def go_on(self, most: float) -> None:
        """Until the next meeting, after at most so many steps."""
        self._next = None if math.isinf(most) else self._taken + int(most)
        self._post(GoOn(step=self._taken, until=self._next))
        self._went_on = self._taken, self._clock()

    def rank_times(self, own_busy_s: Callable[[], float | None]) -> dict[str, float]:
        """Metrics of how long a step takes each rank, now and then; empty in between and where that is not known."""
        now = self._clock()
        if now - self._told_times_at < CALL_S:
            return {}
        self._told_times_at = now
        times = {0: own_busy_s()} | {rank: report.busy_s for rank, report in self._roll.reports.items()}
        known = {rank: seconds for rank, seconds in times.items() if seconds is not None}
        if len(known) < self._store.size:
            return {}
        slowest = max(known, key=known.__getitem__)
        return {
            "slowest_rank": float(slowest),
            "rank_time_max": known[slowest],
            "rank_time_median": statistics.median(known.values()),
        }

    def find_death(self, own_words: str) -> bool:
        """Whether another rank has died, which may have caused an error here or a signal."""
        return self._roll.find_death(own_words)

    def close(self) -> None:
        """The others go on without being led."""
        self._roll.close()
        self._post(Close())

    def _propose(self, beyond: int) -> None:
        since, at = self._went_on
        step_s = max((self._clock() - at) / max(self._taken - since, 1), 1e-9)
        step = beyond + max(math.ceil(self._margin_s / step_s), 1)
        if self._next is not None and self._next <= step:
            return
        self._proposals += 1
        self._proposed, self._after, self._next = self._proposals, self._next, step
        self._post(Meet(number=self._proposals, step=step))

    def _has_met(self) -> bool:
        """Whether none of them has declined; then another meeting is proposed."""
        number, self._proposed = self._proposed, None
        others_taken = 0 if number is None else self._answer(number)
        if not others_taken:
            return True
        self._post(GoOn(step=self._taken, until=self._after))
        self._next = self._after
        self._margin_s = min(2 * self._margin_s, LONGEST_MARGIN_S)
        self._propose(max(self._taken, others_taken))
        return False

    def _answer(self, number: int) -> int:
        """How many steps one has taken that has declined; 0 where none has, even if one does not answer."""
        self._trouble = ""
        deadline = time.monotonic() + PROMPT_S
        try:
            while (answer := self._store.answer(number)) is None:
                if time.monotonic() > deadline:
                    self._trouble = "not all ranks answer"
                    return 0
                time.sleep(_LOOK_S)
        except RuntimeError:
            self._trouble = _GONE
            return 0
        return answer

    def _post(self, message: Message) -> None:
        try:
            self._store.post(message)
        except RuntimeError:
            self._trouble = _GONE
