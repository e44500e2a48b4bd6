"""How far a run was followed, and how it ended."""

from collections.abc import Iterable
from pathlib import Path

from ..events import Event, RunEnded, RunStarted, StepFinished
from ..finished_steps import FinishedSteps
from ..storage.run_folder import find_worker, last_words


class Seen:
    """How far a run was followed."""

    def __init__(self, *, next_seq: int = 0, own_from: int = 0, pid: int = 0) -> None:
        """An end is of the worker `pid` if it follows its start, or from the seq `own_from` on; others are older."""
        self.next_seq = next_seq
        self.step = 0
        self.has_ended = False
        self._own_from = own_from
        self._pid, self._started_by = pid, 0

    def note(self, batch: Iterable[Event | FinishedSteps]) -> None:
        for event in batch:
            if isinstance(event, FinishedSteps):
                self.step, self.has_ended = int(event["step"][-1]), False
                continue
            if event.seq >= self.next_seq:
                self.next_seq = event.seq + 1
            if type(event) is StepFinished:  # nearly all are, and a run may have millions
                self.step, self.has_ended = event.step, False
                continue
            self.step = getattr(event, "step", self.step)
            if isinstance(event, RunStarted):
                self._started_by = event.pid
            is_own = event.seq < 0 or event.seq >= self._own_from or self._started_by == self._pid
            self.has_ended = isinstance(event, RunEnded) and is_own


def last_event(run: Path, seen: Seen) -> RunEnded | None:
    """That a run died, where its end is not stored and nothing trains it."""
    if seen.has_ended or find_worker(run) is not None:
        return None
    cause = last_words(run) or "its worker was killed, or the machine went down"
    return RunEnded(step=seen.step, reason="died", detail=cause)
