"""A run that trains in a thread of this process: many short runs need not load PyTorch each."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

from tinygpt_tui.engine.events import Accepted, Command, Event, Stop
from tinygpt_tui.engine.hosting.host import Host
from tinygpt_tui.engine.hosting.interfaces import Request
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.worker import assemble


class ThreadRun:
    """What `start` gives, as far as a proof needs it. It begins with its first command, or once it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = EventLog(path)
        self._loop = asyncio.get_running_loop()
        self._events = asyncio.Queue[Sequence[Event]]()
        """Empty at the end."""
        self._requests = SimpleQueue[Request]()
        self._thread = threading.Thread(target=self._train, daemon=True)

    async def batches(self) -> AsyncIterator[Sequence[Event]]:
        if not self._thread.ident:
            self._thread.start()
        while events := await self._events.get():
            yield events

    async def send(self, command: Command) -> Accepted:
        self._requests.put(Request(command))
        return Accepted(id=0, step=0)

    async def exit_status(self) -> int:
        await asyncio.to_thread(self._thread.join)
        return 0

    async def close(self) -> None:
        self._requests.put(Request(Stop()))
        await self.exit_status()

    def append(self, *events: Event) -> None:
        """Into the log and to the reader."""
        self._log.append(*events)
        if events:
            self._loop.call_soon_threadsafe(self._events.put_nowait, events)

    def _train(self) -> None:
        with closing(self._log):
            Host(assemble(self._path, lambda activity: None), self, self._requests, lambda event: None).run()
        self._loop.call_soon_threadsafe(self._events.put_nowait, ())


async def start_thread(path: Path) -> ThreadRun:
    return ThreadRun(path)
