"""JSON lines: one object an entry, with NaN as Python writes it; what is no object, as a cut line, is skipped."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from .format import Format
from .record import Record

_LOOK = 20
_DEPTH = 4

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class JsonLines(Format):
    name: str = "JSON lines"
    _lost: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)

    @classmethod
    def recognise(cls, head: bytes) -> Self | None:
        lines = [line for line in head.replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
        looked = lines[:_LOOK]
        good = sum(decoded(line) is not None for line in looked)
        return cls() if good and good >= len(looked) / 2 and len(lines) > 1 else None

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        lost = 0
        for chunk in chunks:
            lines = chunk.split(b"\n")
            entries = [*filter(None, map(decoded, lines))]
            if len(entries) < len(lines) - 1:
                lost += sum(1 for line in lines if line.strip()) - len(entries)
            yield from entries
        self._lost[0] = max(self._lost[0], lost)  # a survey may look at a few lines once more

    def skipped(self) -> tuple[str, ...]:
        count = self._lost[0]
        return (f"{count} line{'s' * (count > 1)} without an object",) if count > 0 else ()


def decoded(line: bytes) -> Record | None:
    """The object that a line is, objects within it as `outer/inner`; None where it is none."""
    objects = line.count(b"{")
    record = loaded(line) if objects else None
    if type(record) is not dict:
        return None
    return flat(record) if objects > 1 else record


def loaded(text: bytes) -> Any:
    """A JSON document, NaN and Infinity allowed; None where it is none."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(text.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return None


def flat(record: Mapping[str, Any], depth: int = _DEPTH) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, cell in record.items():
        if isinstance(cell, dict) and depth:
            cells |= {f"{name}/{inner}": value for inner, value in flat(cell, depth - 1).items()}
        else:
            cells[name] = cell
    return cells
