"""The checksum of TensorBoard's records (CRC-32C, Castagnoli), masked as TFRecord files hold it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8


@cache
def fast_checksum() -> Callable[[bytes], int] | None:
    """The checksum by google-crc32c, where it is installed; in plain Python whole records would take too long."""
    try:
        value: Callable[[bytes], int] = importlib.import_module("google_crc32c").value
    except ImportError:
        return None
    return value


def plain_checksum(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _table()[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)
