"""Whole series in square brackets, as Python prints lists: `train_losses = [2.31, 1.82]`, `{'loss': [2.31, 1.82]}`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from .names import meaning
from .record import Record, number

_OPENS = r"\s{0,3}[:=]\s{0,3}(?:(?:np\.)?array\()?\[(?=\s*(?:[-+.\dn]|$))"
_OPEN = re.compile(_OPENS)
"""What every line with a series has, found faster than the whole."""
_BEGIN = re.compile(rf"[\"']?([A-Za-z_][\w /.-]{{0,40}}?)[\"']?{_OPENS}")
_UNBRACKETED = re.compile(
    r"\s*((?:[a-z][\w /.-]{0,30}\W)?losses)\s?:\s?((?:[-+.\de]+[,\s]\s?){3,}[-+.\de]+)\s*", re.IGNORECASE
)
"""A name in the plural, and numbers to the end of the line."""
_WITH_PLACES = re.compile(
    r"([A-Za-z_][\w ]{0,40}?)[\"']?\s?[:=]?\s?\[((?:\(\d{1,9},\s?[^\s()\[\],]{1,30}\),?\s?){3,})\]"
)
"""`losses_distributed [(1, 0.5), (2, 0.4), (3, 0.3)]`, as Flower prints its rounds."""
_PAIRED = re.compile(r",\s?([^\s()]+)\)")
_PLACE = re.compile(r"(?:step|iter|epoch)\w*\s?[:=]\s?\d", re.IGNORECASE)
"""Beside a place, a list holds the parts of one step's loss."""
_WRAPPED = re.compile(r"(?:np\.float\d\d|tensor)\(([^(),]*)[^()]*\)")
_LEAST = 3
"""Numbers; fewer in brackets are those of one step."""
_LONGEST = 200_000
_MOST_LINES = 20_000


@dataclass
class TextSeries:
    """Takes the lines that hold a series or the rest of one; their entries come at the end."""

    _found: dict[str, list[float]] = field(default_factory=dict)
    _name: str = ""
    """Of the series that is still open; its numbers so far are in `_open`."""
    _open: list[str] = field(default_factory=list)

    def takes(self, line: str) -> bool:
        if self._name:
            return self._goes_on(line)
        if "osses" in line and (plain := _UNBRACKETED.fullmatch(line)):
            return self._add(plain[1], ",".join(plain[2].replace(",", " ").split()))
        if "[(" in line and len(line) < _LONGEST and (series := [*_WITH_PLACES.finditer(line)]):
            return sum(self._adds(each[1], ",".join(_PAIRED.findall(each[2]))) for each in series) > 0
        if "[" not in line or len(line) > _LONGEST or not _OPEN.search(line) or _PLACE.search(line):
            return False
        begins = [*_BEGIN.finditer(line)]
        taken = False
        for begin in begins:
            if not _is_curve(begin[1]):
                continue
            body, bracket, _ = line[begin.end() :].partition("]")
            if bracket:
                taken |= self._add(begin[1], body)
            elif begin is begins[-1] and _numbers(body) is not None and not begin[1].endswith("/"):
                self._name, self._open, taken = begin[1], [body], True
        return taken

    def _goes_on(self, line: str) -> bool:
        body, bracket, rest = line.partition("]")
        if _numbers(body) is None or len(self._open) > _MOST_LINES:
            self._name = ""
            return False
        self._open.append(body)
        if bracket:
            name, self._name = self._name, ""
            self._add(name, ",".join(self._open))
            self.takes(rest)
        return True

    def _adds(self, name: str, body: str) -> bool:
        return _is_curve(name) and self._add(name, body)

    def _add(self, name: str, body: str) -> bool:
        series = _numbers(body)
        if series is None or len(series) < _LEAST:
            return False
        self._found[name] = series
        return True

    def finish(self) -> Iterator[Record]:
        """The n-th number of each series is an entry."""
        for place, values in enumerate(zip_longest(*self._found.values()), start=1):
            cells = {name: value for name, value in zip(self._found, values, strict=True) if value is not None}
            yield {"epoch": float(place), **cells}


def _is_curve(name: str) -> bool:
    what = meaning(name)
    return what is not None and what.canonical in ("loss", "val_loss", "accuracy", "val_accuracy")


def _numbers(body: str) -> list[float] | None:
    """None where something else stands between the commas."""
    cells = [cell for cell in _WRAPPED.sub(r"\1", body).split(",") if cell.strip()]
    values = [number(cell) for cell in cells]
    return None if None in values else [value for value in values if value is not None]
