"""Pieces of a log's text as columns, each read on from where the last one ended; at once where that is sure."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

import msgspec
import numpy as np

from .block import ColumnBlock, Places, block_of
from .delimited import Delimited, cells_of, distinct, is_header
from .format import Format
from .free_text import FreeTextReading
from .json_lines import JsonLines, decoded
from .record import RESUMED, Cell, Record
from .reshape import Reshape, reshaped

_MOST_RECORDS = 4096
"""Entries that are put together to one block, where they come one by one."""
_NOT_FINITE = re.compile(rb"(?<=[,\n])[ \t]*([-+]?(?:nan|inf|infinity))[ \t]*(?=[,\n])", re.IGNORECASE)

_numbers = msgspec.json.Decoder(list[float | None], strict=False).decode
_objects = msgspec.json.Decoder(list[dict[str, float | None]]).decode


class TextBlocks(Protocol):
    """The state of a reader behind the lines that it was given."""

    def blocks(self, lines: bytes) -> Iterator[ColumnBlock]:
        """The entries of some whole lines."""
        ...

    def finish(self) -> Iterator[ColumnBlock]:
        """What a further line could still have changed, once no further line is expected."""
        ...


def text_blocks(format: Format, reshapes: Sequence[Reshape]) -> TextBlocks | None:
    """How a text is read on; None where only the whole of it can be read."""
    match format:
        case Delimited():
            return DelimitedBlocks(format, reshapes)
        case JsonLines():
            return JsonBlocks(reshapes)
        case _:
            return FreeTextBlocks(reshapes) if format.name == "text" else None


class DelimitedBlocks:
    def __init__(self, format: Delimited, reshapes: Sequence[Reshape] = ()) -> None:
        self._delimiter = format.delimiter
        self._names = format.names
        self._reshapes = reshapes
        self._has_begun = self._is_part = False
        """Whether there were rows, and whether a header came behind them: a program began to write again."""

    def blocks(self, lines: bytes) -> Iterator[ColumnBlock]:
        lines = lines.removeprefix(b"\xef\xbb\xbf")
        first, _, rest = lines.partition(b"\n")
        if self._is_new_header(cells_of(first.decode(errors="replace"), self._delimiter)):
            lines = rest
        if lines.strip(b"\n"):
            block = None if self._reshapes else self._plain(lines)
            yield block or block_of(reshaped(self._records(lines), self._reshapes))

    def _is_new_header(self, cells: Sequence[str]) -> bool:
        if not is_header(cells, self._names):
            return False
        self._names, self._is_part = distinct(cells), self._has_begun
        return True

    def finish(self) -> Iterator[ColumnBlock]:
        return iter(())

    def _records(self, lines: bytes) -> Iterator[Record]:
        for line in lines.decode("utf-8-sig", errors="replace").split("\n"):
            cells = cells_of(line, self._delimiter)
            if not self._is_new_header(cells) and any(cells) and not line.startswith("#"):
                row: dict[str, Cell] = dict(zip(self._names, cells, strict=False))
                yield row | {RESUMED: 0.0} if self._is_part else row
                self._has_begun, self._is_part = True, False

    def _plain(self, lines: bytes) -> ColumnBlock | None:
        """Lines of nothing but numbers and gaps, all of one width; None where they are not just that."""
        text = _commas(lines, self._delimiter)
        if text is None or not _is_rectangle(text, len(self._names)):
            return None
        try:
            values = _flat(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            try:
                values = _flat(_NOT_FINITE.sub(rb'"\1"', b"\n" + text + b"\n")[1:-1])
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
        width = len(self._names)
        matrix = np.array(values, "f8").reshape(-1, width).T.copy()
        nans: dict[str, Places] = {}
        for column in np.flatnonzero(np.isnan(matrix).any(axis=1)).tolist():
            # a gap is None and equal to itself
            places = [row for row, value in enumerate(values[column::width]) if value != value]
            if places:
                nans[self._names[column]] = np.array(places)
        resumed = {0: 0.0} if self._is_part else {}
        self._has_begun, self._is_part = True, False
        columns = dict(zip(self._names, matrix, strict=True))
        return ColumnBlock(rows=matrix.shape[1], columns=columns, nans=nans, resumed=resumed)


class JsonBlocks:
    def __init__(self, reshapes: Sequence[Reshape] = ()) -> None:
        self._reshapes = reshapes

    def blocks(self, lines: bytes) -> Iterator[ColumnBlock]:
        block = None if self._reshapes else _plain_objects(lines)
        if block is None:
            records = filter(None, map(decoded, lines.split(b"\n")))
            block = block_of(reshaped(records, self._reshapes))
        yield block

    def finish(self) -> Iterator[ColumnBlock]:
        return iter(())


class FreeTextBlocks:
    def __init__(self, reshapes: Sequence[Reshape] = ()) -> None:
        self._reading = FreeTextReading()
        self._reshapes = reshapes

    def blocks(self, lines: bytes) -> Iterator[ColumnBlock]:
        yield block_of(reshaped(self._reading.records(lines), self._reshapes))

    def finish(self) -> Iterator[ColumnBlock]:
        yield block_of(reshaped(self._reading.finish(), self._reshapes))


def record_blocks(records: Iterator[Record], reshapes: Sequence[Reshape]) -> Iterator[ColumnBlock]:
    """Of a format that is read as a whole."""
    waiting: list[Record] = []
    for record in reshaped(records, reshapes):
        waiting.append(record)
        if len(waiting) == _MOST_RECORDS:
            yield block_of(waiting)
            waiting = []
    if waiting:
        yield block_of(waiting)


def _commas(lines: bytes, delimiter: str) -> bytes | None:
    """Without an end, and with commas between the cells."""
    text = lines.rstrip(b"\n")
    if delimiter == ",":
        return text
    if delimiter == " " or b"," in text:
        return None
    return text.replace(delimiter.encode(), b",")


def _is_rectangle(text: bytes, width: int) -> bool:
    """Whether every line has so many cells, none of them with a quote."""
    if b'"' in text or b"\n\n" in text or width < 2:
        return False
    signs = np.frombuffer(text + b"\n", np.uint8)
    ends, commas = np.flatnonzero(signs == ord("\n")), np.flatnonzero(signs == ord(","))
    before = np.searchsorted(commas, ends)
    return bool((before == (width - 1) * np.arange(1, len(ends) + 1)).all())


def _flat(text: bytes) -> list[float | None]:
    """All cells of a table, line after line."""
    text = text.replace(b"\n", b",")
    if b",," in text or text[:1] == b"," or text[-1:] == b",":
        text = text.replace(b",,", b",null,").replace(b",,", b",null,")
        text = (b"null" if text[:1] == b"," else b"") + text + (b"null" if text[-1:] == b"," else b"")
    return _numbers(b"[" + text + b"]")


def _plain_objects(lines: bytes) -> ColumnBlock | None:
    """Objects of nothing but numbers and null; None where they are not just that."""
    text = lines.rstrip(b"\n")
    if b"\n\n" in text or b"}," in text:
        return None
    try:
        records = _objects(b"[" + text.replace(b"\n", b",") + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if len(records) != text.count(b"\n") + 1:
        return None
    names = dict.fromkeys(chain.from_iterable(records))
    columns = {name: np.array([record.get(name) for record in records], "f8") for name in names}
    return ColumnBlock(rows=len(records), columns=columns)
