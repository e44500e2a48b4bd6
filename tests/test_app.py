"""The app: from screen to screen, colours that stay chosen, and nothing lost on the way out."""

import asyncio
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from rich.color import ColorSystem
from rich.color_triplet import ColorTriplet
from textual.binding import Binding
from textual.color import Color
from textual.command import CommandList, CommandPalette, Hit, Hits, Provider
from textual.css.query import NoMatches
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.theme import BUILTIN_THEMES
from textual.widgets import Input, OptionList, Static
from textual.worker import WorkerCancelled, WorkerFailed

from tinygpt_tui.engine.client.run import ClientError
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import RunEnded
from tinygpt_tui.tui import themes
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.dialogs.opening_screen import OpeningScreen
from tinygpt_tui.tui.dialogs.too_small import TooSmallScreen
from tinygpt_tui.tui.home.screen import HomeScreen
from tinygpt_tui.tui.navigation import (
    Destination,
    LogFolder,
    OpenRun,
    QuitApp,
    ResumeRun,
    RunDestination,
    StartRun,
    ToHome,
)
from tinygpt_tui.tui.run.leave_dialog import LeaveDialog
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.settings import Remember, Settings, load_settings
from tinygpt_tui.tui.typed_ahead_app import SearchPalette
from tinygpt_tui.tui.watch.log_list_screen import LogListScreen

from .screen_text import shown, until
from .scripted_run import ScriptedRun, started, steps

AGAIN = StartRun(RunConfig(title="Again"))


class Journey:
    """An app whose runs are scripted; remembers where it went."""

    def __init__(
        self,
        folder: Path,
        *,
        destination: RunDestination | None = None,
        refuse: str = "",
        ascii: bool = False,
        may_open: asyncio.Event | None = None,
    ) -> None:
        self.settings_file = folder / "settings.toml"
        self.visited: list[RunDestination] = []
        self.runs: list[ScriptedRun] = []
        self._refuse = refuse
        self._may_open = may_open
        self.app = TinyGPTApp(
            folder / "runs",
            settings_file=self.settings_file,
            destination=destination,
            ascii=ascii,
            open=self._open,
        )

    async def _open(self, destination: RunDestination, runs: Path) -> ScriptedRun:
        self.visited.append(destination)
        if self._may_open is not None:
            await self._may_open.wait()
        if self._refuse:
            raise ClientError(self._refuse)
        self.runs.append(ScriptedRun([RunEnded(step=0, reason="finished")], path=runs / "scripted-1"))
        return self.runs[-1]

    @property
    def is_home(self) -> bool:
        return isinstance(self.app.screen, HomeScreen)

    def shows_run(self, number: int) -> bool:
        return len(self.runs) == number and isinstance(self.app.screen, RunScreen) and self.app.screen.is_mounted

    def leave(self, destination: Destination) -> None:
        assert isinstance(self.app.screen, RunScreen)
        self.app.screen.dismiss(destination)


async def test_it_opens_on_the_home_screen(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    async with journey.app.run_test() as pilot:
        await until(pilot, lambda: "Baseline" in shown(journey.app))
        assert journey.is_home
    assert not journey.settings_file.exists()


async def test_it_goes_straight_into_a_run(tmp_path: Path) -> None:
    journey = Journey(tmp_path, destination=OpenRun(tmp_path / "run"))
    async with journey.app.run_test() as pilot:
        await until(pilot, lambda: journey.shows_run(1))
    assert journey.visited == [OpenRun(tmp_path / "run")]
    assert journey.runs[0].is_closed


async def test_a_run_is_left_for_home_again_and_out(tmp_path: Path) -> None:
    journey = Journey(tmp_path, destination=OpenRun(tmp_path / "run"))
    async with journey.app.run_test() as pilot:
        await until(pilot, lambda: journey.shows_run(1))
        journey.leave(AGAIN)
        await until(pilot, lambda: journey.shows_run(2))
        assert journey.runs[0].is_closed
        journey.leave(ResumeRun(tmp_path / "run"))
        await until(pilot, lambda: journey.shows_run(3))
        journey.leave(ToHome())
        await until(pilot, lambda: journey.is_home)
        assert len(journey.app.screen_stack) == 1
        await pilot.press(*"baseline", "enter")
        await until(pilot, lambda: journey.shows_run(4))
        journey.leave(QuitApp())
        await until(pilot, lambda: not journey.app.is_running)
    assert journey.visited[1:3] == [AGAIN, ResumeRun(tmp_path / "run")]
    assert all(run.is_closed for run in journey.runs)
    assert journey.app.return_code == 0


async def test_a_run_that_cannot_be_had_is_told_at_home(tmp_path: Path) -> None:
    journey = Journey(tmp_path, destination=AGAIN, refuse="no [b]worker\x1b[0m")
    async with journey.app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: "no [b]worker␛[0m" in shown(journey.app))
        assert journey.is_home
        assert len(journey.app.screen_stack) == 1


