"""A run as an event file of TensorBoard: TFRecord frames around protobuf events, scalars as tensors of 64 bits."""

import struct
from collections.abc import Sequence

from ..readers.crc32c import fast_checksum, masked, plain_checksum
from .run_series import RunSeries
from .tables import ExportError

_DOUBLE = 2
"""tensorflow.DataType.DT_DOUBLE; the usual floats of 32 bits would not come back as the same numbers."""
_SCALAR = 1
"""tensorboard.DataClass.DATA_CLASS_SCALAR."""


def event_file(runs: Sequence[RunSeries]) -> bytes:
    """ExportError for several runs: in TensorBoard a folder is a run."""
    if len(runs) > 1:
        raise ExportError("an event file holds one run; name one")
    written = [_frame(_event(0, 0.0, _field(3, b"brain.Event:2")))]
    time = 0.0
    for step, row in runs[0].rows():
        # what no time is known of stands in by its step: readers need the order alone
        time = max(row.pop("time", step if "time" not in runs[0].series else time), time)
        values = b"".join(_field(1, _value(name, number)) for name, number in row.items())
        written.append(_frame(_event(step, time, _field(5, values))))
    return b"".join(written)


def _event(step: int, time: float, what: bytes) -> bytes:
    """tensorboard.Event: 1 wall_time, 2 step, 3 file_version, 5 summary."""
    return b"\x09" + struct.pack("<d", time) + b"\x10" + _varint(step) + what


def _value(tag: str, number: float) -> bytes:
    """tensorboard.Summary.Value: 1 tag, 8 tensor (1 dtype, 2 shape, 4 content), 9 metadata (1 plugin, 4 class)."""
    tensor = b"\x08" + _varint(_DOUBLE) + _field(2, b"") + _field(4, struct.pack("<d", number))
    metadata = _field(1, _field(1, b"scalars")) + b"\x20" + _varint(_SCALAR)
    return _field(1, tag.encode()) + _field(8, tensor) + _field(9, metadata)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def _frame(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    checksum = fast_checksum() or plain_checksum
    checks = [struct.pack("<I", masked(checksum(part))) for part in (length, data)]
    return length + checks[0] + data + checks[1]
