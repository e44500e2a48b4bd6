"""The place up to which a growing file was read, and what has become of the file since."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..readers.source import LONGEST_TEXT_LINE, ReadError, plain_text

PIECE = 1 << 19
"""Bytes that are read at once: so few that parsing them holds the interpreter for a hundredth of a second only."""

_KNOWN = 256
"""Bytes before the place that are compared: a file that was truncated and has grown again is another."""

Change = Literal["same", "grown", "torn", "truncated", "replaced", "gone"]
"""torn: a line that was taken as it stood goes on."""


class Tail:
    """A text file's whole lines; a line without its end is not there yet."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path
        self._descriptor = _opened(name, path)
        self._offset = 0
        self._rest = b""
        self._before = b""
        self._is_torn = False

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def share_read(self) -> float:
        """Of the file as long as it is now, from 0 to 1."""
        size = os.fstat(self._descriptor).st_size
        return self._offset / size if size else 1.0

    def change(self) -> Change:
        """What has happened since the last piece was read. ReadError where it is no file any more."""
        ours = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return "gone"
        except OSError as error:
            raise ReadError(f"{self._name}: cannot be read any more: {error.strerror}") from None
        if not stat.S_ISREG(there.st_mode):
            raise ReadError(f"{self._name}: was replaced by something that is no file")
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            return "replaced"
        if ours.st_size < self._offset:
            return "truncated"
        if ours.st_size == self._offset:
            return "same"
        before = os.pread(self._descriptor, len(self._before), self._offset - len(self._before))
        if before != self._before:
            return "truncated"
        is_torn = self._is_torn and os.pread(self._descriptor, 1, self._offset) not in b"\r\n"
        return "torn" if is_torn else "grown"

    def pieces(self) -> Iterator[bytes]:
        """What has come, in pieces of whole lines, up to the present end."""
        while data := self._read():
            data = self._rest + plain_text(data)
            cut = data.rfind(b"\n") + 1 or (len(data) if len(data) > LONGEST_TEXT_LINE else 0)
            self._rest = data[cut:]
            if cut:
                yield data[:cut] if data[cut - 1 : cut] == b"\n" else data[:cut] + b"\n"

    def rest(self) -> bytes:
        """The last line, without an end, as a whole one; what comes behind it is another line."""
        rest, self._rest = self._rest, b""
        self._is_torn = bool(rest)
        return rest + b"\n" if rest else b""

    def _read(self) -> bytes:
        try:
            data = os.pread(self._descriptor, PIECE, self._offset)
        except OSError as error:
            raise ReadError(f"{self._name}: cannot be read any more: {error.strerror}") from None
        self._offset += len(data)
        self._is_torn = False
        self._before = (self._before + data[-_KNOWN:])[-_KNOWN:]
        return data


def _opened(name: str, path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ReadError(f"{name}: cannot be opened: {error.strerror}") from None
