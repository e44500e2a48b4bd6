"""Small curves keep what matters: their size, their extremes, their gaps."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.tui.plots.sparkline import small_curve

VALUES = st.lists(st.floats(), min_size=1, max_size=500)


@given(values=VALUES, width=st.integers(-1, 60), height=st.integers(-1, 12), ascii=st.booleans())
def test_a_curve_fills_exactly_its_place(values: list[float], width: int, height: int, ascii: bool) -> None:
    curve = small_curve(values, width, height, ascii=ascii)
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width < 1 or height < 1:
        assert curve is None
        return
    assert curve is not None
    assert [len(line) for line in curve.lines] == [width] * height
    assert (curve.low, curve.high) == (min(finite), max(finite))
    assert not ascii or all(line.isascii() for line in curve.lines)
    if math.isfinite(values[0]) or len(values) == 1:
        assert any(line.strip() for line in curve.lines)


@given(position=st.integers(0, 9_999), ascii=st.booleans())
def test_a_spike_of_one_step_is_visible_wherever_it_is(position: int, ascii: bool) -> None:
    values = [1.0] * 10_000
    values[position] = 2.0
    curve = small_curve(values, 40, 6, ascii=ascii)
    assert curve is not None
    assert curve.lines[0].strip()
    assert curve.lines[-1].strip()


def test_a_rising_line_rises() -> None:
    curve = small_curve(range(100), 10, 10, ascii=True)
    assert curve is not None
    assert [line.find("*") for line in curve.lines] == sorted((line.find("*") for line in curve.lines), reverse=True)


def test_a_flat_curve_runs_through_the_middle() -> None:
    curve = small_curve([3.0, 3.0, 3.0], 4, 3, ascii=True)
    assert curve is not None
    assert curve.lines == ("    ", "****", "    ")


def test_what_is_not_finite_leaves_a_gap() -> None:
    curve = small_curve([1.0, math.nan, 1.0], 3, 1, ascii=True)
    assert curve is not None
    assert curve.lines == ("* *",)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_nothing_finite_is_no_curve(values: list[float]) -> None:
    assert small_curve(values, 10, 3) is None
