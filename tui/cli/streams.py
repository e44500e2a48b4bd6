"""The streams that the command writes to: always there, never without a letter for a character, and written whole."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


STDOUT = "standard output"


def can_show_screen() -> bool:
    """Whether standard output is a terminal, or textual-serve, which names its driver, shows it in a browser."""
    return sys.stdout.isatty() or "TEXTUAL_DRIVER" in os.environ


def prepare() -> None:
    for name, words in (("stdout", STDOUT), ("stderr", "standard error")):
        given: TextIO | None = getattr(sys, name)
        stream = _whole(given, words) if given else _nowhere()
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
        setattr(sys, name, stream)


def give_up() -> None:
    """Whatever stdout still has to write goes nowhere: Python would complain of it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Named(io.FileIO):
    """A stream whose write errors name it."""

    def __init__(self, descriptor: int, words: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._words = words

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._words) from None


def _nowhere() -> TextIO:
    """For a stream that was closed before this program started."""
    return Path(os.devnull).open("w")  # for as long as the process


def _whole(stream: TextIO, words: str) -> TextIO:
    """A stream that writes all that it is given.

    With PYTHONUNBUFFERED, as in many containers, Python hands text straight to the system and forgets what a signal,
    such as that of Ctrl-C, keeps from being written to a full pipe: half a line of JSON, and all that follow.
    """
    buffer = getattr(stream, "buffer", None)
    if not isinstance(buffer, io.RawIOBase | io.BufferedWriter):
        return stream
    buffered = io.BufferedWriter(_Named(stream.fileno(), words))
    by_lines = isinstance(buffer, io.RawIOBase) or bool(stream.line_buffering)
    return io.TextIOWrapper(buffered, encoding=stream.encoding, line_buffering=by_lines)
