"""The wire format of protocol buffers, as far as it is needed to find a message's fields."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack

MALFORMED = (ValueError, IndexError)
"""What reading a damaged message raises."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that starts here, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of each field; of eight bytes a double, of four a float, as logs use them."""
    at, end = 0, len(data)
    while at < end:
        tag, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            length, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (1, 5):
            width = 8 if wire == 1 else 4
            if at + width > end:
                raise ValueError("a field behind the end of its message")
            value, at = unpack("<d" if wire == 1 else "<f", data[at : at + width])[0], at + width
        else:
            raise ValueError(f"wire type {wire}")
        if at > end:
            raise ValueError("a field behind the end of its message")
        yield tag >> 3, value


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """The values of one field that holds messages or text."""
    for found, value in fields(data):
        if found == number and isinstance(value, bytes):
            yield value


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
