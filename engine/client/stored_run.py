"""A run that is read from disk."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from ..config import RunConfig
from ..events import Accepted, AnyEvent, Command, Event, Refused, RunEnded, RunStarted, StepFinished
from ..storage.event_log import Transcript, stored_events
from ..storage.run_folder import EVENTS, find_worker, last_words


class StoredRun:
    """A run read from disk, to its end."""

    live = False

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path: Path | None = path
        self.config = config
        self.transcript = Transcript()
        """Tells which lines were no events."""
        self._folder = path

    async def batches(self) -> AsyncIterator[list[AnyEvent]]:
        seen = Seen()
        async for batch in stored_batches(self._folder, 0, self.transcript):
            seen.note(batch)
            yield batch
        if not seen.has_ended and find_worker(self._folder) is None:
            cause = last_words(self._folder) or "its worker was killed, or the machine went down"
            yield [RunEnded(step=seen.step, reason="died", detail=cause)]

    async def send(self, command: Command) -> Accepted | Refused:
        return Refused(id=command.id, why="the run is read from disk; resume it to command it")

    async def close(self) -> None:
        pass


class Seen:
    """How far a run was followed."""

    def __init__(self, *, next_seq: int = 0, own_from: int = 0, pid: int = 0) -> None:
        """An end is of the worker `pid` if it follows its start, or from the seq `own_from` on; others are older."""
        self.next_seq = next_seq
        self.step = 0
        self.has_ended = False
        self._own_from = own_from
        self._pid, self._started_by = pid, 0

    def note(self, batch: Iterable[Event]) -> None:
        for event in batch:
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


async def stored_batches(run: Path, since: int, transcript: Transcript) -> AsyncIterator[list[AnyEvent]]:
    if not (run / EVENTS).exists():
        return
    for batch in stored_events(run, since, transcript):
        yield batch
        await asyncio.sleep(0)  # let the screen draw
