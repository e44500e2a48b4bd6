"""A table inside other text: a line of names, then rows of as many numbers, with other lines around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .names import meaning, words_of
from .record import Cell, number, total_of
from .reward_names import is_of_agent, reward_rank

_HINT = re.compile(
    r"loss|gpu_mem|m[as]e\b|m[as]e_|rmse|err|cost|ppl|perplexity|nll|entropy|objective|bp[bc]\b|reward|return|discriminator",
    re.IGNORECASE,
)
_ROW = re.compile(r"[\s|]*[-+]?\d")
_VALUE = re.compile(r"(?:^|[\s|:=(\[])[-+]?\.?\d")
"""A number; a line with one is no line of names."""
_FRACTION = re.compile(r"(\d{1,12})/(\d{1,12})")
_BAR = re.compile(r":?\s+(\d{1,3})%\s*\|?[^|]*\|?.*$")
"""A progress bar behind a row, and how much of it is full."""
_SPLIT_WORDS = re.compile(r"(?i)\b(training|train|validation|valid|val|eval|test) (loss|accuracy)\b")
_IS_NO_NAME = re.compile(r"[=,]|:$|:\s*[-+.\d\s]|\d/\s*\d")
_PARTS = re.compile(r"\[([^\[\]]*)\]")
_COLLIDED = re.compile(r"(\.\d{6})(?=\d)")
"""Numbers with six places that are wider than their columns, as fastai prints them."""
_RULE = re.compile(r"[\s|:+-]+")
"""The line below the names of a Markdown table."""
_COMMENT = re.compile(r"^[\"'\s]*#?\s*(?=(?:global[ _])?(?:step|epoch|iter|batch|round))", re.IGNORECASE)
"""What stands before the names in a header that is a comment, `#  step  rmse_trn  lr`, or quoted."""
_MARKED = re.compile(r"([-+]?[\d.]+(?:e[-+]?\d+)?%?)\s+[^\w\s.,:|+-].*", re.IGNORECASE)
"""A cell with a mark or a remark behind its number, by which the best row is told: `3.0640 ✓`, `0.41 (best)`."""
_MOST_WORDS = 3
"""Of a name between commas or semicolons; more are a sentence."""
_LONGEST = 2000
_SPACY = {"E": "epoch", "#": "step"}
_YOLO = ("box", "obj", "cls", "total", "dfl", "seg", "pose", "kobj", "angle")
_YOLO_ROW = re.compile(r"\s*\d+/\d+\s+\d+(?:\.\d+)?G\s")
_YOLO_BARS = ("epoch", "gpu_mem", "box_loss", "obj_loss", "cls_loss", "labels", "img_size")
_YOLO_8_BARS = ("epoch", "gpu_mem", "box_loss", "cls_loss", "dfl_loss", "instances", "size")
"""The columns of a progress bar whose header was not pasted with it: YOLOv5's, and from YOLOv8 on."""
_LEAST_DFL = 0.5
"""A third loss above it is that of a distribution; the third of YOLOv5 is the smallest."""
_YOLO_RESULTS = (
    "epoch", "gpu_mem", "train/box_loss", "train/obj_loss", "train/cls_loss", "total", "targets", "img_size",
    "precision", "recall", "mAP_0.5", "mAP_0.5:0.95", "val/box_loss", "val/obj_loss", "val/cls_loss",
)  # fmt: skip
"""The columns of YOLO's results.txt, which has no header (YOLOv5 until 2021, YOLOv7)."""


@dataclass
class TextTable:
    """Remembers the last line of names; its possible divisions into columns wait for a row that fits one."""

    _headers: list[tuple[str, ...]] = field(default_factory=list)
    _delimiter: str = ""
    """A tab, a semicolon or a comma; bars and spaces are seen in the row itself."""
    _above: str = ""
    """The last line if it has no number: names may stand on two lines, as MATLAB and Vowpal Wabbit print them."""
    is_unfinished: bool = False
    """Whether the last row stands before a progress bar that is not full: it is of an epoch that goes on."""

    def row(self, line: str) -> dict[str, Cell] | None:
        """The entry of a line that is a row, {} for a line of names, None for any other line."""
        if len(line) > _LONGEST:
            return None
        line = line.replace("│", "|").replace("┃", "|")
        if self._headers and _ROW.match(line):
            return self._row(line)
        if _YOLO_ROW.match(line) and (names := _yolo_names(_BAR.sub("", line).split())):
            self._headers, self._delimiter = [names], ""
            return self._row(line)
        if _RULE.fullmatch(line):
            return None
        above, self._above = self._above, "" if _VALUE.search(line) else line
        if not self._above or not _HINT.search(line):
            return None
        if headers := _headers(line) or _headers_of_two(above, line):
            self._headers, self._delimiter = headers, _delimiter(line)
            return {}
        return None

    def _row(self, line: str) -> dict[str, Cell] | None:
        bar = None if line.strip()[:1] == line.strip()[-1:] == "|" else _BAR.search(line)
        self.is_unfinished = bar is not None and int(bar[1]) < 100
        line = (line[: bar.start()] if bar else line).replace("No log", "-")
        if "[" in line:
            line = _PARTS.sub(lambda parts: str(total) if (total := total_of(parts[1])) is not None else "-", line)
        cells = _cells(line, self._delimiter)
        if sum(number(cell) is not None or _FRACTION.fullmatch(cell) is not None for cell in cells) * 2 < len(cells):
            return None
        if all(len(cells) < len(names) for names in self._headers):
            cells = _cells(_COLLIDED.sub(r"\1 ", line), self._delimiter)
        for names in self._headers:
            if len(cells) == len(names):
                return _entry(names, cells)
            if len(cells) == len(names) + 1 and _has_index(names, cells):
                return _entry(names, cells[1:])
            if len(cells) > len(names) and all(number(cell) is None for cell in cells[len(names) :]):
                return _entry(names, cells[: len(names)])  # a time or a remark behind the columns has no name
        return None


