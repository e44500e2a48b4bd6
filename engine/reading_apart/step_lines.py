"""Many lines of finished steps as columns at once, in half of the time that an object for each of them takes."""

from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec.structs import astuple

from ..events import Time
from ..finished_steps import FAILING, FIELDS, FinishedSteps

_Count = Annotated[float, msgspec.Meta(ge=0, le=2**53)]
_TYPES: dict[str, Any] = {"time": Time, "tokens": _Count | None}  # pyright: ignore[reportOperatorIssue]
_FLOATS = [name for name in FIELDS if name != "clipped"]
_Line: Any = msgspec.defstruct(
    "_Line",
    [
        ("step", _Count),
        *((name, _TYPES.get(name, float | None), None) for name in _FLOATS[1:]),
        ("clipped", bool | None, None),
        ("others", dict[str, float] | None, None),
    ],
    tag_field="event",
    tag="step",
    gc=False,
)
"""The fields of a StepFinished, all of them as floats but one."""
_lines = msgspec.json.Decoder(_Line, strict=False)
_packed = msgspec.msgpack.Encoder()

# msgpack has a float as one byte and 8 more, and true, false and None as one byte
_FLOAT, _NONE = 0xCB, 0xC0
_CLIPPED = np.full(256, np.nan)
_CLIPPED[0xC2], _CLIPPED[0xC3] = 0.0, 1.0
_FIELDS = 0x90 + len(_FLOATS) + 2
"""The byte before the fields of a row."""
_ROW = np.dtype(
    [
        ("fields", "u1"),
        ("floats", [("kind", "u1"), ("value", ">f8")], len(_FLOATS)),
        ("clipped", "u1"),
        ("others", "u1"),
    ]
)
_FLOAT_PLACES = [FIELDS.index(name) for name in _FLOATS]
_FAILING_PLACES = [FIELDS.index(name) for name in FAILING]
_WHOLE_PLACES = [FIELDS.index(name) for name in ("step", "tokens")]


def steps_in(lines: bytes) -> FinishedSteps | None:
    """Of whole lines; None where one of them is no step, or lacks a metric, or has others, or cannot be decoded.

    Rows without a gap have one length in msgpack, so that numpy takes all of them apart at once.
    """
    try:
        steps = _lines.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    packed = _packed.encode([*map(astuple, steps)])
    head = 1 if len(steps) < 16 else 3 if len(steps) < 1 << 16 else 5
    if not steps or len(packed) != head + _ROW.itemsize * len(steps):
        return None
    rows = np.frombuffer(packed, _ROW, offset=head)
    floats = rows["floats"]
    is_known = (
        (rows["fields"] == _FIELDS).all() and (floats["kind"] == _FLOAT).all() and (rows["others"] == _NONE).all()
    )
    if not is_known:
        return None
    numbers = np.empty((len(FIELDS), len(rows)))
    numbers[_FLOAT_PLACES] = floats["value"].T
    numbers[FIELDS.index("clipped")] = _CLIPPED[rows["clipped"]]
    if (numbers[_WHOLE_PLACES] % 1).any():
        return None
    return FinishedSteps(numbers, (), numbers[0, ~np.isfinite(numbers[_FAILING_PLACES]).all(axis=0)])
