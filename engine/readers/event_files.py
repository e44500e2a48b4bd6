"""TensorBoard's event files: TFRecord frames around protobuf events, with scalars as plain values or as tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from struct import Struct, calcsize, unpack

from .crc32c import fast_checksum, masked, plain_checksum
from .format import Format
from .hparams import hparams
from .points import Point, joined
from .protobuf import MALFORMED, fields, messages, signed, varint
from .record import RESUMED, Record
from .setting_values import SettingValue

Blocks = Callable[[], Iterator[bytes]]
"""The bytes of a file from its beginning, in pieces of any size."""

_HEAD = Struct("<QI")
"""A frame: the length of its data, a masked checksum of that, the data, and a masked checksum of the data."""
_LARGEST = 1 << 26
"""Bytes; a longer frame holds no scalar."""
_FRAME = re.compile(rb"(?s)(?=(.{3}[\x00-\x04]\x00{4}.{4})\x09)")
"""What may be a frame's head; its event begins with a wall time, field 1 of 8 bytes."""
_PLAIN = re.compile(
    rb"(?s)(.{12})\x09(.{8})(?:\x10([\x80-\xff]{0,9}[\x00-\x7f]))?"
    rb"\x2a[\x00-\x7f]\x0a[\x00-\x7f]\x0a([\x00-\x7f])(.{1,120}?)\x15(.{4}).{4}"
).match
"""A whole frame around one plain value: its head, wall time, step, and a summary of a tag and a float."""
_FIRST_BLOCKS = 16
"""Of a file, in which settings are looked for: some megabytes."""
_double, _float = Struct("<d").unpack, Struct("<f").unpack
_CONTENTS = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""The types of a tensor that scalars have."""


@dataclass(frozen=True)
class EventFiles(Format):
    runs: Mapping[str, Sequence[tuple[str, Blocks]]]
    """Run -> its files, each with the split that its folder's name states: validation, or nothing."""
    name: str = "TensorBoard event file"
    _damaged: list[int] = field(default_factory=lambda: [0], repr=False)

    def records(self, chunks: Iterable[bytes] = ()) -> Iterator[Record]:
        self._damaged[0] = 0
        several = len(self.runs) > 1
        for run, files in self.runs.items():
            splits = [split for split, _ in files]
            streams = [self._points(blocks(), split, is_part=splits.count(split) > 1) for split, blocks in files]
            yield from joined(streams, run if several else "")

    def settings(self, run: str) -> Mapping[str, SettingValue]:
        """Those of the HPARAMS tab. add_hparams of PyTorch writes them into a folder of their own, below the run's."""
        below = [name for name in self.runs if run in ("", ".") or name.startswith(f"{run}/")]
        for name in dict.fromkeys([run, *below]):
            for _, blocks in self.runs.get(name, ()):
                if found := hparams(iter(Frames(islice(blocks(), _FIRST_BLOCKS), [0]).next, None)):
                    return found
        return {}

    def skipped(self) -> tuple[str, ...]:
        count = self._damaged[0]
        return (f"{count} damaged record{'s' * (count > 1)}",) if count else ()

    def _points(self, blocks: Iterator[bytes], split: str, *, is_part: bool) -> Iterator[Point]:
        """`is_part`: other files hold the same metrics of the run, before or after; the first point here has a mark."""
        points = self._scalars(blocks, split)
        if is_part and (first := next(points, None)):
            time, step, _, _ = first
            yield time, step, RESUMED, 0.0
            yield first
        yield from points

    def _scalars(self, blocks: Iterator[bytes], split: str) -> Iterator[Point]:
        names: dict[bytes, str] = {}
        last, step = b"\x00", 0
        found = Frames(blocks, self._damaged)
        while True:
            for time, written, tag, value in found.plain():
                if written != last:
                    last, step = written, signed(varint(written, 0)[0])
                name = names.get(tag)
                if name is None:
                    name = names[tag] = split + tag.decode(errors="replace")
                yield _double(time)[0], step, name, _float(value)[0]
            event = found.next()
            if event is None:
                return
            try:
                yield from [(time, step, split + tag, value) for time, step, tag, value in _scalars(event)]
            except MALFORMED:
                self._damaged[0] += 1


