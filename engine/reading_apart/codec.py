"""What a run hands out, as bytes between two processes: events as their lines, columns as the numbers they are."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Struct
from numpy.typing import NDArray

from ..arrivals import Arrival, LinesPrinted, LogRead, Noticed, StartedOver
from ..events import Event, decode_event, encode
from ..finished_steps import FIELDS, FinishedSteps
from ..readers.block import Floats64
from ..readers.step_columns import StepColumns


class _Events(Struct, tag=True):
    lines: list[bytes]


class _Steps(Struct, tag=True):
    numbers: memoryview
    others: list[dict[str, float] | None]
    broken: memoryview


class _Columns(Struct, tag=True):
    steps: memoryview
    names: list[str]
    numbers: list[memoryview]
    nans: dict[str, memoryview]
    resumed: dict[int, float]


class _Read(Struct, tag=True):
    read: LogRead


class _StartedOver(Struct, tag=True):
    started_over: StartedOver


class _Noticed(Struct, tag=True):
    noticed: Noticed


class _Printed(Struct, tag=True):
    printed: LinesPrinted


_Part = _Events | _Steps | _Columns | _Read | _StartedOver | _Noticed | _Printed

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Part])


def encode_batch(batch: Sequence[Arrival]) -> bytes:
    parts: list[_Part] = []
    for is_event, group in groupby(batch, lambda arrival: isinstance(arrival, Event)):
        if is_event:
            parts.append(_Events([encode(event) for event in group if isinstance(event, Event)]))
        else:
            parts += [_part(arrival) for arrival in group]
    return _encoder.encode(parts)


def decode_batch(data: bytes) -> list[Arrival]:
    """The arrays in it lie in `data`, and cannot be written to."""
    arrivals: list[Arrival] = []
    for part in _decoder.decode(data):
        arrivals += _arrivals(part)
    return arrivals


def _part(arrival: Arrival) -> _Part:
    match arrival:
        case FinishedSteps(numbers=numbers, others=others, broken=broken):
            return _Steps(_bytes(numbers), [None if each is UNSET else {**each} for each in others], _bytes(broken))
        case StepColumns(columns=columns, nans=nans, resumed=resumed):
            return _Columns(
                _bytes(arrival.steps),
                [*columns],
                [_bytes(column) for column in columns.values()],
                {name: _bytes(places.astype(np.intp)) for name, places in nans.items()},
                {**resumed},
            )
        case LogRead():
            return _Read(arrival)
        case StartedOver():
            return _StartedOver(arrival)
        case Noticed():
            return _Noticed(arrival)
        case LinesPrinted():
            return _Printed(arrival)
        case event:
            return _Events([encode(event)])


def _arrivals(part: _Part) -> Sequence[Arrival]:
    match part:
        case _Events(lines=lines):
            return [decode_event(line) for line in lines]
        case _Steps(numbers=numbers, others=others, broken=broken):
            of_each = [UNSET if each is None else each for each in others]
            return [FinishedSteps(_floats(numbers).reshape(len(FIELDS), -1), of_each, _floats(broken))]
        case _Columns(steps=steps, names=names, numbers=numbers, nans=nans, resumed=resumed):
            columns = dict(zip(names, map(_floats, numbers), strict=True))
            places = {name: np.frombuffer(each, np.intp) for name, each in nans.items()}
            return [StepColumns(steps=_floats(steps), columns=columns, nans=places, resumed=resumed)]
        case _Read(read=read):
            return [read]
        case _StartedOver(started_over=started_over):
            return [started_over]
        case _Noticed(noticed=noticed):
            return [noticed]
        case _Printed(printed=printed):
            return [printed]


def _floats(data: memoryview) -> Floats64:
    return np.frombuffer(data, np.float64)


def _bytes(numbers: NDArray[Any]) -> memoryview:
    return memoryview(numbers.tobytes())
