"""The output of another program, from a pipe: kept in a file that can be followed, and line by line for people."""

import tempfile
import threading
from collections import deque
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

from ..storage.run_folder import printable

_CHUNK = 1 << 16
_MOST_LINES = 500
_LONGEST = 500
"""Characters of a line that are shown."""


class PipedInput:
    def __init__(self, stream: BufferedReader | Path) -> None:
        """A path is that of a named pipe, which is not even open until something writes to it."""
        self.has_ended = False
        self._file = tempfile.NamedTemporaryFile(prefix="tinygpt-tui-", suffix=".log")  # noqa: SIM115
        self.path = Path(self._file.name)
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._rest = b""
        self._pass_on: Callable[[bytes], None] | None = None
        self._thread = threading.Thread(target=self._copy, name="read standard input", daemon=True)
        self._thread.start()

    def new_lines(self) -> tuple[str, ...]:
        """Those that have come since the last call, safe to be shown; of very many the last ones."""
        lines: list[str] = []
        while self._lines:
            lines.append(self._lines.popleft())
        return tuple(lines)

    def pass_on(self, write: Callable[[bytes], None]) -> None:
        """Write what comes from now on instead, until the input ends: the program that prints goes on."""
        self._pass_on = write
        self._thread.join()

    def _copy(self) -> None:
        try:
            stream = self._stream.open("rb") if isinstance(self._stream, Path) else self._stream
            while data := stream.read1(_CHUNK):
                if self._pass_on:
                    self._pass_on(data)
                    continue
                self._file.write(data)
                self._file.flush()
                *lines, self._rest = (self._rest[-_CHUNK:] + data).replace(b"\r", b"\n").split(b"\n")
                self._lines.extend(printable(line.decode(errors="replace"))[:_LONGEST] for line in lines)
        except OSError:  # it is gone: the same as its end
            pass
        self.has_ended = True