@pytest.mark.parametrize("covered_by", ["nothing", "a dialog", "too small a terminal"])
async def test_home_comes_after_what_was_asked_for_whatever_lay_over_the_opening(
    tmp_path: Path, covered_by: str
) -> None:
    may_open = asyncio.Event()
    journey = Journey(tmp_path, destination=OpenRun(tmp_path / "run"), may_open=may_open)
    async with journey.app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "Opening run" in shown(journey.app))
        if covered_by == "a dialog":
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(journey.app.screen, ModalScreen))
        elif covered_by == "too small a terminal":
            await pilot.resize_terminal(20, 5)
            await until(pilot, lambda: isinstance(journey.app.screen, TooSmallScreen))
        may_open.set()
        await until(pilot, lambda: journey.shows_run(1))
        await pilot.resize_terminal(100, 30)
        journey.leave(ToHome())
        await until(pilot, lambda: not journey.shows_run(1))
        if covered_by == "a dialog":
            await pilot.press("escape")
        await until(pilot, lambda: journey.is_home)


async def test_a_place_that_was_asked_for_is_left_for_home(tmp_path: Path) -> None:
    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml", destination=LogFolder(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LogListScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def test_what_is_opened_is_told_while_it_takes_its_time(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        await pilot.app.push_screen(OpeningScreen("Starting [b]x\x1b …"))
        await until(pilot, lambda: "Starting [b]x␛ …" in shown(pilot.app))


