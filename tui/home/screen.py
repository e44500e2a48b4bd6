"""Where a person chooses: presets to start and runs to come back to, with a preview of the one that is selected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..dialogs.key_line import KeyLine
from ..navigation import (
    Course,
    CurveExercise,
    FaultExercise,
    GoTo,
    OpenRun,
    Place,
    ResumeRun,
    RunDestination,
    StartRun,
    new_seed,
)
from ..text import visible
from .disk import preset_entries, read_runs
from .entries import Entry, LearnEntry, PresetEntry, RunEntry, in_order, intention, matching
from .entry_list import EntryList, utc_now
from .filter_line import FilterLine
from .previews import Previews
from .rows import size

_REFRESH_S = 1.5
_IDLE_SHARE = 30
"""Reading the list may take one part in so many of the time."""


class HomeScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Home"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose('start')", "start", id="home.start", tooltip="Start a new run of this preset"),
        Binding("enter", "choose('learn')", "open", id="home.learn", tooltip="Open the course or the exercise"),
        Binding("enter", "choose('attach')", "attach", id="home.attach", tooltip="Watch and control this run"),
        Binding("enter", "choose('resume')", "resume", id="home.resume", tooltip="Train on from the last checkpoint"),
        Binding("enter", "choose('open')", "open", id="home.open", tooltip="Look at this run"),
        Binding(
            "ctrl+o", "choose('open')", "open", id="home.look", tooltip="Look at this run without going on with it"
        ),
        Binding("delete,ctrl+d", "delete", "delete", id="home.delete", tooltip="Delete this run from the disk"),
        Binding("escape", "filter('clear')", "all", id="home.clear", tooltip="Forget the filter and show everything"),
        Binding(
            "backspace",
            "filter('erase')",
            "erase",
            show=False,
            id="home.erase",
            tooltip="Erase the filter's last letter",
        ),
        Binding("q", "quit", "quit", id="home.quit", tooltip="Leave; running runs go on"),
    ]

    def __init__(self, runs: Path, *, ascii: bool = False, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__()
        self._runs = runs
        self._presets: tuple[Entry, ...] = ()
        self._found: tuple[RunEntry, ...] | None = None
        # made here and not looked up, because what was read in a thread may come after they are gone
        self.choice = EntryList(ascii=ascii, now=now)
        self.filter_line = FilterLine(ascii=ascii)
        self.empty_line = Static(id="empty")
        self.previews = Previews(self, ascii=ascii)

    def compose(self) -> ComposeResult:
        yield Static(_title(), id="title")
        with Horizontal(id="home"):
            with Vertical(id="choice"):
                yield self.filter_line
                yield self.choice
                yield self.empty_line
            yield self.previews.of_preset
            yield self.previews.of_run
        yield KeyLine()

    def on_mount(self) -> None:
        """Presets are in the first frame: to read them takes less than another frame would."""
        self._presets = preset_entries()
        self.watch(self.filter_line, "wanted", self._show_entries)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.read_disk)

    @work(exclusive=True, group="disk")
    async def read_disk(self) -> None:
        """Runs, again and again; the longer that takes, the more rarely."""
        if not self.is_active:  # is_current is true of a screen behind another
            return
        began = time.monotonic()
        runs = await asyncio.to_thread(read_runs, self._runs)
        if runs != self._found:
            self._found = runs
            self.previews.runs_changed(runs)
            self._show_entries()
        self.set_timer(max(_REFRESH_S, _IDLE_SHARE * (time.monotonic() - began)), self.read_disk)

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character and event.key not in self.active_bindings:
            event.stop()
            self.filter_line.wanted += event.character

    def on_paste(self, event: events.Paste) -> None:
        self.filter_line.paste(event.text)

    @on(EntryList.Highlighted)
    def preview(self, event: EntryList.Highlighted) -> None:
        self.previews.show(event.entry)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return _is_possible(self.choice.entry, bool(self.filter_line.wanted), action, parameters)

    @on(EntryList.Chosen)
    async def choose(self) -> None:
        if meant := intention(self.choice.entry):
            await self.run_action(f"choose('{meant}')")

    def action_choose(self, how: str) -> None:
        if (destination := _destination(self.choice.entry, how)) is not None:
            self.post_message(GoTo(destination))

    @work
    async def action_delete(self) -> None:
        from ...engine.storage.run_store import StoreError, remove
        from ..dialogs.confirm import Confirm

        entry = self.choice.entry
        if not isinstance(entry, RunEntry):
            return
        run = entry.summary
        question = f"Delete {visible(run.name)}? Its {size(run.bytes)} cannot be brought back."
        if await self.app.push_screen_wait(Confirm(question, yes="Delete", no="Keep")):
            try:
                for left in await asyncio.to_thread(remove, run.path):
                    self.notify(f"{visible(str(left))} is left: this program did not make it", markup=False)
            except StoreError as error:
                self.notify(visible(str(error)), severity="error", markup=False)
            self.read_disk()

    def action_filter(self, how: str) -> None:
        self.filter_line.wanted = "" if how == "clear" else self.filter_line.wanted[:-1]

    def action_quit(self) -> None:
        self.app.exit()

    def _show_entries(self) -> None:
        wanted = self.filter_line.wanted
        shown = matching(in_order(self._presets, self._found or ()), wanted)
        self.choice.show(shown)
        self.empty_line.update(Content(_empty(wanted, is_empty=not shown)))
        self.empty_line.display = not shown or not self._found
        self.refresh_bindings()


def _destination(entry: Entry | None, how: str) -> RunDestination | Place | None:
    """Where Enter leads, or another key that chooses the selected entry."""
    match entry:
        case PresetEntry(id=id, config=config):
            return StartRun(config, id, numbered=True)
        case RunEntry(summary=run):
            return ResumeRun(run.path) if how == "resume" else OpenRun(run.path)
        case LearnEntry(id="course"):
            return Course()
        case LearnEntry(id="exercise curve"):
            return CurveExercise(new_seed())
        case LearnEntry(id="exercise fault"):
            return FaultExercise(new_seed())
        case _:
            return None


def _is_possible(entry: Entry | None, is_filtered: bool, action: str, parameters: tuple[object, ...]) -> bool:
    match action, *parameters:
        case "choose", "open":
            return intention(entry) in ("open", "resume")
        case "choose", how:
            return intention(entry) == how
        case "delete", *_:
            return isinstance(entry, RunEntry) and intention(entry) != "attach"
        case "filter", *_:
            return is_filtered
        case "quit", *_:
            return not is_filtered
        case _:
            return True


def _empty(wanted: str, *, is_empty: bool) -> str:
    """What the line below the list says."""
    if wanted:
        return f"Nothing here matches “{visible(wanted)}”. Escape shows everything." if is_empty else ""
    return "No runs yet. Enter starts the preset that is selected."


def _title() -> Content:
    return Content.assemble(
        ("tinygpt-tui", "bold $primary"), ("  a flight simulator for training neural networks", "$curve-plan")
    )
