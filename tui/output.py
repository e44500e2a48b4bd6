"""The streams that the command writes to: always there, never without a letter for a character, and written whole."""

import io
import os
import sys
from pathlib import Path
from typing import TextIO


def prepare() -> None:
    for name in ("stdout", "stderr"):
        stream = _whole(getattr(sys, name) or _nowhere())
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
        setattr(sys, name, stream)


def _nowhere() -> TextIO:
    """For a stream that was closed by whoever started us."""
    return Path(os.devnull).open("w")  # for as long as the process


def _whole(stream: TextIO) -> TextIO:
    """A stream that writes all that it is given.

    With PYTHONUNBUFFERED, as in many containers, Python hands text straight to the system and forgets what a signal,
    such as that of Ctrl-C, keeps from being written to a full pipe: half a line of JSON, and all that follow.
    """
    if not isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        return stream
    return open(stream.fileno(), "w", buffering=1, encoding=stream.encoding, closefd=False)
