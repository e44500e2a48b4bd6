"""One entry of a log as it was written: names of the file's own, and cells that may be numbers, text or nothing."""

import math
import re
from collections.abc import Mapping

Cell = float | int | str | bool | None
Record = Mapping[str, Cell]

RUN = "\x00run"
"""The name under which a reader keeps the name of a record's run; no log can have it, because NUL bytes are dropped."""

RESUMED = "\x00resumed"
"""The name under which a record holds that a program began to write with it, as `Row.resumed` does."""

WRITTEN = "\x00written"
"""The name under which a reader keeps when a record was written, in seconds, where the log has no such column."""

_THOUSANDS = re.compile(r"[-+]?(?!0)\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_TENSOR = re.compile(r"tensor\(\s*([^,()\s]+)")
_PADDED = re.compile(r"([-+]?(?:nan|inf))x+", re.IGNORECASE)
"""Filled up with x to the width of a number, as PaddleOCR prints it."""
_SPELLINGS = {"-nan": math.nan, "nan(ind)": math.nan, "-nan(ind)": math.nan, "1.#qnan": math.nan, "-1.#ind": math.nan}
_SPELLINGS |= {"1.#ind": math.nan, "1.#inf": math.inf, "-1.#inf": -math.inf, "∞": math.inf, "-∞": -math.inf}


def number(cell: object) -> float | None:
    """A cell as a number, NaN and infinity included; None for what is none, and for nothing."""
    match cell:
        case float():
            return cell
        case bool() | None:
            return None
        case int():
            return float(cell) if -(1 << 1000) < cell < 1 << 1000 else (math.inf if cell > 0 else -math.inf)
        case str():
            return _parsed(cell)
        case _:
            return None


def total_of(parts: str) -> float | None:
    """The sum of numbers with commas between them; two may be a loss and an accuracy, and have none."""
    values = [number(part) for part in parts.split(",")]
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) > 2 else None


def _parsed(text: str) -> float | None:
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    if not text or len(text) > 100:
        return None
    if (padded := _PADDED.fullmatch(text)) is not None:
        return float(padded[1])
    if text.lower() in _SPELLINGS:
        return _SPELLINGS[text.lower()]
    if text.endswith("%"):
        share = _parsed(text[:-1])
        return None if share is None else share / 100
    if _THOUSANDS.fullmatch(text):
        return float(text.replace(",", ""))
    if _DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    inner = _TENSOR.match(text)
    return _parsed(inner[1]) if inner else None
