"""Growing columns: old views stay true, smoothing is what it says, and NaN does not poison it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.tui.plots.series import Table, interpolated, quantile
from tinygpt_tui.tui.view.thinning import Thinned

values = st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(math.nan)), min_size=1, max_size=200)


def table(*columns: float) -> Table:
    return Table.of(loss="f8").extended({"loss": columns})


def exponential_mean(values: list[float], span: int) -> list[float]:
    """By the definition, one value after the other."""
    decay, total, weight, means = 1 - 1 / span, 0.0, 0.0, []
    for value in values:
        known = math.isfinite(value)
        total, weight = decay * total + (value if known else 0.0), decay * weight + known
        means.append(total / weight if known else math.nan)
    return means


@given(st.lists(values, min_size=1, max_size=6), st.sampled_from([2, 3, 30, 1000]))
def test_smoothing_in_pieces_is_the_exponential_mean_of_all(pieces: list[list[float]], span: int) -> None:
    grown, seen = Table.of(loss="f8"), []
    for piece in pieces:
        grown, seen = grown.extended({"loss": piece}), seen + piece
        expected = exponential_mean(seen, span)
        np.testing.assert_allclose(grown.smoothed("loss", span), expected, rtol=1e-4, atol=1e-3)


@given(values, values, values)
def test_an_old_view_stays_true_whatever_is_appended_to_it(
    start: list[float], one: list[float], two: list[float]
) -> None:
    old = table(*start)
    first = old.extended({"loss": one})
    second = old.extended({"loss": two})
    first.smoothed("loss", 10)
    np.testing.assert_array_equal(old["loss"], start)
    np.testing.assert_array_equal(first["loss"], start + one)
    np.testing.assert_array_equal(second["loss"], start + two)
    np.testing.assert_allclose(second.smoothed("loss", 10), exponential_mean(start + two, 10), rtol=1e-4, atol=1e-3)


def test_a_shortened_view_grows_on_its_own_and_smooths_what_it_has() -> None:
    long = table(*[5.0] * 100)
    long.smoothed("loss", 30)
    other = long.first(10).extended({"loss": [1.0] * 10})
    np.testing.assert_allclose(other.smoothed("loss", 30), exponential_mean([5.0] * 10 + [1.0] * 10, 30), rtol=1e-5)
    assert long["loss"].tolist() == [5.0] * 100


def test_two_views_that_grew_from_a_nearly_full_one_smooth_what_is_theirs() -> None:
    start = [5.0] * 250  # of 256 that fit
    old = table(*start)
    old.smoothed("loss", 30)
    long, short = old.extended({"loss": [1.0] * 10}), old.extended({"loss": [9.0] * 3})
    for view, tail in ((long, [1.0] * 10), (short, [9.0] * 3), (long, [1.0] * 10)):
        np.testing.assert_allclose(view.smoothed("loss", 30), exponential_mean(start + tail, 30), rtol=1e-5)


def test_appending_to_the_newest_view_copies_nothing() -> None:
    view = table(1.0)
    assert np.shares_memory(view["loss"], view.extended({"loss": [2.0]})["loss"])


def test_a_column_cannot_be_written_to() -> None:
    with pytest.raises(ValueError):
        table(1.0)["loss"][0] = 2.0


def test_no_smoothing_is_the_column_itself() -> None:
    assert table(1.0, math.nan, 3.0).smoothed("loss", 1).tolist()[::2] == [1.0, 3.0]


@given(st.lists(st.integers(0, 100), min_size=2, max_size=30, unique=True), st.lists(st.floats(-10, 110), min_size=1))
def test_interpolation_agrees_with_numpy(x: list[int], at: list[float]) -> None:
    xs = np.array(sorted(x), "f8")
    ys = np.sin(xs)
    np.testing.assert_allclose(interpolated(np.array(at), xs, ys), np.interp(at, xs, ys), atol=1e-9)


@given(st.integers(1, 500), st.integers(4, 20))
def test_a_thinned_history_is_bounded_even_and_has_the_first_and_the_latest(count: int, most: int) -> None:
    history: Thinned[int] = Thinned(most=most)
    for item in range(count):
        history = history.after(item)
    assert len(history.items) <= most
    assert history.items[0] == 0 and history.items[-1] == count - 1
    gaps = set(np.diff(history.kept).tolist())
    assert gaps <= {history.stride}


def test_a_thinned_history_that_is_cut_goes_on_evenly() -> None:
    history: Thinned[int] = Thinned(most=8)
    for item in range(100):
        history = history.after(item)
    cut = history.only(lambda item: item <= 40)
    assert all(item <= 40 for item in cut.items)
    for item in range(41, 100):
        cut = cut.after(item)
    assert len(cut.items) <= 8 and max(cut.items) == 99


@given(st.lists(st.floats(-1e30, 1e30), max_size=50), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values: list[float], share: float) -> None:
    found = quantile(np.array(values), share)
    assert math.isnan(found) if not values else found == pytest.approx(np.quantile(values, share), rel=1e-9, abs=1e-9)


@given(st.lists(st.lists(st.sampled_from([1.0, math.nan]), max_size=5), min_size=1, max_size=6), st.data())
def test_a_column_has_the_numbers_that_a_look_at_all_rows_finds(pieces: list[list[float]], data: st.DataObject) -> None:
    tables = [Table.of(x="f8")]
    for piece in pieces:
        tables.append(tables[-1].extended({"x": piece}))
        if data.draw(st.booleans()):
            tables.append(tables[-1].first(data.draw(st.integers(0, len(tables[-1])))))
        for table in data.draw(st.lists(st.sampled_from(tables), max_size=3)):
            finite = np.isfinite(table["x"])
            assert (table.has("x"), table.is_whole("x")) == (bool(finite.any()), bool(finite.all()))
