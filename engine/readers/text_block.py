"""Blocks of `| name | value |` in a frame, as Stable-Baselines and OpenAI's loggers print one for every update."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .record import Cell, number

_LINE = re.compile(r"\s*[|│]([^|│]{1,200})[|│]([^|│]{0,200})[|│]\s*$")
_MOST_NAMES = 300
_INDENT = 3
"""Spaces before a name that stands in a section such as `train/`."""


@dataclass
class TextBlock:
    _entry: dict[str, Cell] = field(default_factory=dict)
    _section: str = ""

    def take(self, line: str) -> Iterator[dict[str, Cell]] | None:
        """The entries that end with this line; None for a line that is no part of a block."""
        if not self._entry and "|" not in line and "│" not in line:
            return None
        found = _LINE.match(line)
        if not found:
            return self.finish() if self._entry else None
        name, value = found[1].strip(), found[2].strip()
        if not value and name.endswith("/"):
            self._section = name
            return iter(())
        if not name or number(name) is not None or number(value) is None:
            return None
        self._section = self._section if found[1].startswith(" " * _INDENT) else ""
        name = self._section + name
        ended = self.finish() if name in self._entry or len(self._entry) == _MOST_NAMES else iter(())
        self._entry[name] = value
        return ended

    def finish(self) -> Iterator[dict[str, Cell]]:
        entry, self._entry = self._entry, {}
        return iter([entry] if len(entry) > 1 else [])
