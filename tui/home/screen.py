"""Where a person chooses: presets to start and runs to come back to, with a preview of the one that is selected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from ..clock import utc_now
from ..dialogs.key_line import KeyLine
from ..go_to import GoTo
from ..navigation import (
    Course,
    CurveExercise,
    FaultExercise,
    OpenLog,
    OpenRun,
    Place,
    ResumeRun,
    RunDestination,
    StartRun,
    new_seed,
)
from ..text import visible
from .disk import first_preset_entries, preset_entries, read_logs, read_runs
from .entries import (
    Entry,
    LearnEntry,
    LogEntry,
    PresetEntry,
    RunEntry,
    intention,
    is_tree,
    listed,
    listing_words,
    matching,
)
from .entry_list import EntryList
from .filter_line import FilterLine
from .previews import Previews
from .run_actions import RunActions
from .tree import in_families

_FIRST = 30
"""Runs that are shown before the others are read, which takes some milliseconds each."""
_REFRESH_S = 1.5
_IDLE_SHARE = 30
"""Reading the list may take one part in so many of the time."""
_FEWEST_PRESETS = 8
"""In the first frame; a low screen has one line for each, any other two."""


class HomeScreen(RunActions):
    EXPLANATION: ClassVar[str] = """\
Runs come first, also those of loops of your own; then the course, its exercises and the presets. A log that another \
program writes is opened by a command: tinygpt-tui watch train.log, or watch and a folder of logs."""
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
        Binding("slash", "filter('begin')", "filter", id="home.filter", tooltip="Type words that entries must hold"),
        Binding(
            "space,question_mark",
            "filter('typed')",
            "type",
            show=False,
            system=True,  # `on_key` takes it: it only hides what the key does where no filter is open
            id="home.typed",
            tooltip="A sign of the filter, as any other",
        ),
        Binding("space,insert", "mark", "mark", id="home.mark", tooltip="Mark this run, to compare it with others"),
        Binding("C", "compare", "compare", id="home.compare", tooltip="The marked runs over each other, with a table"),
        Binding("A", "runs_alone", "all runs", id="home.runs", tooltip="The runs alone, or the presets as well"),
        Binding("S", "sort", "sort", show=False, id="home.sort", tooltip="Runs by age, name, val_loss or state"),
        Binding("R", "rename", "rename", show=False, id="home.rename", tooltip="Give this run another name"),
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

    def __init__(
        self,
        runs: Path,
        *,
        ascii: bool = False,
        now: Callable[[], datetime] = utc_now,
        recent_logs: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`recent_logs` gives the paths of the logs that were watched last."""
        super().__init__()
        self._recent_logs = recent_logs
        self._logs: tuple[LogEntry, ...] = ()
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
        """The first frame has as many presets as there is room for; the others are read with the runs."""
        self._presets = first_preset_entries(max(_FEWEST_PRESETS, self.app.size.height // 3))
        self.watch(self.filter_line, "wanted", self._show_entries)
        self.watch(self.filter_line, "is_begun", self.refresh_bindings, init=False)
        self.watch(self, "listing", self._show_entries, init=False)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.read_disk)

    @work(exclusive=True, group="disk")
    async def read_disk(self) -> None:
        """Runs, again and again; the longer that takes, the more rarely."""
        if not self.is_active:  # is_current is true of a screen behind another
            return
        began = time.monotonic()
        if self._found is None:
            self._presets = await asyncio.to_thread(preset_entries)
        logs = await asyncio.to_thread(read_logs, self._recent_logs())
        if self._found is None:
            self._take(await asyncio.to_thread(read_runs, self._runs, _FIRST), logs)
        self._take(await asyncio.to_thread(read_runs, self._runs), logs)
        self.set_timer(max(_REFRESH_S, _IDLE_SHARE * (time.monotonic() - began)), self.read_disk)

    def _take(self, runs: tuple[RunEntry, ...], logs: tuple[LogEntry, ...]) -> None:
        if (runs, logs) != (self._found, self._logs):
            self._found, self._logs = runs, logs
            self.previews.runs_changed(runs)
            self._show_entries()

    def on_key(self, event: events.Key) -> None:
        is_typed = self.filter_line.is_open or event.key not in self.active_bindings
        if event.is_printable and event.character and is_typed:
            event.stop()
            self.filter_line.type(event.character)

    def on_paste(self, event: events.Paste) -> None:
        self.filter_line.paste(event.text)

    @on(EntryList.Highlighted)
    def preview(self, event: EntryList.Highlighted) -> None:
        self.previews.show(event.entry)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "compare":
            return bool(self.choice.marked) and not self.filter_line.is_open
        return _is_possible(self.choice.entry, self.filter_line.is_open, action, parameters)

    @on(EntryList.Chosen)
    async def choose(self) -> None:
        if meant := intention(self.choice.entry):
            await self.run_action(f"choose('{meant}')")

    def action_choose(self, how: str) -> None:
        if (destination := _destination(self.choice.entry, how)) is not None:
            self.post_message(GoTo(destination))

    def action_filter(self, how: str) -> None:
        match how:
            case "begin":
                self.filter_line.is_begun = True
            case "erase":
                self.filter_line.erase()
            case "clear":
                self.filter_line.leave()
            case _:  # `on_key` has typed it
                pass

    def action_quit(self) -> None:
        self.app.exit()

    def _show_entries(self) -> None:
        wanted = self.filter_line.wanted
        shown = matching(listed(self._presets, self._found or (), self.listing, self._logs), wanted)
        shown = in_families(shown) if is_tree(self.listing) else shown
        self.filter_line.note = listing_words(self.listing)
        self.choice.show(shown)
        self.empty_line.update(Content(_empty(wanted, is_empty=not shown, is_read=self._found is not None)))
        self.empty_line.display = not shown or not self._found
        self.refresh_bindings()


def _destination(entry: Entry | None, how: str) -> RunDestination | Place | None:
    """Where Enter leads, or another key that chooses the selected entry."""
    match entry:
        case PresetEntry(id=id, config=config):
            return StartRun(config, id, numbered=True)
        case RunEntry(summary=run):
            return ResumeRun(run.path) if how == "resume" else OpenRun(run.path)
        case LogEntry(path=path):
            return OpenLog(path, path.name)
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
        case "rename", *_:
            return not is_filtered and isinstance(entry, RunEntry) and intention(entry) != "attach"
        case "delete", *_:
            return isinstance(entry, RunEntry) and intention(entry) != "attach"
        case "mark", *_:
            return isinstance(entry, RunEntry) and intention(entry) is not None
        case "filter", "begin":
            return not is_filtered
        case "filter", *_:
            return is_filtered
        case (("quit" | "runs_alone" | "sort"), *_):
            return not is_filtered
        case _:
            return True


def _empty(wanted: str, *, is_empty: bool, is_read: bool) -> str:
    """The text of the line below the list."""
    if not is_read:
        return "Reading the runs."
    if wanted:
        return f"Nothing here matches “{visible(wanted)}”. Escape shows everything." if is_empty else ""
    return "No runs yet. Enter starts the preset that is selected."


def _title() -> Content:
    return Content.assemble(
        ("tinygpt-tui", "bold $primary"), ("  a flight simulator for training neural networks", "$curve-plan")
    )
