"""The metrics that have no panel of their own, as small plots side by side on one sheet. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from ...engine.metrics import METRICS
from ..formatting import compact
from ..plots.canvas import Canvas, ColorRole
from ..plots.draw import draw_figure
from ..plots.figure import Curve, Figure
from ..plots.viewport import Viewport
from ..text import visible
from .curves import COLUMNS
from .figures import cursor, markers, x_scale
from .run_numbers import last_known
from .run_view import RunView

_WIDTH, _HEIGHT = 36, 7
"""Cells that a small plot has at least, where the sheet has them."""
_OWN_PANELS = {"step", "time", "tokens", "loss", "val_loss", "lr", "grad_norm", "clipped"}


class Tiling(NamedTuple):
    columns: int
    rows: int
    width: int
    height: int
    """Of one tile, in cells."""

    @classmethod
    def of(cls, width: int, height: int, count: int) -> "Tiling":
        columns = max(min(width // _WIDTH, count), 1)
        rows = max(min(height // _HEIGHT, -(-count // columns)), 1)
        return cls(columns, rows, width // columns, height // rows)

    @property
    def tiles(self) -> int:
        return self.columns * self.rows


def tile_metrics(view: RunView) -> list[str]:
    """Those that were measured: the known ones, then the program's own."""
    known = [name for name in METRICS if name not in _OWN_PANELS and view.curves.has(name)]
    return [*known, *(name for name in view.curves.rows.names if name not in COLUMNS and name not in METRICS)]


def draw_tiles(view: RunView, viewport: Viewport, names: Sequence[str], sheet: Canvas, *, ascii_only: bool) -> Canvas:
    """As many as fit, in reading order; every one has its name and value above it."""
    tiling = Tiling.of(sheet.width, sheet.height, len(names))
    for place, name in enumerate(names[: tiling.tiles]):
        row, column = divmod(place, tiling.columns)
        tile = sheet.window(column * tiling.width, row * tiling.height, tiling.width, tiling.height)
        figure = _figure(view, viewport, name)
        plot = draw_figure(figure, tiling.width - 1, tiling.height - 1, ascii_only=ascii_only)
        inside = tile.window(0, 1, plot.width, plot.height)
        inside.characters[:], inside.roles[:] = plot.characters, plot.roles
        _head(tile, name, compact(last_known(view, name, viewport.cursor)))
    return sheet


def _head(tile: Canvas, name: str, value: str) -> None:
    title = METRICS[name].title if name in METRICS else visible(name)
    narrow = "".join(each if len(each) == 1 and ord(each) < 0x1100 else "?" for each in title)
    room = tile.width - len(value) - 3
    shown = narrow if len(narrow) <= room else f"{narrow[: max(room - 1, 0)]}~"
    tile.put(0, 0, shown, ColorRole.CURVE_AXIS)
    tile.put(len(shown) + 1, 0, value, ColorRole.CURVE_TRAIN)


def _figure(view: RunView, viewport: Viewport, name: str) -> Figure:
    x, raw = view.curves.measured(name, viewport.x_axis)
    _, mean = view.curves.measured(name, viewport.x_axis, viewport.span)
    return Figure(
        x=x_scale(view, viewport),
        curves=(
            Curve(x=x, y=raw, role=ColorRole.CURVE_RAW, style="band"),
            Curve(x=x, y=mean, role=ColorRole.CURVE_TRAIN),
        ),
        markers=markers(view, viewport)[-2:],
        cursor=cursor(view, viewport),
        y_log=viewport.y_log and bool((raw > 0).all()),
    )
