"""Help is read from the screen itself: every key, in groups, and what each panel shows."""

from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from tinygpt_tui.engine.events import RunEnded
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.dialogs.help import HelpScreen, explanations, key_text
from tinygpt_tui.tui.dialogs.key_table import key_groups
from tinygpt_tui.tui.home.screen import HomeScreen
from tinygpt_tui.tui.navigation import OpenRun, RunDestination
from tinygpt_tui.tui.run.screen import RunScreen

from .screen_text import shown, until
from .scripted_run import ScriptedRun


class FlightPanel(Static, can_focus=True):
    EXPLANATION = """\
    How high it flies.

    Higher is healthier."""
    BINDING_GROUP_TITLE = "Flight"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "rise", "rise", tooltip="Go [up]"),
        Binding("j,k", "fall", "fall", tooltip="Go down slowly, as long as nothing is below"),
    ]


class WeatherPanel(Static):
    TITLE = "Wind and rain"
    EXPLANATION = "Dry is better."


class Explained(Screen[None]):
    BINDING_GROUP_TITLE = "Cockpit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "eject", "eject", tooltip="Leave"),
        Binding("y", "hidden", "hidden", tooltip="Not now"),
        Binding("z", "secret", "secret", tooltip="System", system=True),
    ]

    def compose(self) -> ComposeResult:
        yield FlightPanel()
        yield FlightPanel()
        yield WeatherPanel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "hidden"


class Plane(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def get_default_screen(self) -> Screen[None]:
        return Explained()


async def test_keys_stand_in_groups_with_what_they_do_now() -> None:
    app = Plane()
    async with app.run_test():
        groups = {group.title: group.rows for group in key_groups(app.screen, app.get_key_display)}
        text = key_text(key_groups(app.screen, app.get_key_display), 80).plain
    assert list(groups)[:2] == ["Cockpit", "Flight"]
    assert [row.description for row in groups["Cockpit"]] == ["eject"]
    assert [row.keys for row in groups["Flight"]] == [("u",), ("j", "k")]
    assert "Go [up]" in text
    assert text.index("Cockpit") < text.index("eject") < text.index("Flight")


async def test_what_a_key_does_stays_in_its_column_where_it_wraps() -> None:
    app = Plane()
    async with app.run_test():
        lines = key_text(key_groups(app.screen, app.get_key_display), 40).plain.splitlines()
    assert max(map(len, lines)) <= 40
    first = next(place for place, line in enumerate(lines) if "Go down" in line)
    begins = lines[first].index("Go down")
    assert lines[first + 1].lstrip() and lines[first + 1].index(lines[first + 1].lstrip()) == begins


async def test_every_kind_of_panel_is_explained_once() -> None:
    app = Plane()
    async with app.run_test():
        assert explanations(app.screen) == [
            ("Flight", "How high it flies.\n\nHigher is healthier."),
            ("Wind and rain", "Dry is better."),
        ]


@pytest.fixture
def app(tmp_path: Path) -> TinyGPTApp:
    async def open(destination: RunDestination, runs: Path) -> ScriptedRun:
        return ScriptedRun([RunEnded(step=0, reason="finished")])

    return TinyGPTApp(tmp_path / "runs", settings_file=tmp_path / "settings.toml", open=open)


@pytest.mark.parametrize("key", ["question_mark", "f1"])
@pytest.mark.parametrize("close", ["escape", "question_mark", "q", "f1"])
async def test_help_opens_and_closes(app: TinyGPTApp, key: str, close: str) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: "Baseline" in shown(app))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "Start a new run" in shown(app))
        await pilot.press(close)
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def test_help_that_is_longer_than_the_screen_scrolls_with_the_keys(app: TinyGPTApp) -> None:
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: "Baseline" in shown(app))
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.query(".sheet"))
        sheet = app.screen.query_one(".sheet")
        await until(pilot, lambda: sheet.max_scroll_y > sheet.size.height and sheet.has_focus)
        for key, holds in {
            "down": lambda: sheet.scroll_target_y == 1,
            "up": lambda: sheet.scroll_target_y == 0,
            "pagedown": lambda: sheet.scroll_target_y > 1,
            "pageup": lambda: sheet.scroll_target_y == 0,
            "end": lambda: sheet.scroll_target_y == sheet.max_scroll_y,
            "home": lambda: sheet.scroll_target_y == 0,
        }.items():
            await pilot.press(key)
            await until(pilot, holds)


async def test_the_help_of_a_run_has_every_key_and_every_panel(app: TinyGPTApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        app.go(OpenRun(tmp_path))
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.is_mounted)
        run_screen = app.screen
        active = [active.binding for active in run_screen.active_bindings.values()]
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.is_mounted)
        text = "\n".join(str(widget.render()) for widget in app.screen.query(Static))
    for binding in active:
        if binding.tooltip and not binding.system:
            assert f" {binding.description} " in text
            assert app.get_key_display(binding) in text
    plots = ("Loss", "Learning rate", "Gradient norm", "Layers")
    for name in ("Mouse", *plots, "Status", "Diagnosis", "Sample", "History"):
        assert f"\n{name}\n" in text