class Frames:
    """The whole frames of a file. Behind a damaged one reading goes on where the next head stands."""

    def __init__(self, blocks: Iterator[bytes], damaged: list[int]) -> None:
        self._blocks = blocks
        self._damaged = damaged
        self._checksum = fast_checksum()
        self._data, self._at = b"", 0

    def next(self) -> bytes | None:
        """The data of the next frame."""
        while self._has(_HEAD.size):
            length = _length(self._data[self._at : self._at + _HEAD.size])
            if length is None or length > _LARGEST:
                self._damaged[0] += 1
                self._data, self._at = _next_frame(self._data[self._at + 1 :], self._blocks), 0
                continue
            if not self._has(_HEAD.size + length + 4):
                break  # the end was cut off, or is not written yet
            start, self._at = self._at, self._at + _HEAD.size + length + 4
            if self._is_whole(start, self._at):
                return self._data[start + _HEAD.size : self._at - 4]
            self._damaged[0] += 1
        return None

    def plain(self) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
        """Wall time, step, tag and value of the next frames, as they are written, while each is whole and holds just
        that, and is in memory."""
        data, at, checks = self._data, self._at, self._checksum is not None
        while frame := _PLAIN(data, at):
            head, time, step, size, tag, value = frame.groups(b"\x00")
            end = frame.end()
            if _length(head) != end - at - _HEAD.size - 4 or len(tag) != size[0]:
                break
            if checks and not self._is_whole(at, end):
                break
            self._at = at = end
            yield time, step, tag, value

    def _is_whole(self, start: int, end: int) -> bool:
        """By its checksum, where that can be computed fast."""
        if self._checksum is None:
            return True
        event, check = self._data[start + _HEAD.size : end - 4], self._data[end - 4 : end]
        return masked(self._checksum(event)) == int.from_bytes(check, "little")

    def _has(self, size: int) -> bool:
        """Whether there is as much to be read; what was read of the file is made longer where it ends before."""
        if len(self._data) - self._at < size:
            self._data, self._at = _filled(self._data[self._at :], self._blocks, size), 0
        return len(self._data) - self._at >= size


@lru_cache(maxsize=4096)
def _length(head: bytes) -> int | None:
    """Of the data behind a head; None where its checksum is wrong."""
    length, check = _HEAD.unpack(head)
    return length if masked(plain_checksum(head[:8])) == check else None


def _filled(data: bytes, blocks: Iterator[bytes], size: int) -> bytes:
    """The data with as much behind it as makes it this long, or as there is."""
    parts, have = [data], len(data)
    while have < size and (block := next(blocks, b"")):
        parts.append(block)
        have += len(block)
    return b"".join(parts)


def _next_frame(data: bytes, blocks: Iterator[bytes]) -> bytes:
    while True:
        for head in _FRAME.finditer(data):
            if _length(head[1]) is not None:
                return data[head.start() :]
        block = next(blocks, b"")
        if not block:
            return b""
        data = data[-_HEAD.size :] + block


def _scalars(event: bytes) -> Iterator[Point]:
    """Event: wall_time 1, step 2, summary 5. Summary: value 1. Value: tag 1, simple_value 2, tensor 8."""
    time, step = 0.0, 0
    for number, held in fields(event):
        if number == 1 and isinstance(held, float):
            time = held
        elif number == 2 and isinstance(held, int):
            step = signed(held)
        elif number == 5 and isinstance(held, bytes):
            for value in messages(held, 1):
                tag, scalar = "", None
                for kind, part in fields(value):
                    if kind == 1 and isinstance(part, bytes):
                        tag = part.decode(errors="replace")
                    elif kind == 2 and isinstance(part, float):
                        scalar = part
                    elif kind == 8 and isinstance(part, bytes):
                        scalar = _tensor(part)
                if tag and scalar is not None:
                    yield time, step, tag, scalar


def _tensor(data: bytes) -> float | None:
    """The number in a tensor of one: dtype 1, content 4, float_val 5, double_val 6, int_val 7, int64_val 10."""
    kind, scalar = 0, None
    for number, held in fields(data):
        if number == 1 and isinstance(held, int):
            kind = held
        elif number == 4 and isinstance(held, bytes):
            layout = _CONTENTS.get(kind)
            if layout and len(held) == calcsize(layout):
                scalar = float(unpack(layout, held)[0])
        elif number in (5, 6, 7, 10):
            scalar = _packed(number, held)
    return scalar


def _packed(number: int, held: int | float | bytes) -> float | None:
    """A repeated field of one number, packed or not."""
    if isinstance(held, float):
        return held
    if isinstance(held, int):
        return float(signed(held))
    if number in (7, 10):
        value, end = varint(held, 0)
        return float(signed(value)) if end == len(held) else None
    layout = "<f" if number == 5 else "<d"
    return unpack(layout, held)[0] if len(held) == calcsize(layout) else None
