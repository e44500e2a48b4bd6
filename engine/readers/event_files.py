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
_FRAME = re.compile(rb"(?s)(?=(.{3}[\x00-\x04]\x00{4})(.{4})\x09)")
"""What may be a frame's head; its event begins with a wall time, field 1 of 8 bytes."""
_SCALAR = re.compile(
    rb"(?s)\x09(.{8})(?:\x10([\x80-\xff]{0,9}[\x00-\x7f]))?\x2a[\x00-\x7f]\x0a[\x00-\x7f]\x0a([\x00-\x7f])(.{1,120})\x15(.{4})"
).fullmatch
"""An event with one plain value: wall time, step, and a summary of a tag and a float."""
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
                if found := hparams(frames(islice(blocks(), _FIRST_BLOCKS), [0])):
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
        for event in frames(blocks, self._damaged):
            if (scalar := _SCALAR(event)) and len(scalar[4]) == scalar[3][0]:
                tag = names.get(scalar[4])
                if tag is None:
                    tag = names[scalar[4]] = split + scalar[4].decode(errors="replace")
                step = signed(varint(scalar[2], 0)[0]) if scalar[2] else 0
                yield _double(scalar[1])[0], step, tag, _float(scalar[5])[0]
                continue
            try:
                yield from [(time, step, split + tag, value) for time, step, tag, value in _scalars(event)]
            except MALFORMED:
                self._damaged[0] += 1


def frames(blocks: Iterator[bytes], damaged: list[int]) -> Iterator[bytes]:
    """The data of every whole frame. Behind a damaged one reading goes on where the next head stands."""
    data, at, checksum = b"", 0, fast_checksum()
    while True:
        if len(data) - at < _HEAD.size:
            data, at = _filled(data[at:], blocks, _HEAD.size), 0
            if len(data) < _HEAD.size:
                return
        length, check = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + length + 4
        if length > _LARGEST or _checked(data[at : at + 8]) != check:
            damaged[0] += 1
            data, at = _next_frame(data[at + 1 :], blocks), 0
            continue
        if end > len(data):
            data, end, at = _filled(data[at:], blocks, end - at), end - at, 0
            if end > len(data):
                return  # the end was cut off, or is not written yet
        event = data[at + _HEAD.size : end - 4]
        if checksum and masked(checksum(event)) != int.from_bytes(data[end - 4 : end], "little"):
            damaged[0] += 1
        else:
            yield event
        at = end


@lru_cache(maxsize=4096)
def _checked(length: bytes) -> int:
    return masked(plain_checksum(length))


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
            if _checked(head[1]) == int.from_bytes(head[2], "little"):
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
