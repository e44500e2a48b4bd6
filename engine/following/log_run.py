"""A log as a run: the same batches that a training run hands out, and commands that are refused."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from ..events import Accepted, Command, Refused, RunDescribed
from ..readers.source import ReadError
from .arrivals import Arrival, Noticed
from .shown_run import ShownRun

_LOOK_S = 0.2
"""Between two looks at whether a log has grown."""


class LogRun:
    """One run of a log; a thread reads, diagnoses and follows it from the call of `batches` until it is closed."""

    config = None
    live = False

    def __init__(
        self, name: str, path: Path, *, run: str | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        """`run` is the name that the log has for it; without one the latest is followed."""
        self.path: Path | None = path
        self.described = RunDescribed(title=f"{name} · {run}" if run else name, kind="log")
        self._shown = ShownRun(name, path, run=run, given=given)
        self._is_closed = threading.Event()
        self._batches: asyncio.Queue[list[Arrival] | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._follow, name=f"follow {name}", daemon=True)

    async def batches(self) -> AsyncIterator[list[Arrival]]:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        yield [self.described]
        while (batch := await self._batches.get()) is not None:
            yield batch

    async def send(self, command: Command) -> Accepted | Refused:
        return Refused(id=command.id, why="this is a log of another program, which takes no commands from here")

    async def close(self) -> None:
        self._is_closed.set()
        self._batches.put_nowait(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _follow(self) -> None:
        try:
            while not self._is_closed.is_set():
                for batch in self._shown.look():
                    self._hand_out(batch)
                if not self._diagnosed_until(time.monotonic() + _LOOK_S):
                    self._is_closed.wait(_LOOK_S)
        except ReadError as error:
            self._hand_out([Noticed(words=f"{error}; it is not followed any more")])
        finally:
            self._shown.close()

    def _diagnosed_until(self, end: float) -> bool:
        """Whether there is more to diagnose than fits in before the next look."""
        while not self._is_closed.is_set():
            batch = self._shown.diagnose_some()
            if batch:
                self._hand_out(batch)
            if not self._shown.has_backlog:
                return False
            if time.monotonic() > end:
                return True
        return False

    def _hand_out(self, batch: list[Arrival]) -> None:
        if self._loop is not None and not self._is_closed.is_set():
            self._loop.call_soon_threadsafe(self._batches.put_nowait, batch)
