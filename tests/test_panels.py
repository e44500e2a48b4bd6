"""The curve panels in a terminal: they read, they answer the mouse, and they draw only when there is reason to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp

from tinygpt_tui.engine.config import RunConfig, TrainingConfig
from tinygpt_tui.engine.events import AnyEvent, FindingOpened, LayersMeasured
from tinygpt_tui.tui.panels.gradient import GradientPanel
from tinygpt_tui.tui.panels.layers import LayersPanel
from tinygpt_tui.tui.panels.loss import LossPanel
from tinygpt_tui.tui.panels.lr import LrPanel
from tinygpt_tui.tui.panels.plot_mouse import ViewportChange
from tinygpt_tui.tui.panels.plot_panel import PlotPanel
from tinygpt_tui.tui.plots.canvas import Canvas, ColorRole
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.themes import THEMES
from tinygpt_tui.tui.view.plot_titles import TitlePiece, fitting
from tinygpt_tui.tui.view.run_view import RunView

from .screen_text import until
from .scripted_run import started, steps

CONFIG = RunConfig(training=TrainingConfig(steps=200))
PANELS = (LossPanel, LrPanel, GradientPanel, LayersPanel)


def measured(step: int) -> LayersMeasured:
    return LayersMeasured(
        step=step,
        names=["wte", "head"],
        grad_norm=[2.0, 0.5],
        update_ratio=[1e-4, 1e-2],
        max_attention_logit=1.0,
        log_z=1.0,
    )


def view_of(length: int, *more: AnyEvent) -> RunView:
    losses = [5.0 - 0.01 * step for step in range(length)]
    return RunView.of(CONFIG).after_all([started(CONFIG), *steps(CONFIG, losses), *more])


class Shown(App[None]):
    """One panel, and what it says to its screen."""

    CSS = "PlotPanel { border: round $border; }"

    def __init__(self, panel: PlotPanel) -> None:
        super().__init__()
        self.panel = panel
        self.said: list[ViewportChange] = []
        self.drawings = 0
        drawing = panel.draw

        def counted(view: RunView, width: int, height: int) -> Canvas:
            self.drawings += 1
            return drawing(view, width, height)

        panel.draw = counted
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_viewport_change(self, message: ViewportChange) -> None:
        self.said.append(message)

    def arguments(self, action: str) -> list[tuple[float, ...]]:
        """Of each message with this action."""
        return [message.arguments for message in self.said if message.action == action]

    @property
    def text(self) -> str:
        return "\n".join(self.panel.render_line(row).text for row in range(self.panel.size.height))


@contextmanager
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Time passes for the panels only when told to."""
    now = [1000.0]
    monkeypatch.setattr("tinygpt_tui.tui.throttle.monotonic", lambda: now[0])

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    yield pass_time


@pytest.mark.parametrize("kind", PANELS)
async def test_a_panel_shows_its_run_and_explains_itself(kind: type[PlotPanel]) -> None:
    app = Shown(kind())
    async with app.run_test(size=(80, 20)):
        app.panel.view = view_of(100, measured(50))
        assert app.text.strip()
        assert app.panel.text
        assert kind.TITLE in str(app.panel.border_title)
        assert "ealthy" in app.panel.EXPLANATION


@pytest.mark.parametrize("kind", PANELS)
async def test_a_panel_survives_every_size_and_the_lack_of_a_run(kind: type[PlotPanel]) -> None:
    app = Shown(kind())
    async with app.run_test(size=(80, 20)) as pilot:
        for view in (None, RunView.of(CONFIG), view_of(30, measured(10))):
            app.panel.view = view
            for size in ((1, 1), (3, 3), (10, 4), (200, 60)):
                await pilot.resize_terminal(*size)
                assert all(app.panel.render_line(row).cell_length >= 0 for row in range(app.panel.size.height))


