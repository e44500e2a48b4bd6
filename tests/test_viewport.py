"""The shared look at the curves: it never leaves the run and never shows nothing."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.tui.plots.viewport import SPANS, VIEWPORT_ACTIONS, Extent, Viewport

EXTENT = (1.0, 1001.0)

extents = st.tuples(st.integers(0, 10), st.integers(0, 10**7)).map(lambda ends: (float(ends[0]), float(sum(ends))))
moves: st.SearchStrategy[Callable[[Viewport, Extent], Viewport]] = st.one_of(
    st.integers(-300, 300).map(lambda by: lambda v, e: v.look(by, e)),
    st.integers(-300, 300).map(lambda by: lambda v, e: v.pan(by, e)),
    st.floats(-1e8, 1e8).map(lambda step: lambda v, e: v.look_at(step, e)),
    st.floats(-1e8, 1e8).map(lambda step: lambda v, e: v.zoom(1, e, step)),
    st.just(lambda v, e: v.zoom(1, e)),
    st.just(lambda v, e: v.zoom(-1, e)),
    st.sampled_from(["follow_end", "show_all", "log_x"]).map(VIEWPORT_ACTIONS.__getitem__),
    st.just(lambda v, _: replace(v, cursor=None)),
)


@given(extents, st.lists(moves, max_size=30))
def test_no_sequence_of_keys_leaves_the_run(extent: Extent, keys: list[Callable[[Viewport, Extent], Viewport]]) -> None:
    viewport = Viewport()
    for key in keys:
        viewport = key(viewport, extent)
        low, high = viewport.visible(extent)
        assert low < high
        assert low >= extent[0] - 1e-6 and high <= max(extent[1], extent[0] + 1) + 1e-6
        assert viewport.cursor is None or extent[0] <= viewport.cursor <= extent[1]


def test_a_small_step_of_the_cursor_is_one_step_of_the_run() -> None:
    viewport = Viewport(x_range=(500.0, 520.0), follow=False, cursor=510.0)
    assert viewport.look(1, EXTENT).cursor == 511
    assert viewport.look(-1, EXTENT).cursor == 509


def test_the_cursor_starts_at_the_end_and_crosses_the_window_in_a_hundred_presses() -> None:
    viewport = Viewport()
    for _ in range(100):
        viewport = viewport.look(-1, EXTENT)
    assert viewport.cursor == EXTENT[0]


def test_looking_past_the_end_reads_the_latest_again() -> None:
    assert Viewport(cursor=1000.0).look(1, EXTENT).cursor is None


def test_the_window_follows_the_cursor_out_of_view() -> None:
    viewport = Viewport(x_range=(100.0, 200.0), follow=False).look_at(300, EXTENT)
    assert viewport.visible(EXTENT) == (200.0, 300.0)


def test_zooming_keeps_the_cursor_where_it_is_on_the_plot() -> None:
    viewport = Viewport(cursor=251.0).zoom(1, EXTENT)
    low, high = viewport.visible(EXTENT)
    assert (251 - low) / (high - low) == 0.25


def test_zooming_out_undoes_zooming_in_and_then_shows_the_whole_run() -> None:
    closer = Viewport().zoom(1, EXTENT).zoom(1, EXTENT)
    assert closer.zoom(-1, EXTENT).zoom(-1, EXTENT).x_range is None


def test_a_window_at_the_end_follows_the_run() -> None:
    viewport = Viewport().zoom(1, EXTENT)
    assert viewport.follow
    assert viewport.visible((1.0, 2001.0)) == (1501.0, 2001.0)


def test_panning_away_stops_following_and_follow_end_comes_back() -> None:
    away = Viewport().zoom(1, EXTENT).pan(-50, EXTENT)
    assert not away.follow
    assert away.visible((1.0, 2001.0)) == away.visible(EXTENT)
    assert VIEWPORT_ACTIONS["follow_end"](away, EXTENT).visible(EXTENT)[1] == EXTENT[1]


def test_on_a_log_axis_the_cursor_moves_in_equal_distances_of_the_plot() -> None:
    viewport = Viewport(x_log=True, cursor=100.0)
    right, left = viewport.look(10, EXTENT).cursor, viewport.look(-10, EXTENT).cursor
    assert right is not None and left is not None
    assert abs(right / 100 - 100 / left) < 0.05


def acted(viewport: Viewport, *names: str) -> Viewport:
    for name in names:
        viewport = VIEWPORT_ACTIONS[name](viewport, EXTENT)
    return viewport


def test_the_axes_come_round() -> None:
    viewport = Viewport()
    assert [acted(viewport, *["x_axis"] * times).x_axis for times in range(1, 4)] == ["epoch", "tokens", "time"]
    assert acted(viewport, "x_axis", "x_axis", "x_axis", "x_axis") == viewport


def test_smoothing_stops_at_its_ends() -> None:
    assert acted(replace(Viewport(), smoothing=0), "rougher").span == SPANS[0] == 1
    assert acted(replace(Viewport(), smoothing=len(SPANS) - 1), "smoother").span == SPANS[-1]
