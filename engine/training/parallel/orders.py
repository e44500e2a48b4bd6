"""What the first process of a run tells each of the others, over a pipe: it ends with the first, whatever ends that.

Weights and gradients go another way, see `exchange`. An order is four bytes for its length, and MessagePack.
"""

from collections.abc import Iterator
from typing import IO

import msgspec

_LENGTH_BYTES = 4


class JoinRun(msgspec.Struct, frozen=True, tag=True):
    """The first order."""

    config: str
    """TOML, with nothing left to decide."""
    rank: int
    store: str
    """Path of the file through which the processes find each other."""


class BeginStep(msgspec.Struct, frozen=True, tag=True):
    """Weights are sent next."""

    dropout: float
    seed: int
    """Of what dropout draws."""


class AddRows(msgspec.Struct, frozen=True, tag=True):
    """A share of a batch; without BeginStep before it, it belongs to the same step as the last."""

    rows: int
    tokens: bytes
    """Inputs and targets (2, B, T), 16 bits each."""
    divisor: float


class SendGradients(msgspec.Struct, frozen=True, tag=True):
    """The end of a step."""


Order = JoinRun | BeginStep | AddRows | SendGradients

_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Order)


def write_order(pipe: IO[bytes], order: Order) -> None:
    """BrokenPipeError where the other process is gone."""
    message = _encoder.encode(order)
    pipe.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    pipe.flush()


def read_orders(pipe: IO[bytes]) -> Iterator[Order]:
    """Until the other end is closed."""
    while len(length := pipe.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
        message = pipe.read(int.from_bytes(length, "big"))
        if len(message) < int.from_bytes(length, "big"):
            return
        yield _decoder.decode(message)
