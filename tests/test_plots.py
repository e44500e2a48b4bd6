"""Plots are drawn right at every size, length and range, and lose no spike."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import AnyEvent, CheckpointSaved, FindingOpened, LayersMeasured, RunEnded
from tinygpt_tui.engine.schedule import planned_lr
from tinygpt_tui.tui.plots.axes import Scale, label, seconds_label
from tinygpt_tui.tui.plots.canvas import Canvas, ColorRole
from tinygpt_tui.tui.plots.draw import PlotArea, draw_figure
from tinygpt_tui.tui.plots.figure import Curve, Figure, HLine, Markers, VLine, fitted, reduced
from tinygpt_tui.tui.plots.heatmap import Heat, draw_heat, gutter
from tinygpt_tui.tui.plots.series import Floats
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.view.figures import gradient_figure, loss_figure, lr_figure
from tinygpt_tui.tui.view.plot_titles import layers_reading
from tinygpt_tui.tui.view.run_view import RunView

from .scripted_run import started, steps

CONFIG = RunConfig()


def curve(y: Floats, **looks: object) -> Curve:
    return Curve(x=np.arange(1.0, len(y) + 1), y=y, **({"role": ColorRole.CURVE_TRAIN} | looks))  # pyright: ignore[reportArgumentType]


def picture(*curves: Curve, high: float, **rest: object) -> Figure:
    return Figure(x=Scale.around(1.0, high), curves=curves, **rest)  # pyright: ignore[reportArgumentType]


def cells_of(canvas: Canvas, role: ColorRole) -> list[tuple[int, int]]:
    return [(int(row), int(column)) for row, column in np.argwhere(canvas.roles == role)]


@given(
    st.integers(2, 3000), st.integers(0, 10**6), st.integers(1, 200), st.sampled_from([1e-3, 1.0, 1e6]), st.booleans()
)
def test_a_spike_of_one_step_is_in_the_reduced_curve_at_any_length(
    length: int, place: int, columns: int, unit: float, log: bool
) -> None:
    y = unit * np.linspace(3.0, 2.0, length)
    place %= length
    y[place] = 50.0 * unit
    band = reduced(curve(y), Scale.around(1.0, float(length), log=log), columns)
    assert np.nanmax(band.high) == 50.0 * unit
    assert np.nanmin(band.low) >= 2.0 * unit


@pytest.mark.parametrize("place", [0, 373_737, 999_998])
def test_one_step_that_leaps_and_one_that_is_no_number_are_seen_at_every_zoom(place: int) -> None:
    steps = np.arange(1.0, 1_000_001.0)
    loss = np.full(len(steps), 2.0)
    loss[place], loss[place + 1] = 9.0, math.nan
    nan = Markers(x=steps[place + 1 : place + 2], glyph="✕", ascii_glyph="x", role=ColorRole.MARK_NAN)
    viewport, extent = Viewport(), (1.0, 1e6)
    nearer_end = float(steps[place] if place < len(steps) / 2 else steps[place + 1])
    widths: list[float] = []
    while not widths or viewport.x_range is None or widths[-1] > 8:
        low, high = viewport.visible(extent)
        curve = Curve(x=steps, y=loss, role=ColorRole.CURVE_RAW, style="band")
        sheet = draw_figure(Figure(x=Scale.around(low, high), curves=(curve,), markers=(nan,)), 100, 20)
        lines = str(sheet).splitlines()
        assert any(0x2800 < ord(character) <= 0x28FF for character in lines[0] + lines[1]), widths
        assert "✕" in lines[18], widths
        widths.append(high - low)
        viewport = viewport.zoom(1, extent, around=nearer_end)
    assert len(widths) > 15


def test_a_million_steps_keep_their_spike_on_the_plot() -> None:
    y = np.full(1_000_000, 2.0)
    y[123_456] = 3.0
    drawn = draw_figure(picture(curve(y, style="band"), high=1e6), 80, 12)
    frame = PlotArea.of(80, 12)
    column = frame.left + int(123_456 / 1e6 * frame.width)
    assert {row for row, at in cells_of(drawn, ColorRole.CURVE_TRAIN) if at == column} == set(range(frame.height))


@given(st.integers(1, 60), st.integers(1, 120), st.integers(0, 40))
def test_the_reduced_curve_stays_within_its_values(columns: int, length: int, gaps: int) -> None:
    random = np.random.default_rng(length * 100 + gaps)
    y = random.uniform(-5, 5, length)
    y[random.integers(0, length, gaps)] = np.nan
    band = reduced(curve(y), Scale.around(1.0, float(length)), columns)
    drawn = np.r_[band.low, band.high]
    drawn = drawn[np.isfinite(drawn)]
    if np.isfinite(y).any():
        assert (drawn >= np.nanmin(y)).all() and (drawn <= np.nanmax(y)).all()
    else:
        assert not len(drawn)


def test_a_gap_in_a_curve_stays_a_gap() -> None:
    y = np.full(100, 2.0)
    y[40:60] = np.nan
    band = reduced(curve(y), Scale.around(1.0, 100.0), 50)
    assert np.isnan(band.high[21:28]).all()
    assert np.isfinite(np.r_[band.high[:19], band.high[31:]]).all()


def test_few_points_are_joined_by_straight_lines() -> None:
    two = Curve(x=np.array([0.0, 10.0]), y=np.array([0.0, 10.0]), role=ColorRole.CURVE_VAL)
    band = reduced(two, Scale.around(0.0, 10.0), 20)
    np.testing.assert_allclose(band.low[1:-1], np.arange(0.75, 9.5, 0.5))


def test_a_line_has_no_holes() -> None:
    y = np.sin(np.arange(400) / 20) * np.linspace(1, 30, 400)
    drawn = draw_figure(picture(curve(y), high=400.0), 60, 20)
    at = sorted(cells_of(drawn, ColorRole.CURVE_TRAIN), key=lambda cell: cell[1])
    columns = {column: [row for row, c in at if c == column] for _, column in at}
    for column, rows in columns.items():
        assert set(range(min(rows), max(rows) + 1)) == set(rows)
        if column + 1 in columns:
            assert min(abs(a - b) for a in rows for b in columns[column + 1]) <= 1


def test_one_huge_spike_does_not_flatten_the_rest_and_is_said() -> None:
    y = 2.0 + 0.1 * np.sin(np.arange(1000))
    y[500] = 1e6
    spiky = picture(curve(y), high=1000.0, cuts_spikes=True)
    drawn = draw_figure(spiky, 80, 16)
    assert fitted([reduced(curve(y), spiky.x, 100)], spiky).high < 3.0
    assert "▲" in str(drawn) and "1M" in str(drawn)
    assert "^1M" in str(draw_figure(spiky, 80, 16, ascii_only=True))


def test_without_a_spike_nothing_is_cut() -> None:
    y = 2.0 + 3.5 * np.exp(-np.arange(1000) / 100)
    assert "▲" not in str(draw_figure(picture(curve(y), high=1000.0, cuts_spikes=True), 80, 16))


def test_a_log_axis_draws_what_is_above_zero() -> None:
    y = np.array([1e-8, 0.0, -1.0, 1e3])
    assert cells_of(draw_figure(picture(curve(y), high=4.0, y_log=True), 40, 10), ColorRole.CURVE_TRAIN)


def test_a_level_is_drawn_and_named_only_where_it_lies() -> None:
    y = np.linspace(1, 5, 100)
    drawn = str(draw_figure(picture(curve(y), high=100.0, hlines=(HLine(1.5, "clip"), HLine(50.0, "far"))), 60, 16))
    assert "clip" in drawn and "far" not in drawn


def test_marks_stand_on_the_axis_and_what_matters_most_covers_the_rest() -> None:
    def at(x: float, glyph: str, role: ColorRole) -> Markers:
        return Markers(x=np.array([x]), glyph=glyph, ascii_glyph="x", role=role)

    markers = (
        at(50.0, "▪", ColorRole.MARK_CHECKPOINT),
        at(50.0, "✕", ColorRole.MARK_NAN),
        at(500.0, "◆", ColorRole.MARK_CHANGE),
    )
    drawn = draw_figure(picture(curve(np.ones(100)), high=100.0, markers=markers), 60, 10)
    assert [row for row, _ in cells_of(drawn, ColorRole.MARK_NAN)] == [8]
    assert "▪" not in str(drawn) and "◆" not in str(drawn)


@pytest.fixture(scope="module")
def eventful() -> RunView:
    losses = [2 + 3.5 * math.exp(-step / 30) for step in range(300)]
    losses[100], losses[150] = math.nan, 1e6
    names = ["wte", "\x1b[31mred", "層"]
    more: list[AnyEvent] = [
        FindingOpened(id=1, step=101, onset=100, kind="\x1b]0;title\x07", severity="failure", evidence=""),
        CheckpointSaved(step=120, name="step-120", reason="series"),
    ]
    for step in range(10, 300, 10):
        measured = {"names": names, "grad_norm": [0.0, 1.0, math.inf], "update_ratio": [1e-3, math.nan, 1e-9]}
        more.append(LayersMeasured(step=step, **measured, max_attention_logit=1.0, log_z=1.0))  # pyright: ignore[reportArgumentType]
    return RunView.of(CONFIG).after_all([started(CONFIG), *steps(CONFIG, losses), *more])


looks = st.builds(
    Viewport,
    x_axis=st.sampled_from(["step", "tokens", "time"]),
    x_log=st.booleans(),
    y_log=st.booleans(),
    x_range=st.one_of(st.none(), st.tuples(st.floats(1, 150), st.floats(151, 300))),
    follow=st.booleans(),
    cursor=st.one_of(st.none(), st.integers(1, 300).map(float)),
    smoothing=st.integers(0, 8),
    perplexity=st.booleans(),
)


@settings(deadline=None)
@given(looks, st.integers(0, 90), st.integers(0, 30), st.booleans(), st.sampled_from([0, 1, 2, 99]))
def test_every_panel_can_be_drawn_at_every_size(
    eventful: RunView, viewport: Viewport, width: int, height: int, ascii_only: bool, length: int
) -> None:
    short = RunView.of(CONFIG).after_all([started(CONFIG), *steps(CONFIG, [5.5] * length)])
    for view in (eventful, short, RunView.of(CONFIG)):
        without_clip = replace(view.settings, clip=math.inf)
        pictures = (
            loss_figure(view, viewport),
            gradient_figure(view, viewport),
            lr_figure(view, viewport, without_clip),
        )
        x = pictures[0].x
        heat = Heat.of(
            view.layers.items,
            view.curves.x_of(np.array([layer.step for layer in view.layers.items], "f8"), "step"),
            "grad_norm",
        )
        sheets = [draw_figure(shown, width, height, ascii_only=ascii_only) for shown in pictures]
        sheets.append(draw_heat(heat, x, width, height, markers=pictures[0].markers, cursor=5.0, ascii_only=ascii_only))
        for sheet in sheets:
            assert (sheet.width, sheet.height) == (width, height)
            assert all(character.isprintable() for character in str(sheet).replace("\n", ""))
            assert str(sheet).isascii() or not ascii_only


def test_every_nan_is_marked_at_every_zoom(eventful: RunView) -> None:
    viewport = Viewport()
    for _ in range(5):
        assert cells_of(draw_figure(loss_figure(eventful, viewport), 80, 16), ColorRole.MARK_NAN)
        viewport = viewport.zoom(1, eventful.curves.extent, around=101.0)


def test_the_plan_starts_where_the_run_stands_and_ends_with_it(eventful: RunView) -> None:
    plan, done = lr_figure(eventful, Viewport()).curves
    assert (plan.style, plan.role, done.role) == ("dotted", ColorRole.CURVE_PLAN, ColorRole.CURVE_LR)
    assert plan.x[0] >= eventful.step and math.isclose(plan.x[-1], eventful.steps)
    assert math.isclose(plan.y[-1], planned_lr(eventful.settings, eventful.steps, eventful.steps))


def test_a_preview_is_drawn_as_one_more_line(eventful: RunView) -> None:
    half = replace(eventful.settings, lr_scale=0.5)
    preview = lr_figure(eventful, Viewport(), half).curves[0]
    assert preview.role is ColorRole.CURVE_PREVIEW
    assert math.isclose(preview.y[0], 0.5 * planned_lr(eventful.settings, eventful.step, eventful.steps), rel_tol=0.02)


def test_perplexity_is_the_exponential_of_the_loss(eventful: RunView) -> None:
    loss, ppl = (loss_figure(eventful, Viewport(perplexity=on)).curves[-1] for on in (False, True))
    x = Scale.around(200.0, 300.0)
    np.testing.assert_allclose(reduced(ppl, x, 10).low, np.exp(np.minimum(reduced(loss, x, 10).low, 230.0)))


def test_a_heat_map_shades_from_the_smallest_to_the_largest() -> None:
    layers = [
        LayersMeasured(
            step=step,
            names=["low", "high"],
            grad_norm=[1.0, 1.0],
            update_ratio=[1e-5, 1e-2],
            max_attention_logit=1.0,
            log_z=1.0,
        )
        for step in (1, 50)
    ]
    heat = Heat.of(layers, np.array([1.0, 50.0]), "update_ratio")
    lines = str(draw_heat(heat, Scale.around(1.0, 100.0), 60, 2, ascii_only=True)).splitlines()
    assert lines[0].startswith("low ") and set(lines[0][5:]) == {"."}
    assert lines[1].startswith("high ") and set(lines[1][5:]) == {"@"}


@pytest.mark.parametrize(("ascii_only", "glyph"), [(False, "✕"), (True, "x")])
def test_a_layer_that_is_not_a_number_does_not_look_like_a_large_one(ascii_only: bool, glyph: str) -> None:
    layer = LayersMeasured(
        step=1,
        names=["fine", "broken"],
        grad_norm=[1.0, math.nan],
        update_ratio=[1e-3, math.nan],
        max_attention_logit=1.0,
        log_z=1.0,
    )
    heat = Heat.of([layer], np.array([1.0]), "update_ratio")
    fine, broken = str(draw_heat(heat, Scale.around(1.0, 2.0), 60, 2, ascii_only=ascii_only)).splitlines()
    assert set(broken.removeprefix("broken ")) == {glyph} and glyph not in fine
    said = [piece.text for piece in layers_reading(heat, heat.at(1.0), "update_ratio")]
    assert said == ["update ratio", "no number in 1 of 2"]


@given(st.lists(st.integers(1, 99), min_size=1, max_size=3, unique=True).map(sorted), st.booleans())
def test_the_name_of_a_phase_ends_where_the_next_one_begins(begins: list[int], ascii_only: bool) -> None:
    names = ("memorization", "generalization", "refinement")
    vlines = tuple(VLine(float(x), name) for x, name in zip(begins, names, strict=False))
    line = str(
        draw_figure(Figure(x=Scale.around(0.0, 100.0), vlines=vlines), 107, 12, ascii_only=ascii_only)
    ).splitlines()[0]
    ends = [*begins[1:], 100]
    for begin, end, name in zip(begins, ends, names, strict=False):
        # a line stands in the column of its step or, rounded, in the one before
        text = line[7 + begin : 7 + end].strip("┊:|… .")
        assert name.startswith(text)
        assert text or end - begin < 12


def test_more_layers_than_rows_share_rows_and_the_largest_shows() -> None:
    ratios = [1e-5] * 19 + [1.0]
    layer = LayersMeasured(
        step=1,
        names=[str(i) for i in range(20)],
        grad_norm=ratios,
        update_ratio=ratios,
        max_attention_logit=1.0,
        log_z=1.0,
    )
    heat = Heat.of([layer], np.array([1.0]), "update_ratio")
    lines = str(draw_heat(heat, Scale.around(1.0, 2.0), 60, 3, ascii_only=True)).splitlines()
    assert "@" in lines[2] and "@" not in lines[0]


@given(st.integers(1, 20), st.integers(1, 40))
def test_a_heat_map_leaves_no_row_blank_and_gives_every_layer_as_many_rows_as_any_other_or_one_less(
    layers: int, height: int
) -> None:
    names = [f"layer {number}" for number in range(layers)]
    ratios = [1.0] * layers
    layer = LayersMeasured(
        step=1, names=names, grad_norm=ratios, update_ratio=ratios, max_attention_logit=1.0, log_z=1.0
    )
    heat = Heat.of([layer], np.array([1.0]), "update_ratio")
    lines = str(draw_heat(heat, Scale.around(1.0, 2.0), 60, height, ascii_only=True)).splitlines()
    left = gutter(heat, 60)
    mapped = [line for line in lines if set(line[left:]) <= set(".:-#@")]
    begins = [row for row, line in enumerate(mapped) if line[:left].strip()]
    tall = np.diff([*begins, len(mapped)])
    assert all(line.strip() for line in lines)
    assert begins[0] == 0 and tall.max() - tall.min() <= 1
    assert len(begins) == min(layers, len(mapped)) and len(lines) - len(mapped) <= 2


@example(5e-324, 1.0, 1)
@example(1e-299, 1.0, 12)
@given(st.floats(-1e-2, 1e-2), st.floats(1e-5, 1.0), st.integers(1, 12))
def test_no_two_ticks_have_the_same_label(low: float, width: float, most: int) -> None:
    ticks = Scale.around(low, low + width * abs(low)).ticks(most)
    assert len({text for _, text in ticks}) == len(ticks)
    assert [float(text) for _, text in ticks] == sorted(float(text) for _, text in ticks)


def test_a_tick_that_two_digits_cannot_tell_from_its_neighbour_has_no_label() -> None:
    assert [text for _, text in Scale.around(2.998e-4, 3.002e-4).ticks(5)] == ["3e-4"]


@given(st.floats(-1e9, 1e9), st.floats(1e-4, 1e3), st.booleans(), st.integers(1, 12))
def test_ticks_are_few_and_short_and_lie_on_the_axis(low: float, width: float, log: bool, most: int) -> None:
    scale = Scale.around(low, low + width * max(abs(low), 1e-3), log=log)
    ticks = scale.ticks(most)
    assert len(ticks) <= most
    assert all(-1e-6 <= float(scale.position(value)) <= 1 + 1e-6 for value, _ in ticks)
    assert all(len(text) <= 9 for _, text in ticks)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (0, None, "0"), (5.5, 0.5, "5.5"), (5, 0.5, "5.0"), (1000, 500, "1k"), (1500, 500, "1.5k"),
        (12_000, 2000, "12k"), (2.5e6, 5e5, "2.5M"), (2_345_670, 10, "2345.67k"), (1e-3, None, "1e-3"),
        (2.5e-4, None, "2.5e-4"), (0.05, 0.05, "0.05"), (1e20, None, "1e20"),
    ],
)  # fmt: skip
def test_labels_are_short(value: float, step: float | None, text: str) -> None:
    assert label(value, step) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (30, "30s"), (90, "1:30"), (300, "5m"), (5400, "1:30h"), (7200, "2h"), (259_200, "3d")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert seconds_label(seconds) == text


def view_after(length: int, *more: AnyEvent) -> RunView:
    return RunView.of(CONFIG).after_all([started(CONFIG), *steps(CONFIG, [3.0] * length), *more])


@given(st.integers(1, CONFIG.training.steps))
def test_while_steps_come_in_the_axis_has_room_for_more_but_never_for_many(length: int) -> None:
    x = loss_figure(view_after(length), Viewport()).x
    assert max(length, 2) <= x.high <= max(1.25 * length + 1, 16)
    assert x.high <= CONFIG.training.steps
    ended = view_after(length, RunEnded(step=length, reason="stopped"))
    assert loss_figure(ended, Viewport()).x.high == max(length, 2)


def test_an_axis_with_room_stands_still() -> None:
    axes = {loss_figure(view_after(length), Viewport()).x for length in range(190, 230)}
    assert len(axes) == 1


finite = st.floats(-1e300, 1e300)


@given(st.lists(finite, min_size=2, max_size=9), st.booleans())
def test_a_fitted_axis_holds_its_curve_and_little_more(values: list[float], log: bool) -> None:
    y = np.array([abs(value) for value in values] if log else values)
    scale = fitted([reduced(curve(y), Scale.around(1.0, float(len(y))), 50)], picture(curve(y), high=9.0, y_log=log))
    kept = y[y > 1e-290] if log else y
    places = scale.position(np.clip(kept, -1e300, 1e300))
    assert np.all((places >= -1e-9) & (places <= 1 + 1e-9))
    if not log and y.min() < 0 and np.ptp(y) > max(1e-6 * np.abs(y).max(), 1e-290):
        assert np.ptp(places) >= 0.75