async def test_the_title_reads_the_latest_and_at_the_cursor_what_was_there() -> None:
    app = Shown(LossPanel())
    async with app.run_test(size=(100, 20)):
        spike = FindingOpened(id=1, step=52, onset=50, kind="[red]spike\x1b[0m", severity="warning", evidence="")
        app.panel.view = view_of(100, spike)
        assert "train 4.01" in app.panel.text
        app.panel.viewport = Viewport(cursor=50.0, smoothing=0)
        assert app.panel.text.startswith("step 50  finding: [red]spike␛[0m")
        assert "train 4.51" in app.panel.text


async def test_pointing_and_the_wheel_name_a_step() -> None:
    app = Shown(LossPanel())
    async with app.run_test(size=(108, 20)) as pilot:
        app.panel.view = view_of(101)
        left = app.panel.gutter.left + app.panel.left_of(app.panel.view, app.panel.size.width)
        middle = (left + (app.panel.size.width - left + 1) // 2, 5)
        await pilot.click(LossPanel, offset=middle)
        for kind in (MouseScrollUp, MouseScrollDown):
            app.panel.post_message(kind(app.panel, *middle, 0, 0, 0, False, False, False))
        await pilot.pause()
        moved = [step for (step,) in app.arguments("look_at")]
        zoomed = app.arguments("zoom")
        axis = app.panel.scale_of(app.panel.view)
        assert moved and abs(moved[0] - (axis.low + axis.high) / 2) <= 1.5
        assert zoomed == [(1, moved[0]), (-1, moved[0])]


async def test_dragging_moves_the_cursor_until_the_button_is_let_go() -> None:
    app = Shown(LrPanel())
    async with app.run_test(size=(100, 20)) as pilot:
        app.panel.view = view_of(200)
        await pilot.mouse_down(LrPanel, offset=(30, 5))
        await pilot.hover(LrPanel, offset=(60, 5))
        await pilot.mouse_up(LrPanel, offset=(60, 5))
        before = len(app.said)
        await pilot.hover(LrPanel, offset=(90, 5))
        places = [step for (step,) in app.arguments("look_at")]
        assert places == sorted(places) and places[-1] > places[0]
        assert len(app.said) == before


async def test_while_data_flows_a_panel_draws_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    with stopped_clock(monkeypatch) as pass_time:
        app = Shown(LossPanel())
        async with app.run_test(size=(80, 20)):
            app.panel.view = view_of(10)
            pass_time(10.0)
            app.drawings = 0
            for length in range(11, 60):
                app.panel.view = view_of(length)
            assert app.drawings == 1
            pass_time(10.0)
            app.panel.view = view_of(60)
            assert app.drawings == 2


async def test_the_last_view_is_drawn_though_no_other_follows() -> None:
    app = Shown(LossPanel())
    async with app.run_test(size=(100, 20)) as pilot:
        for length in (10, 20, 100):
            app.panel.view = view_of(length)
        await until(pilot, lambda: "train 4.01" in str(app.panel.border_title))


async def test_a_key_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with stopped_clock(monkeypatch):
        app = Shown(LossPanel())
        async with app.run_test(size=(80, 20)):
            app.panel.view = view_of(100)
            app.drawings = 0
            app.panel.viewport = Viewport(y_log=True)
            assert app.drawings == 1


async def test_painting_lines_draws_nothing_anew() -> None:
    app = Shown(LossPanel())
    async with app.run_test(size=(80, 20)):
        app.panel.view = view_of(100)
        app.panel.redraw()
        app.drawings = 0
        assert app.text == app.text
        assert app.drawings == 0


async def test_a_hidden_panel_draws_nothing_and_is_up_to_date_when_shown() -> None:
    app = Shown(LossPanel())
    async with app.run_test(size=(100, 20)) as pilot:
        app.panel.view = view_of(10)
        app.panel.display = False
        await pilot.pause()
        app.drawings = 0
        app.panel.viewport = Viewport(smoothing=0)
        app.panel.view = view_of(100)
        assert app.drawings == 0
        app.panel.display = True
        await until(pilot, lambda: "train 4.01" in str(app.panel.border_title))
        assert app.drawings


async def test_colours_follow_the_theme() -> None:
    app = Shown(LossPanel())
    async with app.run_test(size=(80, 20)) as pilot:
        app.panel.view = view_of(100)

        def colours() -> set[str]:
            lines = [app.panel.render_line(row) for row in range(app.panel.size.height)]
            return {str(segment.style.color) for line in lines for segment in line if segment.style}

        before = colours()
        app.theme = THEMES[1].name
        await until(pilot, lambda: colours() != before)


async def test_without_braille_only_ascii_is_drawn() -> None:
    for kind in PANELS:
        app = Shown(kind())
        async with app.run_test(size=(80, 20)):
            app.panel.ascii = True
            app.panel.view = view_of(100, measured(50))
            app.panel.redraw()
            assert app.text.isascii()


async def test_a_preview_is_drawn_until_it_is_taken_back() -> None:
    panel = LrPanel()
    app = Shown(panel)
    async with app.run_test(size=(80, 20)):
        view = view_of(50)
        panel.view = view
        panel.redraw()
        plain = app.text
        panel.preview = replace(view.settings, lr_scale=0.3)
        assert app.text != plain
        panel.preview = None
        assert app.text == plain


async def test_the_layers_show_either_quantity() -> None:
    panel = LayersPanel()
    app = Shown(panel)
    async with app.run_test(size=(100, 12)):
        panel.view = view_of(100, measured(50))
        assert "update ratio  most head 0.010  least wte" in panel.text
        panel.toggle_quantity()
        assert "grad norm  most wte 2.0  least head 0.50" in panel.text


def test_a_narrow_title_keeps_what_comes_first() -> None:
    pieces = [
        TitlePiece("Loss", ColorRole.NONE),
        TitlePiece("train 3.31", ColorRole.CURVE_TRAIN),
        TitlePiece("val 3.30", ColorRole.CURVE_VAL),
    ]
    assert "".join(piece.text for piece in fitting(pieces, 17)) == "Loss  train 3.31"
    assert "".join(piece.text for piece in fitting(pieces, 2)) == "Loss"


@pytest.mark.parametrize("kind", PANELS)
async def test_a_panel_that_redraws_some_of_its_rows_shows_what_a_whole_drawing_shows(kind: type[PlotPanel]) -> None:
    views = [view_of(length, *(measured(step) for step in range(10, length, 10))) for length in (30, 31, 40, 90, 200)]
    app = Shown(kind())
    async with app.run_test(size=(80, 20)) as pilot:
        for view in views:
            for look in (Viewport(), Viewport(cursor=20.0), Viewport(y_log=True)):
                app.panel.view, app.panel.viewport = view, look
                app.panel.redraw()
                await pilot.pause()
                text, picture = app.text, app.export_screenshot(simplify=True)
                app.panel.redraw_whole()
                app.panel.refresh()
                await pilot.pause()
                assert (app.text, app.export_screenshot(simplify=True)) == (text, picture)


async def test_steps_that_fit_on_the_axes_change_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    with stopped_clock(monkeypatch) as pass_time:
        app = Shown(LossPanel())
        async with app.run_test(size=(80, 24)):
            losses = [3.0 + 0.1 * (step % 3) for step in range(105)]
            begun = RunView.of(CONFIG).after(started(CONFIG))
            app.panel.view = begun.after_all(steps(CONFIG, losses[:101]))
            before = [app.panel.render_line(row) for row in range(22)]
            pass_time(10.0)
            app.panel.view = begun.after_all(steps(CONFIG, losses))
            after = [app.panel.render_line(row) for row in range(22)]
    assert 1 <= sum(one is not other for one, other in zip(before, after, strict=True)) <= 11
