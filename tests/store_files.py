"""Tiny writers of the binary formats in which trainers store metrics; tests need none of their libraries."""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping

from tinygpt_tui.engine.readers.crc32c import masked, plain_checksum

WANDB_BLOCK = 1 << 15


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def message(number: int, data: bytes) -> bytes:
    """A field that holds bytes, text or another message."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def frame(data: bytes) -> bytes:
    """A TFRecord."""
    length = struct.pack("<Q", len(data))
    checks = [struct.pack("<I", masked(plain_checksum(part))) for part in (length, data)]
    return length + checks[0] + data + checks[1]


def simple(tag: str, value: float) -> bytes:
    return message(1, message(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def tensor(tag: str, value: float, *, double: bool = False, content: bool = True) -> bytes:
    """A scalar as TF2 writes it, as the bytes of a tensor or as a repeated field."""
    packed = struct.pack("<d" if double else "<f", value)
    kind = b"\x08" + varint(2 if double else 1)
    held = message(4, packed) if content else message(6 if double else 5, packed)
    return message(1, message(1, tag.encode()) + message(8, kind + message(2, b"") + held))


def event(step: int, *values: bytes, time: float = 1e9) -> bytes:
    where = b"\x10" + varint(step) if step else b""
    return frame(b"\x09" + struct.pack("<d", time) + where + message(5, b"".join(values)))


def events(*frames: bytes) -> bytes:
    version = frame(b"\x09" + struct.pack("<d", 1e9) + message(3, b"brain.Event:2"))
    return version + b"".join(frames)


def history(row: Mapping[str, object], *, nested: bool = False) -> bytes:
    items = [
        message(
            1,
            (b"".join(message(2, part.encode()) for part in key.split("/")) if nested else message(1, key.encode()))
            + message(16, json.dumps(value).encode()),
        )
        for key, value in row.items()
    ]
    return b"\x08\x01" + message(2, b"".join(items))


def config(settings: Mapping[str, object], *, of_run: bool = False) -> bytes:
    """A record of settings as W&B writes it: when the run begins, or when they are updated."""
    items = (
        message(1, message(1, key.encode()) + message(16, json.dumps(value).encode()))
        for key, value in settings.items()
    )
    updates = b"".join(items)
    return b"\x08\x01" + (message(17, message(4, updates)) if of_run else message(5, updates))


def hparams(settings: Mapping[str, float | str | bool]) -> bytes:
    """A summary as the HPARAMS tab of TensorBoard reads it."""

    def value(held: float | str | bool) -> bytes:
        if isinstance(held, bool):
            return b"\x20" + varint(int(held))
        return message(3, held.encode()) if isinstance(held, str) else b"\x11" + struct.pack("<d", held)

    entries = (message(1, message(1, key.encode()) + message(2, value(held))) for key, held in settings.items())
    plugin = message(1, b"hparams") + message(2, message(3, b"".join(entries)))
    return message(1, message(1, b"_hparams_/session_start_info") + message(9, message(1, plugin)))


def wandb(records: Iterable[bytes]) -> bytes:
    file = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        is_first = True
        while record or is_first:
            left = WANDB_BLOCK - len(file) % WANDB_BLOCK
            if left < 7:
                file += b"\x00" * left
                continue
            piece, record = record[: left - 7], record[left - 7 :]
            kind = (2 if record else 1) if is_first else (3 if record else 4)
            file += struct.pack("<IHB", zlib.crc32(bytes([kind]) + piece), len(piece), kind) + piece
            is_first = False
    return bytes(file)
