"""The layers of a model over time as a heat map: rows for layers, a column a moment, shade and colour for the size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...engine.events import LayersMeasured
from .axes import Scale
from .canvas import Canvas, ColorRole
from .draw import columns_of, draw_foot
from .figure import Markers
from .series import Floats

Quantity = Literal["update_ratio", "grad_norm"]

_SHADES = "·░▒▓█"
_ASCII_SHADES = ".:-#@"
_BROKEN, _ASCII_BROKEN = "✕", "x"
"""Where a layer's value was not a number."""
_ROLES = (ColorRole.HEAT_1, ColorRole.HEAT_2, ColorRole.HEAT_3, ColorRole.HEAT_4, ColorRole.HEAT_5)
_BROKEN_SHADE = len(_ROLES) + 1
_NAMES = 18
"""Cells that the names of the layers may take."""
_ROOM_FOR_NAMES = 40
_ROOM_FOR_FOOT = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Heat:
    names: tuple[str, ...]
    x: Floats
    """Where each measurement lies on the x axis."""
    values: Floats
    """A row a layer, a column a measurement."""

    @classmethod
    def of(cls, layers: Sequence[LayersMeasured], x: Floats, quantity: Quantity) -> "Heat":
        """The measurements that have the layers of the latest one."""
        names = tuple(layers[-1].names) if layers else ()
        same = [index for index, layer in enumerate(layers) if len(getattr(layer, quantity)) == len(names)]
        values = np.array([getattr(layers[index], quantity) for index in same], "f8").reshape(len(same), len(names))
        return cls(names=names, x=x[same], values=values.T)

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value, a factor of ten apart at least."""
        positive = self.values[np.isfinite(self.values) & (self.values > 0)]
        if not len(positive):
            return 1e-4, 1e-2
        low, high = float(positive.min()), float(positive.max())
        middle = math.sqrt(low) * math.sqrt(high)
        return min(low, middle / math.sqrt(10)), max(high, middle * math.sqrt(10))

    def at(self, x: float) -> Floats | None:
        """The last measurement up to a position."""
        column = int(np.searchsorted(self.x, x, side="right")) - 1
        return self.values[:, column] if column >= 0 and len(self.names) else None


def shades_of(ascii_only: bool) -> list[tuple[str, ColorRole]]:
    """From the smallest to the largest."""
    return list(zip(_ASCII_SHADES if ascii_only else _SHADES, _ROLES, strict=True))


def gutter(heat: Heat, width: int) -> int:
    """Cells left of the map for the names."""
    if width < _ROOM_FOR_NAMES or not heat.names:
        return 0
    return max(len(_short(name)) for name in heat.names) + 1


def draw_heat(
    heat: Heat,
    x: Scale,
    width: int,
    height: int,
    *,
    markers: tuple[Markers, ...] = (),
    cursor: float | None = None,
    ascii_only: bool = False,
) -> Canvas:
    sheet = Canvas.blank(width, height)
    left = gutter(heat, width)
    if height < 1 or width <= left or not heat.names or not len(heat.x):
        sheet.put(1, 0, "No measurement yet.", ColorRole.CURVE_AXIS)
        return sheet
    rows = _draw_rows(sheet, heat, _shades(heat, x, width - left), left, ascii_only)
    if rows < height:
        draw_foot(sheet, left, rows, x, markers, ascii_only=ascii_only)
    for column in columns_of(np.array([] if cursor is None else [cursor]), x, width - left):
        for row in range(rows):
            sheet.put(left + int(column), row, "|" if ascii_only else "│", ColorRole.CURVE_CURSOR)
    return sheet


def _draw_rows(sheet: Canvas, heat: Heat, shades: NDArray[np.int_], left: int, ascii_only: bool) -> int:
    """All layers, a row or more each or several to a row; returns the number of rows used."""
    room = _room_for_layers(sheet.height, len(heat.names))
    area = sheet.window(left, 0, sheet.width - left, room)
    groups = _groups(len(heat.names), room)
    for group, rows in zip(groups, np.array_split(np.arange(room), len(groups)), strict=True):
        sheet.put(
            0, int(rows[0]), _label([heat.names[index] for index in group], max(left - 1, 0)), ColorRole.CURVE_AXIS
        )
        darkest = shades[group].max(axis=0)
        for number, (shade, role) in enumerate(shades_of(ascii_only), start=1):
            cells = np.zeros((area.height, area.width), np.bool_)
            cells[rows] = darkest == number
            area.fill(cells, shade, role)
        broken = np.zeros((area.height, area.width), np.bool_)
        broken[rows] = darkest == _BROKEN_SHADE
        area.fill(broken, _ASCII_BROKEN if ascii_only else _BROKEN, ColorRole.MARK_NAN)
    return area.height


def _groups(layers: int, room: int) -> list[NDArray[np.int_]]:
    """The layers of each row: where not all have one, neighbours in the middle share theirs."""
    every = np.arange(layers)
    if layers <= room or room < 3:
        return np.array_split(every, min(room, layers))
    return [every[:1], *np.array_split(every[1:-1], room - 2), every[-1:]]


def _label(names: Sequence[str], width: int) -> str:
    """The name of a layer; of several from the first to the last, as `layer 3-4`."""
    first = _short(names[0])
    number = _short(names[-1]).rpartition(" ")[2]
    several = f"{first}-{number}" if len(names) > 1 else first
    return several if len(several) <= width else several.rpartition(" ")[2][:width] if len(names) > 1 else first[:width]


def _room_for_layers(height: int, layers: int) -> int:
    """Rows above the foot; the labels of its axis take a row only if every layer still has one."""
    if height < _ROOM_FOR_FOOT:
        return height
    return height - 2 if height - 2 >= layers else height - 1


def _short(name: str) -> str:
    """A name of one cell a character; it may come from outside, and its end tells layers apart."""
    plain = "".join(character if 32 <= ord(character) < 127 else "?" for character in name)
    return plain if len(plain) <= _NAMES else "~" + plain[1 - _NAMES :]


def _shades(heat: Heat, x: Scale, columns: int) -> NDArray[np.int_]:
    """Of the last measurement up to every column's right edge: 0 nothing, 1 to 5 the size, 6 not a number."""
    edges = x.value(np.arange(1, columns + 1) / columns)
    latest = np.searchsorted(heat.x, edges * (1 + 1e-12), side="right") - 1
    low, high = heat.limits
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(heat.values / low) / math.log(high / low)
    shades = np.clip(np.floor(np.nan_to_num(size, nan=0.0, posinf=1.0, neginf=0.0) * 5), 0, 4).astype(int) + 1
    shades[~np.isfinite(heat.values)] = _BROKEN_SHADE
    return np.where(latest >= 0, shades[:, np.maximum(latest, 0)], 0)
