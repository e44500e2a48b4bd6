"""Batches as they go through a pipe: a kind, a length, and so many bytes."""

from __future__ import annotations

import os
import struct
import threading
from queue import Queue
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio

SENT, REFUSED, OVER = b"s", b"r", b"o"
"""A batch; why nothing can be read; that nothing comes any more."""
_HEAD = struct.Struct("!cQ")
_AHEAD = 48
"""Batches that may wait: a screen needs half a second before it takes the first."""


class PipeFrame(NamedTuple):
    kind: bytes
    data: bytes


class FrameWriter:
    """Writes behind the back of whoever makes the batches, so that those do not wait for each other."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._waiting = Queue[PipeFrame | None](_AHEAD)
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()
        self.is_broken = False
        """Whether nobody reads any more."""

    def write(self, kind: bytes, data: bytes = b"") -> None:
        self._waiting.put(PipeFrame(kind, data))

    def close(self) -> None:
        """Returns when all is written."""
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (frame := self._waiting.get()) is not None:
            if self.is_broken:
                continue
            try:
                self._write(frame)
            except OSError:
                self.is_broken = True

    def _write(self, frame: PipeFrame) -> None:
        for part in (_HEAD.pack(frame.kind, len(frame.data)), frame.data):
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(self._file, rest) :]


async def read_frame(reader: asyncio.StreamReader) -> PipeFrame | None:
    """None where the other end is gone, be it within a frame."""
    from asyncio import IncompleteReadError

    try:
        kind, length = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        return PipeFrame(kind, await reader.readexactly(length))
    except IncompleteReadError:
        return None