async def test_q_quits_while_something_is_opened(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        await pilot.app.push_screen(OpeningScreen("Starting"))
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
    assert pilot.app.return_code == 0


async def test_the_opening_waits_for_the_dialog_over_it_and_then_gives_way(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        app, opening, dialog = pilot.app, OpeningScreen("Starting"), ModalScreen[None]()
        await app.push_screen(opening)
        await app.push_screen(dialog)
        opening.finish()
        assert app.screen_stack[-2:] == [opening, dialog]
        await dialog.dismiss()
        await until(pilot, lambda: opening not in app.screen_stack)


async def test_a_page_key_that_comes_before_the_list_has_a_size_does_nothing(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        choices = OptionList("one", "two")
        choices.display = False
        await pilot.app.screen.mount(choices)
        choices.highlighted = 0
        for action in ("page_up", "page_down"):
            assert not await pilot.app.run_action(action, choices)


async def test_the_palette_opens_again_before_the_last_one_is_gone(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        for _ in range(3):
            await pilot.app.run_action("command_palette")
            await pilot.app.run_action("command_palette")
            assert isinstance(pilot.app.screen, CommandPalette)
            pilot.app.screen.dismiss()
        assert len(pilot.app.screen_stack) == 1


async def test_a_search_of_a_palette_that_is_gone_ends_nothing_else(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        await pilot.app.run_action("command_palette")
        await pilot.app.screen.query_one(CommandList).remove()
        pilot.app.screen.query_one(Input).value = "theme"
        await pilot.pause()
        assert isinstance(pilot.app.screen, CommandPalette)


async def test_a_palette_that_is_left_before_it_is_mounted_is_no_error(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        pilot.app.push_screen(SearchPalette())
        pilot.app.pop_screen()
        await pilot.pause()
        assert pilot.app.is_running


@pytest.mark.parametrize("which", ["palette", "list of commands, such as the themes"])
async def test_a_command_that_is_chosen_twice_in_one_burst_runs_once(tmp_path: Path, which: str) -> None:
    chosen: list[str] = []
    choose = partial(chosen.append, "it")

    class Chosen(Provider):
        async def search(self, query: str) -> Hits:
            yield Hit(1, "choose", choose)

    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        app = pilot.app
        if which == "palette":
            await app.push_screen(SearchPalette([Chosen]))
        else:
            await app.search_commands([("choose", choose)])
        palette = app.screen
        assert isinstance(palette, SearchPalette)
        palette.query_one(Input).value = "c"
        await until(pilot, lambda: palette.query_one(CommandList).option_count)
        for key in ("down", "enter", "enter", "enter"):
            app.post_message(Key(key, None))
        await until(pilot, lambda: chosen)
        await pilot.pause()
        palette.dismiss()
        assert chosen == ["it"] and len(app.screen_stack) == 1


async def test_a_command_for_what_is_gone_does_nothing(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        app, left = pilot.app, Screen[None]()
        await app.push_screen(left)
        await left.mount(part := Static())
        await app.pop_screen()
        assert not await app.run_action("screen.dismiss", part)
        assert len(app.screen_stack) == 1


async def test_a_screen_that_is_being_left_asks_nothing_more(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        app, left = pilot.app, Screen[None]()
        await app.push_screen(left)
        app.pop_screen()
        asking = left.run_worker(partial(app.push_screen_wait, ModalScreen[None]()))
        with pytest.raises(WorkerCancelled):
            await asking.wait()
        assert len(app.screen_stack) == 1


async def test_a_screen_that_is_left_before_it_begins_is_no_error(tmp_path: Path) -> None:
    async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
        left = Screen[None]()

        async def begin() -> None:
            left.query_one("#gone")

        await pilot.app.push_screen(left)
        left.run_worker(begin)
        pilot.app.pop_screen()
        await pilot.pause()
        assert pilot.app.is_running


@pytest.mark.parametrize("error", [NoMatches(), ValueError()])
async def test_only_what_misses_a_part_of_the_app_is_silent_on_the_way_out(tmp_path: Path, error: Exception) -> None:
    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise error

    with pytest.raises(WorkerFailed) if isinstance(error, ValueError) else nullcontext():
        async with TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml").run_test() as pilot:
            pilot.app.screen.run_worker(late)
            await pilot.pause()


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c", "q"])
async def test_it_quits(tmp_path: Path, key: str) -> None:
    journey = Journey(tmp_path)
    async with journey.app.run_test() as pilot:
        await pilot.press(key)
        await until(pilot, lambda: not journey.app.is_running)
    assert journey.app.return_code == 0


@pytest.mark.parametrize(("covers", "answer"), [("", "l"), ("=", "l"), ("?", "ctrl+q"), ("m", "ctrl+q")])
async def test_quitting_asks_about_a_run_that_trains_whatever_covers_it(
    tmp_path: Path, covers: str, answer: str
) -> None:
    config = RunConfig(title="Training")
    run = ScriptedRun([started(config), *steps(config, [3.0] * 9)], config=config, live=True)

    async def training(destination: RunDestination, runs: Path) -> ScriptedRun:
        return run

    here = tmp_path / "run"
    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "s.toml", destination=OpenRun(here), open=training)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "step 9/" in shown(app))
        height = 1 + len(app.screen_stack) if covers else len(app.screen_stack)
        await pilot.press(*covers)
        await until(pilot, lambda: len(app.screen_stack) == height and app.screen.is_mounted)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, LeaveDialog) and app.screen.is_mounted)
        assert not run.commands and app.is_running
        await pilot.press(answer)
        await until(pilot, lambda: not app.is_running)
    assert not run.commands and run.is_closed


async def test_a_chosen_theme_is_remembered(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    async with journey.app.run_test() as pilot:
        assert journey.app.theme == themes.DEFAULT
        await pilot.press("ctrl+t")
        await until(pilot, lambda: not journey.is_home)
        await pilot.press(*"clear-day")
        await until(pilot, lambda: shown(journey.app).count("clear-day") > 1)
        await pilot.press("down", "enter")
        await until(pilot, lambda: journey.app.theme == "clear-day")
        await until(pilot, journey.settings_file.exists)
    assert load_settings(journey.settings_file) == Settings(theme="clear-day")
    assert Journey(tmp_path).app.theme == "clear-day"


async def test_what_a_screen_asks_to_remember_is_remembered(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    async with journey.app.run_test() as pilot:
        journey.app.screen.post_message(Remember(hidden_panels=("layers",)))
        await until(pilot, journey.settings_file.exists)
    assert load_settings(journey.settings_file).hidden_panels == ("layers",)


@pytest.mark.parametrize(
    ("text", "told"), [("theme = ", "Invalid value"), ("theme = 'plaid'", "there is no theme 'plaid'")]
)
async def test_a_settings_file_with_a_fault_is_told_and_left_alone(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    journey = Journey(tmp_path)
    async with journey.app.run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: journey.app._notifications)
        (notice,) = journey.app._notifications
        assert told in notice.message
        assert journey.app.theme == themes.DEFAULT
        journey.app.theme = "dawn"
        await until(pilot, lambda: journey.app._preferences.settings.theme == "dawn")
    assert journey.settings_file.read_text() == text


async def test_settings_that_cannot_be_kept_are_told_once(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    journey.settings_file.mkdir()
    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "new" / "settings.toml")
    (tmp_path / "new").write_text("")
    async with app.run_test() as pilot:
        app.post_message(Remember(ascii=True))
        await until(pilot, lambda: app._notifications)
        app.post_message(Remember(ascii=False))
        await pilot.pause()
        assert len(app._notifications) == 1


def test_keys_with_arrows_are_called_by_their_names_in_ascii(tmp_path: Path) -> None:
    look = Binding("left", "look", key_display="←→")
    assert Journey(tmp_path).app.get_key_display(look) == "←→"
    plain = Journey(tmp_path, ascii=True).app
    assert plain.get_key_display(look) == "left/right"
    assert plain.get_key_display(Binding("enter", "start", key_display="⏎")) == "enter"


async def test_a_terminal_that_is_too_small_says_so_until_it_is_not(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    async with journey.app.run_test(size=(30, 8)) as pilot:
        await until(pilot, lambda: "Too small: needs 40 x 10" in shown(journey.app))
        await pilot.resize_terminal(10, 4)
        await until(pilot, lambda: "Too small" in shown(journey.app))
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: journey.is_home)
        await pilot.resize_terminal(39, 10)
        await until(pilot, lambda: isinstance(journey.app.screen, TooSmallScreen))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not journey.app.is_running)


async def test_the_palette_has_every_key_of_the_screen_and_does_what_it_says(tmp_path: Path) -> None:
    journey = Journey(tmp_path, destination=OpenRun(tmp_path / "run"))
    async with journey.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: journey.shows_run(1))
        screen = journey.app.screen
        offered = {command.title for command in journey.app.get_system_commands(screen)}
        active = {active.binding for active in screen.active_bindings.values()}
        keys = {binding.description for binding in active if binding.tooltip and not binding.system}
        assert offered == keys | {"screenshot"}
        await pilot.press("ctrl+p")
        await until(pilot, lambda: journey.app.screen is not screen)
        await pilot.press(*"presets")
        await until(pilot, lambda: "Back to where it was opened" in shown(journey.app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: journey.is_home)


async def test_without_colour_nothing_is_coloured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    journey = Journey(tmp_path)
    async with journey.app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "Baseline" in shown(journey.app))
        colours = colours_of(journey.app)
    assert len(colours) > 2
    assert all(colour.red == colour.green == colour.blue for colour in colours)


@pytest.mark.parametrize("theme", themes.THEMES, ids=lambda theme: theme.name)
def test_every_theme_has_every_colour_and_its_words_stand_out(theme: themes.Theme) -> None:
    names = set(themes.fallback_variables(dark=True))
    assert names <= set(theme.variables)
    background = Color.parse(theme.background or "")
    for name in names:
        assert Color.parse(theme.variables[name]).hex.lower() == theme.variables[name]
    for name in ("curve-train", "curve-val", "curve-lr", "curve-plan", "state-running", "state-paused", "state-failed"):
        assert contrast(Color.parse(theme.variables[name]), background) >= 4, name
    assert contrast(Color.parse(theme.foreground or ""), background) >= 7


def test_the_colour_blind_safe_curves_differ_in_lightness_or_hue_for_everybody() -> None:
    for palette in (themes.CLEAR_NIGHT, themes.CLEAR_DAY):
        blue, orange = Color.parse(palette.train), Color.parse(palette.val)
        assert blue.b > blue.r and orange.r > orange.b


def test_a_terminal_of_sixteen_colours_gets_curves_that_differ(tmp_path: Path) -> None:
    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "settings.toml", few_colours=True)
    assert app.theme == themes.FEW_COLOURS
    variables = themes.curve_variables(themes.SIXTEEN)
    names = ("curve-train", "curve-val", "curve-lr", "curve-gradient", "curve-raw", "mark-finding")
    rounded = {Color.parse(variables[name]).rich_color.downgrade(ColorSystem.STANDARD).number for name in names}
    black_white_and_greys = {0, 7, 8, 15}
    assert len(rounded) == len(names) and not rounded & black_white_and_greys


async def test_textuals_own_themes_work_too(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    async with journey.app.run_test() as pilot:
        await until(pilot, lambda: "Baseline" in shown(journey.app))
        for name in BUILTIN_THEMES:
            journey.app.theme = name
            await pilot.pause()
            assert "curve-train" in journey.app.theme_variables
            assert "Baseline" in shown(journey.app)


def test_the_first_frame_waits_for_nothing_heavy() -> None:
    heavy = ["torch", "numpy", "plotext", "tsdownsample", "msgspec", "polars", "tinygpt_tui.engine.client"]
    script = f"import sys, tinygpt_tui.tui.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def colours_of(app: TinyGPTApp) -> set[ColorTriplet]:
    styles = [segment.style for strip in app.screen._compositor.render_strips() for segment in strip if segment.style]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour is not None]
    return {colour.get_truecolor() for colour in colours}


def contrast(one: Color, other: Color) -> float:
    """The ratio of the luminances as WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Color) -> float:
    shares = [value / 255 for value in colour.rgb]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
