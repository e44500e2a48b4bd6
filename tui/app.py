"""The app: themes, the keys that work everywhere, and which screen is shown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from textual import events, on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from .clock import utc_now
from .dialogs.opening_screen import FirstScreen, load_run_screen, open_or_notify
from .dialogs.too_small import TooSmallScreen, is_too_small
from .gc_control import FULL_PASSES
from .go_to import GoTo
from .navigation import (
    Destination,
    ForkRun,
    OpenLog,
    OpenRun,
    Place,
    QuitApp,
    ResumeRun,
    RunDestination,
    StartRun,
    ToHome,
)
from .open_run import Opener, in_words, open_run
from .places import screen_of
from .remembering_app import RememberingApp
from .settings import Preferences, settings_path

if TYPE_CHECKING:
    from .home.screen import HomeScreen
    from .open_run import OpenedRun
    from .run.screen import RunScreen

WIDTHS: list[tuple[int, str]] | None = [(0, "-narrow"), (76, "-split"), (110, "-wide")]
HEIGHTS: list[tuple[int, str]] | None = [(0, "-low"), (20, "-middle"), (30, "-high")]
"""Classes that a screen has from so many cells on, for the style sheet."""
ARROWS = {"←": "left", "→": "right", "↑": "up", "↓": "down"}
"""What keys are called on a terminal that has ASCII alone."""
_HOME = "home"
_LOOK_S = 2.0
"""Between two looks at whether the collector is to pass."""
_TURN_S = 0.001
"""For how long a thread that imports or reads may hold up the screen each time that it wants the interpreter back."""
COURSE_PROGRESS = "course.toml"
"""What is remembered of the course lies beside the settings."""


def open_app(
    *,
    runs: Path,
    preset: str | None = None,
    overrides: Mapping[str, str] | None = None,
    name: str | None = None,
    opened: OpenRun | OpenLog | None = None,
    place: Place | None = None,
    ascii: bool = False,
) -> int:
    """Show the presets and runs, or go straight into a preset, a run or a place; the exit status.

    `overrides` are config keys of the preset with their values as TOML, and `name` is that of its run.
    """
    destination: RunDestination | Place | None = opened or place
    if preset is not None:
        from ..engine.presets import planned

        id, config = planned(preset, overrides or {}, Path.cwd())
        destination = StartRun(config, id if name is None else name, numbered=name is None)
    sys.setswitchinterval(_TURN_S)
    few_colours = Console().color_system == "standard"
    app = TinyGPTApp(runs, settings_file=settings_path(), destination=destination, ascii=ascii, few_colours=few_colours)
    app.run()
    return app.return_code or 0


class TinyGPTApp(RememberingApp):
    TITLE = "tinygpt-tui"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDING_GROUP_TITLE = "Everywhere"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "help", id="app.help", tooltip="Every key of this screen"),
        Binding("ctrl+n", "notices", "notices", show=False, id="app.notices", tooltip="The latest notices in full"),
        Binding("ctrl+t", "change_theme", "theme", show=False, id="app.theme", tooltip="Choose other colours"),
        Binding(
            "ctrl+q",
            "quit",
            "quit",
            show=False,
            priority=True,
            id="app.quit",
            tooltip="Quit; asks about a run that trains, and asked twice leaves it running",
        ),
        Binding("ctrl+c", "quit", show=False, system=True, id="app.interrupt"),
    ]

    def __init__(
        self,
        runs: Path,
        *,
        settings_file: Path,
        destination: RunDestination | Place | None = None,
        ascii: bool = False,
        few_colours: bool = False,
        open: Opener = open_run,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(Preferences(settings_file), few_colours=few_colours)
        self._runs = runs
        self._open = open
        self._now = now
        self._destination = destination
        self._shown_run: RunScreen | None = None
        self.add_mode(_HOME, lambda: self._home)
        self._progress = settings_file.with_name(COURSE_PROGRESS)
        self._ascii = ascii or self._preferences.settings.ascii
        self.set_class(self._ascii, "-ascii")

    def get_default_screen(self) -> Screen[None]:
        go_home = partial(self.switch_mode, _HOME)
        match self._destination:
            case None:
                return self._home
            case StartRun() | ResumeRun() | ForkRun() | OpenRun() | OpenLog() as destination:
                return FirstScreen(in_words(destination), go_home)
            case _:
                return FirstScreen("Opening …", go_home)

    @cached_property
    def _home(self) -> HomeScreen:
        """Made when it is to be seen: a run that is opened at once does not wait for it."""
        from .home.screen import HomeScreen

        settings = self._preferences
        return HomeScreen(
            self._runs, ascii=self._ascii, now=self._now, recent_logs=lambda: settings.settings.recent_logs
        )

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            FULL_PASSES.typed()
        await super().on_event(event)

    def on_mount(self) -> None:
        self.call_after_refresh(FULL_PASSES.opened)
        self.set_interval(_LOOK_S, FULL_PASSES.pass_when_quiet)
        # without a handler, `kill` would leave the terminal in the alternate screen, reporting the mouse
        asyncio.get_running_loop().add_signal_handler(SIGTERM, partial(self.exit, return_code=128 + SIGTERM))
        if self._destination is not None:
            self.go_to(GoTo(self._destination))
        else:
            # import what draws curves while a person still chooses
            self.call_after_refresh(partial(self.run_worker, load_run_screen, thread=True, group="prepare"))

    def on_resize(self, event: events.Resize) -> None:
        if is_too_small(event.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())

    @on(GoTo)
    def go_to(self, event: GoTo) -> None:
        match event.where:
            case StartRun() | ResumeRun() | ForkRun() | OpenRun() | OpenLog() as destination:
                self.go(destination)
            case place:
                if isinstance(first := self.screen_stack[0], FirstScreen):
                    first.finish()
                self.push_screen(screen_of(place, open=self._open, progress=self._progress, ascii=self._ascii))

    @work(group="go")
    async def go(self, destination: RunDestination) -> None:
        """From run to run, until the person goes home or quits."""
        wanted: RunDestination | None = destination
        while wanted is not None:
            run = await open_or_notify(self, self._open(wanted, self._runs), in_words(wanted))
            if run is None:
                return
            FULL_PASSES.opened()
            if isinstance(wanted, OpenRun | OpenLog):
                wanted = replace(wanted, reading=None)  # which reads it once
            if isinstance(wanted, OpenLog) and wanted.piped is None and wanted.program is None:
                self._remember_log(wanted.path)
            match await self._shown(run, wanted):
                case QuitApp():
                    self.exit()
                    return
                case StartRun() | ResumeRun() | ForkRun() | OpenLog() as wanted:
                    pass
                case ToHome() | None:
                    wanted = None
                    self._home.come_back(run.path)

    async def _shown(self, run: OpenedRun, opened: RunDestination) -> Destination | None:
        from .run.screen import RunScreen

        self._shown_run = RunScreen(
            run,
            settings=self._preferences.settings,
            ascii=self._ascii,
            paced=not isinstance(opened, OpenRun | OpenLog),
            log=opened if isinstance(opened, OpenLog) else None,
        )
        try:
            return await self.push_screen_wait(self._shown_run)
        finally:
            self._shown_run = None
            await run.close()

    async def action_quit(self) -> None:
        """Whatever covers a run that trains, what becomes of it is asked first."""
        from .run.leave_dialog import LeaveDialog

        if self._shown_run is None:
            self.exit()
        elif isinstance(self.screen, LeaveDialog):
            self.screen.action_answer("leave")
        else:
            self._shown_run.action_leave("quit")

    def action_help(self) -> None:
        from .dialogs.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def get_key_display(self, binding: Binding) -> str:
        display = super().get_key_display(binding)
        if display.isascii() or not self._ascii:
            return display
        arrows = [ARROWS.get(sign, "") for sign in display]
        return "/".join(arrows) if all(arrows) else binding.key

    def action_notices(self) -> None:
        from .dialogs.notices import NoticesScreen

        self.push_screen(NoticesScreen([*self.notices]))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything that a key does now, by name."""
        from .dialogs.key_table import actions, key_groups

        for row in actions(key_groups(screen, self.get_key_display)):
            words = f"{' '.join(row.keys)}  {row.tooltip}"
            yield SystemCommand(row.description, words, partial(self.run_action, row.action, row.node))
        yield SystemCommand("screenshot", "Save a picture of this screen as SVG", self.deliver_screenshot)
