"""The process that reads a long log or a long past, so that the screen's interpreter has its time for the screen.

What is imported with this module is little: the process starts before the screen is imported, and reads meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from ..arrivals import Arrival

LONG = 2_000_000
"""Bytes from which reading takes as long as to start a process for it."""
_PROGRAM = (sys.executable, "-P", "-m", "tinygpt_tui.engine.reading_apart")
# -P: a numpy.py in the folder where a person stands is not imported
_BUFFERED = 1 << 22
"""Bytes that are read from the pipe before somebody takes them."""


def reading_past(run: Path) -> ReadingProcess | None:
    """None where it is short, a worker may still write it, or no process can be started."""
    from ..storage.run_folder import EVENTS, find_worker

    return _begun(run / EVENTS, "past", os.fspath(run)) if find_worker(run) is None else None


def reading_log(path: Path, name: str, run: str | None, given: Mapping[str, str]) -> ReadingProcess | None:
    """None where it is short, or no process can be started."""
    runs = [] if run is None else [f"={run}"]
    return _begun(path, "log", os.fspath(path), name, *runs, *chain.from_iterable(given.items()))


def _begun(file: Path, *arguments: str) -> ReadingProcess | None:
    from ..following.log_files import log_size

    try:
        return ReadingProcess(arguments) if log_size(file) >= LONG else None
    except OSError:
        return None


class ReadingProcess:
    def __init__(self, arguments: tuple[str, ...]) -> None:
        """OSError where it cannot be started."""
        self._process = subprocess.Popen(
            [*_PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._reader: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None
        self._is_over = False
        self.was_lost = False
        """Whether it was killed, or could not go on, before it had read everything."""

    async def next_batch(self) -> list[Arrival] | None:
        """What it has read; None where nothing comes any more. ClientError where nothing can be read."""
        from ..client.run import ClientError
        from .codec import decode_batch
        from .frames import OVER, REFUSED, SENT, read_frame

        if self._is_over:
            return None
        frame = await read_frame(self._reader or await self._connected())
        self._is_over = frame is None or frame.kind == OVER
        if frame is None:
            self.was_lost = True
            return None
        if frame.kind == REFUSED:
            raise ClientError(frame.data.decode())
        return decode_batch(frame.data) if frame.kind == SENT else None

    async def _connected(self) -> asyncio.StreamReader:
        import asyncio

        reader = asyncio.StreamReader(_BUFFERED)
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout
        )
        self._reader = reader
        return reader

    async def close(self) -> None:
        """It has nothing that could be lost. Who waits for a batch gets None."""
        import asyncio

        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        if self._transport is not None:
            self._transport.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
