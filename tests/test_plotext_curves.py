"""What is handed to plotext is finite and within the plot, whatever a curve holds; without it, curves are drawn too."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinygpt_tui.tui.plots import plotext_curves
from tinygpt_tui.tui.plots.axes import Scale
from tinygpt_tui.tui.plots.canvas import Canvas, ColorRole
from tinygpt_tui.tui.plots.draw import draw_figure
from tinygpt_tui.tui.plots.figure import Curve, Figure
from tinygpt_tui.tui.plots.plotext_curves import Stroke, draw_strokes
from tinygpt_tui.tui.view.curves import LARGEST_DRAWN

VALUES = st.floats(-LARGEST_DRAWN, LARGEST_DRAWN) | st.sampled_from([1e38, -1e38, 5e-324, math.nan])
"""What curves hold; see `Curves`."""


def figure(y: list[float], *, y_log: bool = False, by_plotext: bool = True) -> Figure:
    x = np.arange(1.0, len(y) + 1)
    curve = Curve(x=x, y=np.array(y, "f8"), role=ColorRole.CURVE_TRAIN)
    scale = Scale.around(1.0, max(len(y), 2.0))
    return Figure(
        x=scale, curves=(curve, replace(curve, style="dotted")), y_log=y_log, cuts_spikes=True, by_plotext=by_plotext
    )


def cells(canvas: Canvas, role: ColorRole) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(canvas.roles == role)}


@given(st.lists(VALUES, min_size=1, max_size=60), st.booleans(), st.integers(1, 90), st.integers(1, 24))
def test_any_curve_is_drawn_without_harm(y: list[float], y_log: bool, width: int, height: int) -> None:
    canvas = draw_figure(figure(y, y_log=y_log), width, height)
    assert (canvas.width, canvas.height) == (width, height)


@given(
    arrays("f8", 40, elements=st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])),
    arrays("f8", 40, elements=st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])),
    st.booleans(),
)
def test_nothing_but_dots_of_the_plot_reaches_plotext(top: np.ndarray, bottom: np.ndarray, is_dotted: bool) -> None:
    plot = Canvas.blank(20, 5)
    sheet = plotext_curves._sheet(20, 5)  # pyright: ignore[reportPrivateUsage]
    handed: list[float] = []
    signal = sheet.signal
    try:
        sheet.signal = lambda x, y, marker: (handed.extend((*x, *y)), signal(x, y, marker=marker))[1]
        assert draw_strokes(plot, [Stroke(top, bottom, ColorRole.CURVE_LR, is_dotted)])
    finally:
        del sheet.signal
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in handed)


def test_a_line_has_the_cells_that_our_own_drawing_gives_it() -> None:
    y = [3 * math.exp(-step / 40) + 0.2 * math.sin(step / 7) for step in range(200)]
    drawn, own = (draw_figure(figure(y, by_plotext=chosen), 70, 16) for chosen in (True, False))
    ours, theirs = cells(own, ColorRole.CURVE_TRAIN), cells(drawn, ColorRole.CURVE_TRAIN)
    assert len(ours ^ theirs) <= 0.12 * len(ours)


def test_a_gap_stays_a_gap() -> None:
    top = np.r_[np.full(20, 3.0), np.full(10, np.nan), np.full(10, 3.0)]
    plot = Canvas.blank(20, 5)
    assert draw_strokes(plot, [Stroke(top, top, ColorRole.CURVE_LR)])
    assert {column for _, column in cells(plot, ColorRole.CURVE_LR)} == {*range(10), *range(15, 20)}


def test_without_plotext_the_same_curves_are_drawn_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    y = [1.0, 2.0, 3.0]
    own = draw_figure(figure(y, by_plotext=False), 40, 10)
    monkeypatch.setattr(plotext_curves, "_plotext", None)
    without = draw_figure(figure(y), 40, 10)
    assert not own.rows_unlike(without)
