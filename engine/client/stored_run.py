"""A run that is read from disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from ..config import RunConfig
from ..events import Accepted, AnyEvent, Command, Refused
from ..storage.event_log import Transcript, stored_events
from ..storage.run_folder import EVENTS
from .run import PAST_TAKES_NOTHING
from .seen import Seen, last_event


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
        if (end := last_event(self._folder, seen)) is not None:
            yield [end]

    async def send(self, command: Command) -> Accepted | Refused:
        return Refused(id=command.id, why=PAST_TAKES_NOTHING)

    async def close(self) -> None:
        pass


async def stored_batches(run: Path, since: int, transcript: Transcript) -> AsyncIterator[list[AnyEvent]]:
    if not (run / EVENTS).exists():
        return
    for batch in stored_events(run, since, transcript):
        yield batch
        await asyncio.sleep(0)  # let the screen draw
