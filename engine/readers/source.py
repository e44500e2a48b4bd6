"""A log's bytes: opened with care, refused where they are no text, handed out in pieces that end with a line's end."""

import os
import select
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from .magic import is_store

READ_CHUNK = 1 << 18
LONGEST_TEXT_LINE = 1 << 22
SMALL = 1 << 22
"""Bytes up to which a log is surveyed whole; of a longer one its beginning, its end and pieces in between."""
WRITER_WAIT = 10.0
"""Seconds in which something has to write to a pipe."""
_BLOCKS = 48
_BLOCK = 1 << 14

_MAGIC = {
    b"\x1f\x8b": "is compressed; `gunzip -c FILE | tinygpt-tui diagnose -` reads it",
    b"\x28\xb5\x2f\xfd": "is compressed; `zstd -dc FILE | tinygpt-tui diagnose -` reads it",
    b"PK\x03\x04": "is a zip archive or a checkpoint; unpack it and name the log in it",
    b"\xff\xfe": "is UTF-16; `iconv -f UTF-16 -t UTF-8 FILE | tinygpt-tui diagnose -` reads it",
    b"\xfe\xff": "is UTF-16; `iconv -f UTF-16 -t UTF-8 FILE | tinygpt-tui diagnose -` reads it",
    b"\x89HDF": "is HDF5; export the history as CSV",
    b"PAR1": "is Parquet; export it as CSV",
}
_TEXT_CONTROLS = b"\t\n\v\f\r\x08\x1b\x00"
_BINARY_SHARE = 0.05


class ReadError(ValueError):
    """A log that cannot be read; one line that names the file, what is wrong and the remedy."""


