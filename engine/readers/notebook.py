"""Jupyter notebooks: what the cells printed and the tables they showed; each cell that trained is a run."""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from .format import Format
from .free_text import FreeTextReading
from .json_lines import loaded
from .record import RUN, Record

_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_LEAST = 3
"""Entries of a cell that trained; beside one, a cell that only evaluates is no run."""


@dataclass(frozen=True)
class Notebook(Format):
    entries: tuple[Record, ...] = field(repr=False)
    name: str = "notebook"

    @classmethod
    def recognise(cls, text: bytes) -> Self | None:
        if b'"cells"' not in text or b'"nbformat"' not in text:
            return None
        document = loaded(text)
        cells = document.get("cells") if isinstance(document, dict) else None
        if not isinstance(cells, list):
            return None
        found = [entries for cell in cells if (entries := _entries(cell))]
        trained = [entries for entries in found if len(entries) >= _LEAST] or found
        if len(trained) < 2:
            return cls(tuple(entry for entries in trained for entry in entries))
        return cls(
            tuple({**entry, RUN: f"{place}"} for place, entries in enumerate(trained, start=1) for entry in entries)
        )

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        del chunks  # it was read as a whole
        yield from self.entries


def _entries(cell: Any) -> list[Record]:
    outputs = cell.get("outputs") if isinstance(cell, dict) else None
    if not isinstance(outputs, list):
        return []
    text = "\n".join(_text(output) for output in outputs if isinstance(output, dict))
    reading = FreeTextReading()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode(errors="replace")
    return [*reading.records(lines), *reading.finish()]


def _text(output: dict[str, Any]) -> str:
    data = output.get("data")
    if not isinstance(data, dict):
        return _joined(output.get("text"))
    shown = _joined(data.get("text/html"))
    return _table(shown) if "<tr" in shown else _joined(data.get("text/plain"))


def _joined(lines: Any) -> str:
    """A text that is stored as one string or as a list of its lines."""
    if isinstance(lines, list):
        return "".join(line for line in lines if isinstance(line, str))
    return lines if isinstance(lines, str) else ""


def _table(shown: str) -> str:
    rows = ([html.unescape(_TAG.sub("", cell)).strip() for cell in _CELL.findall(row)] for row in _ROW.findall(shown))
    return "\n".join("\t".join(cells) for cells in rows)
