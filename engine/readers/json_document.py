"""One JSON document that holds a run: a list of entries, or a series for every metric, wherever in it they lie."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Self

from .format import Format
from .json_lines import flat, loaded
from .names import meaning
from .record import RUN, Record, number
from .setting_values import SettingValue, flat_settings_of
from .source import ReadError

LARGEST_DOCUMENT = 1 << 28
"""Bytes of a document that is read; it is in memory whole, as lines are not."""
_DEPTH = 6
_SETTINGS = ("config", "args", "hparams", "hyperparameters", "settings")
_OF_TRAINER = ("max_steps", "num_train_epochs", "train_batch_size", "logging_steps", "eval_steps", "save_steps")
"""What a trainer_state.json of Hugging Face states."""
_INNERMOST = re.compile(rb"\{[^{}]*\}")


@dataclass(frozen=True)
class JsonDocument(Format):
    entries: tuple[Record, ...] = field(repr=False)
    name: str = "JSON document"
    stated: Mapping[str, SettingValue] = field(default_factory=dict[str, SettingValue], repr=False)
    """The settings that the document states beside its entries."""

    @classmethod
    def of(cls, text: bytes, file: str) -> Self:
        if len(text) > LARGEST_DOCUMENT:
            raise ReadError(
                f"{file}: is one JSON document of {len(text) >> 20} MB; write one entry a line (jq -c '.[]')"
            )
        document = loaded(text)
        if document is None:
            # cut in the middle, or damaged: the entries that are whole are still a log
            return cls(tuple(entry for piece in _INNERMOST.findall(text) if _is_entry(entry := loaded(piece))))
        table = _best_table(document)
        totals = _totals(document)
        entries = tuple({**totals, **entry} for entry in table) if totals else tuple(table)
        return cls(entries, stated=_stated(document))

    def settings(self, run: str) -> Mapping[str, SettingValue]:
        return self.stated

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        yield from self.entries


def looks_like_document(head: bytes) -> bool:
    return head.lstrip(b"\x00\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _best_table(document: Any, depth: int = _DEPTH) -> Sequence[Record]:
    """The entries of the longest table with a loss, else of the longest one."""
    return max(_tables(document, depth), key=lambda table: (_has_loss(table), len(table)), default=())


def _tables(node: Any, depth: int) -> Iterator[Sequence[Record]]:
    match node:
        case list():
            entries = [flat(entry) for entry in node if _is_entry(entry)]
            if entries:
                yield entries
            elif len(node) > 1 and all(isinstance(one, list) and len(one) == 3 for one in node):
                # what TensorBoard hands out for a scalar
                yield [dict(zip(("Wall time", "Step", "Value"), one, strict=True)) for one in node]
        case dict():
            if series := _series(node):
                yield _joined(series)
            elif entries := _keyed_entries(node):
                yield entries
            if runs := _runs(node):
                yield runs
            if depth:
                for inner in node.values():
                    yield from _tables(inner, depth - 1)


def _keyed_entries(node: Mapping[str, Any]) -> list[Record]:
    """Entries under keys such as `3` or `epoch_3`, which are their steps."""
    entries = [(key, entry) for key, entry in node.items() if _is_entry(entry)]
    return [{"step": _key_step(key, place), **flat(entry)} for place, (key, entry) in enumerate(entries)]


def _is_entry(node: Any) -> bool:
    """An object with numbers of its own."""
    return isinstance(node, dict) and any(number(cell) is not None for cell in node.values())


def _has_loss(table: Sequence[Record]) -> bool:
    names = {name for entry in table[:20] for name in entry}
    return any((found := meaning(name)) and found.canonical in ("loss", "val_loss") for name in names)


def _runs(node: Mapping[str, Any]) -> list[Record]:
    """Several runs in one object, each with series of its own."""
    inner = {key: _series(value) for key, value in node.items() if isinstance(value, dict)}
    inner = {key: series for key, series in inner.items() if series and _has_loss([dict.fromkeys(series, 0.0)])}
    names = [frozenset(series) for series in inner.values()]
    if len(inner) < 2 or any(meaning(key) for key in inner) or len(set(names)) > 1:
        return []
    return [{**entry, RUN: key} for key, series in inner.items() for entry in _joined(series)]


def _series(node: Mapping[str, Any], prefix: str = "", depth: int = 2) -> dict[str, dict[float, Any]]:
    """name -> step -> cell, of those values of an object that are series."""
    found: dict[str, dict[float, Any]] = {}
    for name, value in node.items():
        if (points := _points(value)) is not None:
            found[prefix + name] = points
        elif (
            isinstance(value, dict) and depth and (prefix or meaning(name) or name in ("history", "metrics", "losses"))
        ):
            found |= _series(value, f"{prefix}{name}/", depth - 1)
    return found


def _points(value: Any) -> dict[float, Any] | None:
    match value:
        case {"values": dict() as values} | {"value": dict() as values}:
            return {step: cell for step, cell in (_stepped(values) or {}).items() if cell != "nan"}
        case {"values": list() as values}:
            every = number(value.get("step_interval")) or 1.0
            first = number(value.get("start_step")) or 0.0
            return {first + place * every: cell for place, cell in enumerate(values) if cell != "nan"}
        case dict():
            return _stepped(value)
        case list() if len(value) > 1 and all(isinstance(one, list) and len(one) == 2 for one in value):
            return {
                step: cell for one in value if (step := number(one[0])) is not None and (cell := one[1]) is not None
            }
        case list() if value and all(cell is None or isinstance(cell, int | float | str) for cell in value):
            return {float(place): cell for place, cell in enumerate(value)} if _mostly_numbers(value) else None
        case _:
            return None


def _stepped(values: Mapping[str, Any]) -> dict[float, Any] | None:
    """Values under their steps; None where the keys are no numbers."""
    steps = [number(key) for key in values]
    if not values or None in steps or not _mostly_numbers(values.values()):
        return None
    return dict(zip((step for step in steps if step is not None), values.values(), strict=True))


def _mostly_numbers(cells: Iterable[Any]) -> bool:
    known = [number(cell) is not None for cell in cells if cell is not None]
    return sum(known) * 2 > len(known)


def _joined(series: Mapping[str, Mapping[float, Any]]) -> list[Record]:
    """Entries by step. Lists have no steps, so lists of other lengths are stretched: all were logged over one run."""
    has_steps = any(list(points) != [*range(len(points))] for points in series.values())
    own = next((name for name in series if (found := meaning(name)) and found.canonical in ("step", "epoch")), None)
    longest = max(map(len, series.values()))
    entries: dict[float, dict[str, Any]] = {}
    for name, points in series.items():
        for place, (step, cell) in enumerate(points.items()):
            at = step if has_steps or len(points) == longest else ceil((place + 1) * longest / len(points)) - 1.0
            entries.setdefault(at, {} if own else {"step": at})[name] = cell
    return [entries[at] for at in sorted(entries)]


def _key_step(key: str, place: int) -> float:
    """The number in a key such as `epoch_3`."""
    digits = re.search(r"\d+", key)
    return float(digits[0][:15]) if digits else float(place)


def _totals(document: Any) -> dict[str, Any]:
    """The planned length, where the document states it beside its entries."""
    if not isinstance(document, dict):
        return {}
    wanted = ("max_steps", "total_steps")
    return {name: total for name in wanted if (total := number(document.get(name))) is not None and total > 0}


def _stated(document: Any) -> dict[str, SettingValue]:
    if not isinstance(document, dict):
        return {}
    found = [inner for name in _SETTINGS if isinstance(inner := document.get(name), dict)]
    own = {name: document[name] for name in _OF_TRAINER if isinstance(document.get(name), int | float)}
    return flat_settings_of({key: value for tree in [*found, own] for key, value in tree.items()})
