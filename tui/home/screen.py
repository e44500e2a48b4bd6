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
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from ..dialogs.key_line import KeyLine
from ..navigation import Course, CurveExercise, FaultExercise, GoTo, new_seed
from ..text import visible
from .disk import look_into_log, measured_speed, read_presets, read_runs
from .entries import (
    Entry,
    LearnEntry,
    MeasuredSpeed,
    PresetEntry,
    RunEntry,
    identity,
    in_order,
    intention,
    matching,
)
from .entry_list import EntryList, utc_now
from .preset_preview import PresetPreview
from .rows import size
from .run_preview import RunPreview

_REFRESH_S = 1.5
_IDLE_SHARE = 30
"""Reading the list may take one part in so many of the time."""


class HomeScreen(Screen[None]):
    class PresetChosen(Message):
        def __init__(self, preset: PresetEntry) -> None:
            super().__init__()
            self.preset = preset

    class RunChosen(Message):
        """`resume` trains on from the last checkpoint; otherwise the run is attached to or read."""

        def __init__(self, path: Path, *, resume: bool) -> None:
            super().__init__()
            self.path = path
            self.resume = resume

    BINDING_GROUP_TITLE = "Home"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "start", id="home.start", tooltip="Start a new run of this preset"),
        Binding("enter", "learn", "open", id="home.learn", tooltip="Open the course or the exercise"),
        Binding("enter", "attach", "attach", id="home.attach", tooltip="Watch and control this run"),
        Binding("enter", "resume", "resume", id="home.resume", tooltip="Train on from the last checkpoint"),
        Binding("enter", "open", "open", id="home.open", tooltip="Look at this run"),
        Binding("ctrl+o", "open", "open", id="home.look", tooltip="Look at this run without going on with it"),
        Binding("delete,ctrl+d", "delete", "delete", id="home.delete", tooltip="Delete this run from the disk"),
        Binding("escape", "clear", "all", id="home.clear", tooltip="Forget the filter and show everything"),
        Binding("backspace", "erase", "erase", show=False, id="home.erase", tooltip="Erase the filter's last letter"),
        Binding("q", "quit", "quit", id="home.quit", tooltip="Leave; running runs go on"),
    ]

    def __init__(self, runs: Path, *, ascii: bool = False, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__()
        self._runs = runs
        self._ascii = ascii
        self._wanted = ""
        self._presets: tuple[Entry, ...] = ()
        self._found: tuple[RunEntry, ...] | None = None
        self._speeds: dict[str, MeasuredSpeed | None] = {}
        # made here and not looked up, because what was read in a thread may come after they are gone
        self.choice = EntryList(ascii=ascii, now=now)
        self.filter_line = Static(id="filter")
        self.empty_line = Static(id="empty")
        self.preset_preview = PresetPreview(ascii=ascii)
        self.run_preview = RunPreview(ascii=ascii)
        self.run_preview.add_class("-off")

    def compose(self) -> ComposeResult:
        yield Static(_title(), id="title")
        with Horizontal(id="home"):
            with Vertical(id="choice"):
                yield self.filter_line
                yield self.choice
                yield self.empty_line
            yield self.preset_preview
            yield self.run_preview
        yield KeyLine()

    def on_mount(self) -> None:
        """Presets are in the first frame: to read them takes less than another frame would."""
        self._presets = read_presets()
        self._show_filter()
        self._show_entries()

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.read_disk)

    @work(exclusive=True, group="disk")
    async def read_disk(self) -> None:
        """Runs, again and again; the longer that takes, the more rarely."""
        began = time.monotonic()
        runs = await asyncio.to_thread(read_runs, self._runs)
        if runs != self._found:
            self._found = runs
            self._speeds = {}
            self._show_entries()
        self.set_timer(max(_REFRESH_S, _IDLE_SHARE * (time.monotonic() - began)), self._read_again)

    def _read_again(self) -> None:
        if self.is_active:  # is_current is true of a screen behind another
            self.read_disk()

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character and event.key not in self.active_bindings:
            event.stop()
            self._filter(self._wanted + event.character)

    def on_paste(self, event: events.Paste) -> None:
        self._filter(self._wanted + " ".join(event.text.split())[:100])

    @on(EntryList.Highlighted)
    def preview(self, event: EntryList.Highlighted) -> None:
        entry = event.entry
        self.preset_preview.set_class(isinstance(entry, RunEntry), "-off")
        self.run_preview.set_class(not isinstance(entry, RunEntry), "-off")
        self.refresh_bindings()
        match entry:
            case RunEntry():
                if self.run_preview.run is None or identity(self.run_preview.run) != identity(entry):
                    self.run_preview.glimpse = None
                self.run_preview.run = entry
                self.look_into(entry)
            case LearnEntry():
                self.preset_preview.preset = entry
            case PresetEntry():
                self.preset_preview.preset = entry
                self.look_for_speed(entry)
            case _:
                self.preset_preview.preset = None

    @work(exclusive=True, group="glimpse")
    async def look_into(self, entry: RunEntry) -> None:
        self.run_preview.glimpse = await asyncio.to_thread(look_into_log, entry)

    @work(exclusive=True, group="speed")
    async def look_for_speed(self, preset: PresetEntry) -> None:
        speeds = self._speeds  # other runs come with a new table, which a late answer must not get into
        if preset.id not in speeds:
            self.preset_preview.speed = None
            speeds[preset.id] = await asyncio.to_thread(measured_speed, preset, self._found or ())
        self.preset_preview.speed = speeds[preset.id]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        entry = self.choice.entry
        match action:
            case "start" | "attach" | "resume" | "learn":
                return intention(entry) == action
            case "open":
                return intention(entry) in ("open", "resume")
            case "delete":
                return isinstance(entry, RunEntry) and intention(entry) != "attach"
            case "clear" | "erase":
                return bool(self._wanted)
            case "quit":
                return not self._wanted
            case _:
                return True

    @on(EntryList.Chosen)
    async def choose(self) -> None:
        if meant := intention(self.choice.entry):
            await self.run_action(meant)

    def action_start(self) -> None:
        if isinstance(entry := self.choice.entry, PresetEntry):
            self.post_message(self.PresetChosen(entry))

    def action_learn(self) -> None:
        match self.choice.entry:
            case LearnEntry(id="course"):
                self.post_message(GoTo(Course()))
            case LearnEntry(id="exercise curve"):
                self.post_message(GoTo(CurveExercise(new_seed())))
            case LearnEntry(id="exercise fault"):
                self.post_message(GoTo(FaultExercise(new_seed())))
            case _:
                pass

    def action_attach(self) -> None:
        self._choose_run(resume=False)

    def action_open(self) -> None:
        self._choose_run(resume=False)

    def action_resume(self) -> None:
        self._choose_run(resume=True)

    def _choose_run(self, *, resume: bool) -> None:
        if isinstance(entry := self.choice.entry, RunEntry):
            self.post_message(self.RunChosen(entry.summary.path, resume=resume))

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

    def action_clear(self) -> None:
        self._filter("")

    def action_erase(self) -> None:
        self._filter(self._wanted[:-1])

    def action_quit(self) -> None:
        self.app.exit()

    def _filter(self, wanted: str) -> None:
        self._wanted = wanted
        self._show_filter()
        self._show_entries()
        self.refresh_bindings()

    def _show_filter(self) -> None:
        cursor = "_" if self._ascii else "▏"
        prompt = (" / ", "bold $accent")
        if self._wanted:
            self.filter_line.update(Content.assemble(prompt, visible(self._wanted), (cursor, "$accent")))
        else:
            self.filter_line.update(Content.assemble(prompt, ("type to filter", "$state-faint")))

    def _show_entries(self) -> None:
        shown = matching(in_order(self._presets, self._found or ()), self._wanted)
        self.choice.show(shown)
        self.empty_line.update(Content(self._empty(bool(shown))))
        self.empty_line.display = not shown or not self._found

    def _empty(self, shown: bool) -> str:
        if not shown and self._wanted:
            return f"Nothing here matches “{visible(self._wanted)}”. Escape shows everything."
        return "No runs yet. Enter starts the preset that is selected." if not self._wanted else ""


def _title() -> Content:
    return Content.assemble(
        ("tinygpt-tui", "bold $primary"), ("  a flight simulator for training neural networks", "$curve-plan")
    )
