"""The logs of a folder, newest first: typing filters them, Enter opens one, and new ones appear as they are written."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ...engine.following.log_folder import FoundLog, logs_in
from ..dialogs.key_line import KeyLine
from ..formatting import duration, file_size
from ..go_to import GoTo
from ..navigation import CompareRuns, OpenLog, OpenRun
from ..text import visible
from ..view.comparison import MOST_RUNS

_AGAIN_S = 2.0
_SHOWN = 300
"""Of many logs the newest are listed; the filter finds the others."""
_FRESH_S = 60.0
"""A log that was written more recently is marked as one that grows."""


class LogListScreen(Screen[None]):
    BINDING_GROUP_TITLE = "Logs"
    CSS = """
    LogListScreen {
        Static { height: 1; padding: 0 1; background: $panel; }
        OptionList { height: 1fr; border: round $border-blurred; background: $background; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "compare", "compare", id="logs.over", tooltip="The marked logs over each other", priority=True
        ),
        Binding("enter", "open", "open", id="logs.open", tooltip="Show the log, and follow it", priority=True),
        Binding(
            "space,insert", "mark", "mark", id="logs.mark", tooltip="Mark, to lay logs over each other", priority=True
        ),
        Binding("C", "compare", "compare", show=False, id="logs.compare", tooltip="As Enter does with marked logs"),
        Binding("backspace", "erase", "erase", show=False, id="logs.erase", tooltip="Take back the last letter"),
        Binding("escape", "leave", "back", id="logs.back", tooltip="Out of the filter; then home"),
        Binding("ctrl+c", "app.quit", "quit", id="logs.quit", tooltip="Quit"),
    ]
    AUTO_FOCUS = "OptionList"

    head = getters.query_one(Static)
    options = getters.query_one(OptionList)

    def __init__(self, folder: Path, *, columns: Mapping[str, str] | None = None, ascii: bool = False) -> None:
        """`columns`: canonical names of metrics and the columns that were chosen for them, in each log."""
        super().__init__()
        self._folder = folder
        self._columns = columns or {}
        self._ascii = ascii
        self._marked: list[Path] = []
        """In the order in which they were marked: the others are held against the first."""
        self._logs: list[FoundLog] = []
        self._typed = ""

    def compose(self) -> ComposeResult:
        yield Static()
        yield OptionList(markup=False)
        yield KeyLine()

    @work(group="look")
    async def on_mount(self) -> None:
        while True:
            logs = await asyncio.to_thread(logs_in, self._folder)
            if logs != self._logs:
                self._logs = logs
                self.show_logs()
            else:
                self._show_ages()
            await asyncio.sleep(_AGAIN_S)

    @property
    def shown(self) -> list[FoundLog]:
        words = self._typed.lower().replace(",", " ").split()
        return [log for log in self._logs if all(word in log.name.lower() for word in words)][:_SHOWN]

    def show_logs(self) -> None:
        """The selection stays on its log while others come and go."""
        chosen = self.options.highlighted_option
        kept = chosen.id if chosen is not None and self.options.highlighted != 0 else None
        shown = self.shown
        self.options.clear_options().add_options(
            Option(row, id=str(log.path)) for log, row in zip(shown, self._rows(), strict=True)
        )
        ids = [str(log.path) for log in shown]
        self.options.highlighted = ids.index(kept) if kept in ids else 0 if ids else None
        self._show_head(len(shown))
        self.refresh_bindings()

    def _show_head(self, shown: int) -> None:
        """Of a long path the end, for what stands behind it changes and is to be seen."""
        typed = f"  / {self._typed}" if self._typed else "  type to filter"
        count = f"{shown} of {len(self._logs)}" if shown < len(self._logs) else str(shown)
        marked = f"  {len(self._marked)} marked" if self._marked else ""
        facts, folder = Content(f"  {count}{marked}{visible(typed)}"), visible(str(self._folder))
        room = max(self.size.width - 2 - len("Logs in ") - facts.cell_length, 8)
        if Content(folder).cell_length > room:
            folder = f"{'...' if self._ascii else '…'}{folder[-(room - 3) :]}"
        self.head.update(Content(f"Logs in {folder}") + facts)

    def _show_ages(self) -> None:
        """How long ago each was written, and whether it grows, while nothing else changes."""
        self._show_head(len(self.shown))
        for place, row in enumerate(self._rows()):
            if self.options.get_option_at_index(place).prompt != row:
                self.options.replace_option_prompt_at_index(place, row)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter opens one, or lays over each other those that are marked."""
        if action in ("open", "compare"):
            return (len(self._marked) > 1) == (action == "compare")
        return True

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character and event.key not in self.active_bindings:
            event.stop()
            self._typed += event.character
            self.show_logs()

    def action_erase(self) -> None:
        self._typed = self._typed[:-1]
        self.show_logs()

    def action_mark(self) -> None:
        place, shown = self.options.highlighted, self.shown
        if place is None or place >= len(shown):
            return
        path = shown[place].path
        if path in self._marked:
            self._marked.remove(path)
        elif len(self._marked) == MOST_RUNS:
            self.notify(f"At most {MOST_RUNS} logs are laid over each other.", severity="warning")
            return
        else:
            self._marked.append(path)
        self.options.highlighted = min(place + 1, len(shown) - 1)
        self.show_logs()

    def action_compare(self) -> None:
        logs = {log.path: log for log in self._logs}
        marked = [logs[path] for path in self._marked if path in logs]
        self.post_message(
            GoTo(CompareRuns(tuple(log.path if log.is_run else _opened(log, self._columns) for log in marked)))
        )

    def action_leave(self) -> None:
        """Out of the filter, then out of the marks, then out of the list."""
        if self._typed or self._marked:
            self._typed, self._marked = "", [] if not self._typed else self._marked
            self.show_logs()
        else:
            self.dismiss(None)

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        place, shown = self.options.highlighted, self.shown
        if place is not None and place < len(shown):
            log = shown[place]
            self.post_message(GoTo(OpenRun(log.path) if log.is_run else _opened(log, self._columns)))

    def _rows(self) -> list[Content]:
        now, width = time.time(), self.size.width - 6
        mark, grows = ("x ", "> ") if self._ascii else ("✓ ", "▶ ")
        return [_row(log, now, width, mark if log.path in self._marked else "  ", grows) for log in self.shown]


def _row(log: FoundLog, now: float, width: int, mark: str, grows: str) -> Content:
    """`grows` is the sign of one that was written a moment ago."""
    ago = max(now - log.written_at, 0.0)
    sign = (grows, "$state-running") if ago < _FRESH_S else ("  ", "")
    facts = f"{file_size(log.bytes):>10}  {duration(ago):>9} ago"
    name = Content(visible(log.name)).truncate(max(width - len(facts) - 6, 8), ellipsis=True)
    gap = " " * max(width - name.cell_length - len(facts) - 4, 2)
    return Content.assemble((mark, "bold $accent"), sign, name, gap, (facts, "$foreground 60%"))


def _opened(log: FoundLog, columns: Mapping[str, str]) -> OpenLog:
    return OpenLog(log.path, log.name, columns=columns)
