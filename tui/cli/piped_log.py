"""A log on standard input: passed on as it comes, and kept in a file that can be diagnosed before the input ends."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import TextIO

from ..text import visible

LOOK_SECONDS = 0.5
"""Between two looks at what has come."""
_REST = 10.0
"""A look is followed by a pause of so many times its own duration: on a long log it takes at most a tenth of a core."""
_CHUNK = 1 << 16
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def kept_input(stream: BufferedReader, pass_on: TextIO | None, look: Callable[[Path], None]) -> Iterator[Path]:
    """A file with everything that came until the end of the input or Ctrl-C.

    What comes is written to `pass_on` at once. Meanwhile `look` is called with the file, in a thread of its own, when
    the file has grown; until the input ends, it has whole lines only.
    """
    with tempfile.NamedTemporaryFile(prefix="tinygpt-tui-", suffix=".log") as file:
        path = Path(file.name)
        with _looking(lambda: look(path), path), suppress(KeyboardInterrupt):
            rest = b""
            try:
                for data in _passed_on(stream, pass_on):
                    lines, end, rest = (rest + data).rpartition(b"\n")
                    file.write(lines + end)
                    file.flush()
            finally:
                file.write(rest)
                file.flush()
        yield path


def _passed_on(stream: BufferedReader, pass_on: TextIO | None) -> Iterator[bytes]:
    decoder = getincrementaldecoder("utf-8")("backslashreplace")
    last = b"\n"
    while data := stream.read1(_CHUNK):
        yield data
        if b"\x00" in data:
            pass_on = None  # no text
        if pass_on:
            pass_on.write(passable(decoder.decode(data)))
            pass_on.flush()
        last = data
    if pass_on and not last.endswith(b"\n"):
        pass_on.write("\n")  # the diagnosis begins on a line of its own


def passable(text: str) -> str:
    """Without colours, and with other control characters made visible; progress bars may return to their line."""
    return "\r".join(visible(part, keep_lines=True) for part in _COLOUR.sub("", text).split("\r"))


@contextmanager
def _looking(look: Callable[[], None], path: Path) -> Iterator[None]:
    """Calls `look` from time to time while the body runs, when the file has grown."""
    over = threading.Event()

    def keep_looking() -> None:
        seen, pause = 0, LOOK_SECONDS
        while not over.wait(pause):
            size = path.stat().st_size
            if size > seen:
                began = time.monotonic()
                look()
                seen, pause = size, max(LOOK_SECONDS, _REST * (time.monotonic() - began))

    thread = threading.Thread(target=keep_looking, name="look at the log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