def _has_index(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether the first cell is the index that pandas prints, and not an epoch with a time behind the columns."""
    what = meaning(names[0])
    is_place = what is not None and what.canonical in ("epoch", "step")
    return cells[0].isdigit() and not (is_place and number(cells[-1]) is None and not cells[1].isdigit())


def _yolo_names(cells: Sequence[str]) -> tuple[str, ...] | None:
    if len(cells) == len(_YOLO_RESULTS):
        return _YOLO_RESULTS
    if len(cells) != len(_YOLO_BARS):
        return None
    return _YOLO_8_BARS if (number(cells[4]) or 0) > _LEAST_DFL else _YOLO_BARS


def _delimiter(line: str) -> str:
    return next((sign for sign in ("\t", ";", ",") if "|" not in line and sign in line.strip()), "")


def _cells(line: str, delimiter: str) -> list[str]:
    if "|" in line:
        return [_MARKED.sub(r"\1", cell.strip()) for cell in line.strip().strip("|").split("|")]
    return [cell.strip(" \"'") for cell in line.strip().split(delimiter)] if delimiter else line.split()


def _entry(names: Sequence[str], cells: Sequence[str]) -> dict[str, Cell]:
    entry: dict[str, Cell] = {}
    for name, cell in zip(names, cells, strict=True):
        if fraction := _FRACTION.fullmatch(cell):
            entry[name], entry[f"total_{name.lower()}s"] = fraction[1], fraction[2]
        else:
            entry[name] = cell.rstrip(":%") if cell[-1:] in (":", "%") else cell
    return entry


@lru_cache(maxsize=64)
def _headers(line: str) -> list[tuple[str, ...]]:
    """The ways in which a line can be read as names of columns, the likeliest first."""
    text = _COMMENT.sub("", line.strip().strip("|").strip(), count=1)
    if "|" in text:
        ways = [re.split(r"\s*\|\s*", text)]
    elif "\t" in text:
        ways = [re.split(r"\s*\t\s*", text)]
    elif sign := _delimiter(text):  # what was pasted of a CSV
        names = _cells(text, sign)
        ways = [names] if all(len(name.split()) <= _MOST_WORDS for name in names) else []
    else:
        words = [part.replace("\x00", " ") for part in _SPLIT_WORDS.sub("\\1\x00\\2", text).split()]
        ways = [re.split(r"\s{2,}", text), words, text.split()]
    return [way for names in ways if (way := _named(names))]


def _headers_of_two(above: str, line: str) -> list[tuple[str, ...]]:
    """Names on two lines; where the lower ones come again, each upper one is the title of a group of columns."""
    upper, lower = (_cells(half, "") for half in (above, line))
    if len(upper) != len(lower) or len(upper) < 3 or ("|" in above) != ("|" in line):
        return []
    if len({*lower}) < len(lower):
        for place, name in enumerate(upper):
            upper[place] = name or (upper[place - 1] if place else "")
    way = _named([" ".join(filter(None, half)) for half in zip(upper, lower, strict=True)])
    return [way] if way else []


def _named(names: Sequence[str]) -> tuple[str, ...] | None:
    names = [names[0].rstrip(":"), *names[1:]] if names else names
    if len(names) < 2 or len(set(names)) < len(names) or not all(0 < len(name) <= 50 for name in names):
        return None
    if any(_IS_NO_NAME.search(name) or any(number(word) is not None for word in name.split()) for name in names):
        return None
    if "gpu_mem" in (lowered := [name.lower() for name in names]):
        names = [f"{name}_loss" if name in _YOLO else name for name in lowered]
    if tuple(names[:2]) == ("E", "#"):
        names = [_SPACY.get(name, name) for name in names]
    known = [found.canonical for name in names if (found := meaning(name))]
    is_of_training = len(known) > 1 and not {"loss", "val_loss"}.isdisjoint(known)
    return tuple(names) if is_of_training or _is_of_agents(names) else None


def _is_of_agents(names: Sequence[str]) -> bool:
    """Rewards alone make a table where it begins with a place: in a sentence about a reward there is one too."""
    place, *others = names
    if (what := meaning(place)) is None or what.canonical not in ("step", "epoch"):
        return False
    return any(reward_rank(words_of(name)) is not None or is_of_agent(words_of(name)) for name in others)