class Source:
    """Bytes that can be read more than once, whatever they come from."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._file = file
        self._place = 0
        """Where the last piece of whole lines ended."""
        try:
            self.size = file.seek(0, os.SEEK_END)
            self.head = self._read_at(0, READ_CHUNK)
            if not is_store(self.head):
                _refuse_what_is_no_text(name, self.head)
        except BaseException:
            file.close()
            raise

    @classmethod
    def of_path(cls, name: str, path: Path) -> "Source":
        try:
            # without O_NONBLOCK a pipe is not even open until something writes to it
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            kind = os.fstat(descriptor).st_mode
            file = os.fdopen(descriptor, "rb", buffering=0) if not stat.S_ISDIR(kind) else None
        except OSError as error:
            raise ReadError(f"{name}: cannot be opened: {error.strerror}") from None
        if file is None:
            os.close(descriptor)
            raise ReadError(
                f"{name}: is a folder but no run's, and holds no files of TensorBoard, W&B, MLflow or trackio;"
                f" name the log in it, such as {name.rstrip('/')}/metrics.csv"
            )
        if stat.S_ISREG(kind):
            return cls(name, file)
        with closing(file):
            if not stat.S_ISFIFO(kind):
                raise ReadError(
                    f"{name}: is a device or a socket and not a file; name a log file, or - for standard input"
                )
            _await_writer(name, descriptor)
            return cls.of_stream(name, file)

    @classmethod
    def of_stream(cls, name: str, stream: BinaryIO) -> "Source":
        """What can be read only once is kept in a temporary file, which is gone when this is closed."""
        with ExitStack() as on_failure:
            kept = on_failure.enter_context(tempfile.TemporaryFile())
            while data := stream.read(READ_CHUNK):
                if not kept.tell() and not is_store(data):
                    _refuse_what_is_no_text(name, data)
                kept.write(data)
            on_failure.pop_all()
        return cls(name, kept)  # pyright: ignore[reportArgumentType]

    @property
    def share_read(self) -> float:
        """From 0 to 1, of the pass over the lines that was begun last."""
        return self._place / self.size if self.size else 1.0

    def close(self) -> None:
        self._file.close()

    def chunks(self) -> Iterator[bytes]:
        """Everything, in pieces of whole lines that end with \\n; a longer line is cut at LONGEST_TEXT_LINE."""
        yield from self._lines_between(0, self.size)

    def blocks(self) -> Iterator[bytes]:
        """Everything as it is."""
        start = 0
        while data := self._read_at(start, READ_CHUNK):
            start += len(data)
            yield data

    def samples(self) -> Iterator[bytes]:
        """Everything of a small log; of a large one its beginning, its end, and pieces in between."""
        if self.size <= SMALL:
            yield from self.chunks()
            return
        yield from islice(self.chunks(), 1)  # a first line may be longer than what is read at once
        for block in range(1, _BLOCKS + 1):
            start = READ_CHUNK + (self.size - READ_CHUNK - _BLOCK) * block // _BLOCKS
            _, _, lines = plain_text(self._read_at(start, _BLOCK)).partition(b"\n")  # the first was begun before it
            if block < _BLOCKS:
                lines = lines[: lines.rfind(b"\n") + 1]  # the last goes on behind it
            if lines:
                yield lines if lines.endswith(b"\n") else lines + b"\n"

    def lines_with(self, needles: tuple[bytes, ...], most: int) -> Iterator[bytes]:
        """The first lines that contain one of these."""
        for chunk in self.chunks():
            for needle in needles:
                place = chunk.find(needle)
                while place >= 0 and most > 0:
                    start = chunk.rfind(b"\n", 0, place) + 1
                    end = chunk.index(b"\n", place) + 1
                    yield chunk[start:end]
                    most -= 1
                    place = chunk.find(needle, end)
            if most <= 0:
                return

    def _lines_between(self, start: int, end: int) -> Iterator[bytes]:
        rest = b""
        while start < end and (data := self._read_at(start, min(READ_CHUNK, end - start))):
            start += len(data)
            self._place = start
            data = rest + plain_text(data)
            cut = data.rfind(b"\n") + 1 or (len(data) if len(data) > LONGEST_TEXT_LINE else 0)
            rest = data[cut:]
            if cut:
                yield data[:cut] if data[cut - 1 : cut] == b"\n" else data[:cut] + b"\n"
        if rest:
            yield rest + b"\n"

    def _read_at(self, offset: int, length: int) -> bytes:
        try:
            self._file.seek(offset)
            return self._file.read(length)
        except OSError as error:
            raise ReadError(f"{self.name}: cannot be read: {error.strerror}") from None


def blocks_of(path: Path) -> Callable[[], Iterator[bytes]]:
    """A file's bytes, as often as they are asked for."""

    def blocks() -> Iterator[bytes]:
        try:
            with path.open("rb", buffering=0) as file:
                while data := file.read(READ_CHUNK):
                    yield data
        except OSError as error:
            raise ReadError(f"{path}: cannot be read: {error.strerror}") from None

    return blocks


def plain_text(data: bytes) -> bytes:
    """One kind of line end, carriage returns of progress bars among them, and no NUL bytes, which lost blocks leave."""
    if b"\r" in data:
        data = data.replace(b"\r", b"\n")
    # translate, because replace takes 25 times as long where there is nothing else, as in a sparse file
    return data.translate(None, b"\x00") if b"\x00" in data else data


def _await_writer(name: str, pipe: int) -> None:
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN | select.POLLHUP)
    if not waiting.poll(1000 * WRITER_WAIT):
        raise ReadError(f"{name}: is a pipe that nothing has written to for {WRITER_WAIT:g} s")
    os.set_blocking(pipe, True)


def _refuse_what_is_no_text(name: str, head: bytes) -> None:
    for magic, why in _MAGIC.items():
        if head.startswith(magic):
            raise ReadError(f"{name}: {why.replace('FILE', name)}")
    text = head.strip(b"\x00")
    if not text.strip():
        raise ReadError(f"{name}: is empty; has the run logged anything yet?")
    sample = text[:65536]
    if sample.count(0) > len(sample) // 4:
        raise ReadError(f"{name}: {_MAGIC[bytes([0xFF, 0xFE])].replace('FILE', name)}")
    controls = len(sample) - len(sample.translate(None, bytes(c for c in range(32) if c not in _TEXT_CONTROLS)))
    if controls > _BINARY_SHARE * len(sample):
        raise ReadError(f"{name}: is binary, not text; name a log as CSV, JSON or text")
