"""W&B's own log of a run (`run-ID.wandb`): LevelDB log blocks around protobuf records with JSON values."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from struct import Struct
from typing import Any

from .event_files import Blocks
from .format import Format
from .json_lines import flat, loaded
from .protobuf import MALFORMED, fields, messages
from .record import RUN, Cell, Record
from .setting_values import SettingValue, flat_settings_of

_HEADER = 7
"""Bytes before the first fragment: the magic, 0xBEE1 and a version; they are part of the first block."""
_BLOCK = 1 << 15
_FRAGMENT = Struct("<IHB")
"""Checksum of kind and data, length of the data, kind."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY = 2
"""Field of a record. History: item 1, step 2. Item: key 1, nested_key 2, value_json 16."""
_CONFIG, _RUN, _CONFIG_OF_RUN = 5, 17, 4
"""Fields of a record and of a run's record. Config: update 1, remove 2, each an item as those of the history."""
_FIRST_BLOCKS = 16
"""Of a file, in which settings are looked for: some megabytes."""


@dataclass(frozen=True)
class WandbFiles(Format):
    runs: Mapping[str, Blocks]
    name: str = "W&B run file"
    _damaged: list[int] = field(default_factory=lambda: [0], repr=False)

    def records(self, chunks: Iterable[bytes] = ()) -> Iterator[Record]:
        self._damaged[0] = 0
        head: dict[str, Cell] = {}
        for run, blocks in self.runs.items():
            if len(self.runs) > 1:
                head = {RUN: run}
            histories = _Histories()
            for record in _records(blocks(), self._damaged):
                try:
                    if record[:1] != b"\x12" and record[:1] != b"\x08":
                        continue  # neither history nor a number before it
                    for history in messages(record, _HISTORY):
                        yield head | histories.row(history)
                except MALFORMED:
                    self._damaged[0] += 1

    def settings(self, run: str) -> Mapping[str, SettingValue]:
        blocks = self.runs.get(run) or (next(iter(self.runs.values())) if len(self.runs) == 1 else None)
        tree: dict[str, Any] = {}
        for record in _records(islice(blocks(), _FIRST_BLOCKS), [0]) if blocks else ():
            try:
                for config in _configs(record):
                    _take_config(tree, config)
            except MALFORMED:
                continue
        return flat_settings_of(tree)

    def skipped(self) -> tuple[str, ...]:
        count = self._damaged[0]
        return (f"{count} damaged record{'s' * (count > 1)}",) if count else ()


def _records(blocks: Iterator[bytes], damaged: list[int]) -> Iterator[bytes]:
    """The whole records; one may lie in several fragments, and a damaged block is left at its end."""
    parts: list[bytes] = []
    skip = _HEADER
    for block in _of_size(blocks, _BLOCK):
        at, skip = skip, 0
        while at + _FRAGMENT.size <= len(block):
            check, length, kind = _FRAGMENT.unpack_from(block, at)
            if not (check or length or kind):
                break  # padding to the block's end
            end = at + _FRAGMENT.size + length
            if end > len(block):
                if len(block) == _BLOCK:
                    damaged[0] += 1
                    parts = []
                break  # in the last block: not written to its end yet
            if zlib.crc32(block[at + 6 : end]) != check:
                damaged[0] += 1
                parts = []
                break
            piece, at = block[at + _FRAGMENT.size : end], end
            if kind == _FULL:
                yield piece
            elif kind == _FIRST:
                parts = [piece]
            elif parts:
                parts.append(piece)
                if kind == _LAST:
                    yield b"".join(parts)
                    parts = []


def _of_size(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        data = rest + block
        whole = len(data) - len(data) % size
        for start in range(0, whole, size):
            yield data[start : start + size]
        rest = data[whole:]
    if rest:
        yield rest


class _Histories:
    """Makes histories into rows. Nearly all of a run have the same keys in the same order, and a number for each: one
    pattern takes them apart."""

    def __init__(self) -> None:
        self._keys: dict[bytes, str] = {}
        self._names: tuple[str, ...] = ()
        self._before: tuple[str, ...] = ()
        """Names of the last row that the pattern did not fit."""
        self._match = re.compile(rb"(?!)").fullmatch

    def row(self, history: bytes) -> dict[str, Cell]:
        if values := self._match(history):
            try:
                return dict(zip(self._names, map(float, values.groups()), strict=True))
            except ValueError:  # 1-2 has the letters of a number, and is none
                pass
        row = _row(history, self._keys)
        names = tuple(row)
        if names == self._before != self._names:
            self._names, self._match = names, _pattern(names).fullmatch
        self._before = names
        return row


def _pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    """Of a history with these keys, each below 128 bytes, with values of the letters of numbers."""
    keys = (name.encode() for name in names)
    items = (re.escape(bytes([len(key) % 128]) + key) for key in keys)
    return re.compile(b"(?s)" + b"".join(rb"\n.[\n\x12]" + item + rb"\x82\x01.([-+.eE\d]+)" for item in items))


def _row(history: bytes, keys: dict[bytes, str]) -> dict[str, Cell]:
    row: dict[str, Cell] = {}
    at, end = 0, len(history)
    while at + 4 < end and history[at] == 0x0A:
        item_end = at + 2 + history[at + 1]
        key_end = at + 4 + history[at + 3]
        value = key_end + 3
        if (
            item_end - at > 0x81
            or history[at + 2] not in (0x0A, 0x12)
            or item_end > end
            or history[key_end : key_end + 2] != b"\x82\x01"
            or value + history[key_end + 2] != item_end
        ):
            break
        text = history[at + 4 : key_end]
        key = keys.get(text)
        if key is None:
            key = keys[text] = text.decode(errors="replace")
        try:
            row[key] = float(history[value:item_end])
        except ValueError:
            _add(row, key, history[value:item_end])
        at = item_end
    if at < end:
        _add_rest(row, history[at:])
    return row


def _add_rest(row: dict[str, Cell], history: bytes) -> None:
    """Items of any shape, and the step that is not among the items of some versions."""
    for number, held in fields(history):
        if not isinstance(held, bytes):
            continue
        if number == 2:
            steps = [float(step) for kind, step in fields(held) if kind == 1 and isinstance(step, int)]
            row.setdefault("_step", steps[0] if steps else 0.0)
        elif number == 1:
            parts = [(kind, part) for kind, part in fields(held) if isinstance(part, bytes)]
            names = [part.decode(errors="replace") for kind, part in parts if kind in (1, 2) and part]
            _add(row, "/".join(names), next((part for kind, part in parts if kind == 16), b""))


def _add(row: dict[str, Cell], key: str, text: bytes) -> None:
    value = loaded(text)
    if isinstance(value, dict):
        if "_type" not in value:  # a picture, a table or a histogram has one
            row |= flat({key: value})
    elif isinstance(value, float | int | str):
        row[key] = value


def _configs(record: bytes) -> Iterator[bytes]:
    for number, held in fields(record):
        if isinstance(held, bytes):
            if number == _CONFIG:
                yield held
            elif number == _RUN:
                yield from messages(held, _CONFIG_OF_RUN)


def _take_config(tree: dict[str, Any], config: bytes) -> None:
    """Settings that were given or changed, and those that were taken back."""
    for change, item in fields(config):
        if not isinstance(item, bytes):
            continue
        parts = [(kind, part) for kind, part in fields(item) if isinstance(part, bytes)]
        key = "/".join(part.decode(errors="replace") for kind, part in parts if kind in (1, 2) and part)
        if change == 1:
            tree[key] = loaded(next((part for kind, part in parts if kind == 16), b"null"))
        else:
            tree.pop(key, None)
