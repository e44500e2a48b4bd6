"""The list of presets and runs: draws the visible rows, keeps one selected, and sends a message when one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from ..clock import utc_now
from .entries import BrokenPreset, Entry, LearnEntry, LogEntry, PresetEntry, RunEntry, identity, usual_choice
from .rows import Piece, row


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class RowLine:
    """One of the lines of an entry."""

    index: int
    second: bool


Line = Heading | RowLine | None


def lines_of(entries: Sequence[Entry], *, compact: bool) -> list[Line]:
    """Each group under its heading, presets by chapters; an empty line before a heading where there is room for it."""
    lines: list[Line] = []
    heading = ""
    for index, entry in enumerate(entries):
        group = _heading(entry)
        if group != heading:
            lines += [Heading(group)] if compact or not lines else [None, Heading(group)]
            heading = group
        lines.append(RowLine(index, second=False))
        if not compact:
            lines.append(RowLine(index, second=True))
    return lines


def _heading(entry: Entry) -> str:
    match entry:
        case LearnEntry():
            return "Learn"
        case PresetEntry():
            return entry.config.lesson.chapter
        case BrokenPreset():
            return "Presets that cannot be used"
        case LogEntry():
            return "Logs"
        case RunEntry(is_recent=recent):
            return "Runs" if recent else "Earlier runs"


def laid_out(left: Sequence[Piece], right: Piece, width: int) -> list[Piece]:
    """One line of exactly `width` cells: the right text whole if it fits, the left one cut with an ellipsis."""
    space = width - cell_len(right[0]) - 1
    if space < 8:
        right, space = ("", right[1]), width
    pieces: list[Piece] = []
    for text, colour in left:
        room = space - sum(cell_len(piece) for piece, _ in pieces)
        if room <= 0:
            break
        pieces.append((text if cell_len(text) <= room else f"{set_cell_size(text, room - 1)}…", colour))
    gap = width - sum(cell_len(piece) for piece, _ in pieces) - cell_len(right[0])
    return [*pieces, (" " * gap, right[1]), right]


class EntryList(ScrollView, can_focus=True):
    """Two lines an entry, or one where the screen is low."""

    BINDING_GROUP_TITLE = "List"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "previous", show=False, id="list.up", tooltip="Select the entry above"),
        Binding("down", "move(1)", "next", show=False, id="list.down", tooltip="Select the entry below"),
        Binding("pageup", "page(-1)", "page up", show=False, id="list.page_up", tooltip="A screenful up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="list.page_down", tooltip="A screenful down"),
        Binding("home", "jump(False)", "first", show=False, id="list.first", tooltip="Select the first entry"),
        Binding("end", "jump(True)", "last", show=False, id="list.last", tooltip="Select the last entry"),
    ]

    class Highlighted(Message):
        """Another entry is selected, or the selected one may have changed."""

        def __init__(self, entry: Entry | None) -> None:
            super().__init__()
            self.entry = entry

    class Chosen(Message):
        """The selected entry was clicked."""

    entries: reactive[tuple[Entry, ...]] = reactive((), always_update=True)
    selected: reactive[int] = reactive(0)
    marked: reactive[frozenset[str]] = reactive(frozenset[str]())
    """Names of runs."""

    def __init__(self, *, ascii: bool = False, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__()
        self._ascii = ascii
        self._now = now
        self._lines: list[Line] = []
        self.wanted: tuple[str, str] | None = None
        """The identity of an entry that is to be selected as soon as it is there."""

    @property
    def entry(self) -> Entry | None:
        return self.entries[self.selected] if self.selected < len(self.entries) else None

    def show(self, entries: Sequence[Entry]) -> None:
        """Other entries; the selected one stays selected if it is among them."""
        before = self.entry
        names = [identity(entry) for entry in entries]
        self.entries = tuple(entries)
        place = names.index(identity(before)) if before and identity(before) in names else usual_choice(entries)
        if self.wanted in names:
            place, self.wanted = names.index(self.wanted), None
        self.set_reactive(EntryList.selected, place)
        self._arrange()
        self.post_message(self.Highlighted(self.entry))

    def select(self, index: int) -> None:
        self.selected = min(max(index, 0), max(len(self.entries) - 1, 0))

    def watch_selected(self, before: int, now: int) -> None:
        self._show_selected()
        self.refresh()
        if before != now:
            self.post_message(self.Highlighted(self.entry))

    def action_move(self, rows: int) -> None:
        self.select(self.selected + rows)

    def action_page(self, direction: int) -> None:
        self.select(self.selected + direction * max(self.size.height // 2 - 1, 1))

    def action_jump(self, last: bool) -> None:
        self.select(len(self.entries) - 1 if last else 0)

    def on_resize(self) -> None:
        self._arrange()

    def on_click(self, event: events.Click) -> None:
        y = event.get_content_offset_capture(self).y + self.scroll_offset.y
        match self._lines[y] if 0 <= y < len(self._lines) else None:
            case RowLine(index=index) if index == self.selected:
                self.post_message(self.Chosen())
            case RowLine(index=index):
                self.select(index)
            case _:
                pass

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        width = self.size.width
        line = self._lines[y] if y < len(self._lines) else None
        match line:
            case RowLine():
                return self._row(line, width)
            case Heading(text=text):
                style = self.rich_style + Style(color=_theme_colour(self, "accent"), bold=True)
                return Strip([Segment(set_cell_size(f" {text}", width), style)], width)
            case None:
                return Strip.blank(width, self.rich_style)

    def _row(self, line: RowLine, width: int) -> Strip:
        entry, chosen = self.entries[line.index], line.index == self.selected
        words = row(entry, self._now(), ascii=self._ascii)
        base = self.rich_style
        if chosen:
            base += Style(bgcolor=_theme_colour(self, "panel"), bold=not line.second)
        bar = ("|" if self._ascii else "▌") if chosen else " "
        is_marked = isinstance(entry, RunEntry) and entry.summary.name in self.marked and not line.second
        mark = ("*" if self._ascii else "◆") if is_marked else " "
        if line.second:
            pieces = laid_out(
                [(" " * (2 + words.indent), words.details[1]), words.details], words.aside, max(width - 3, 0)
            )
        elif self._compact:
            details = (f"  {words.details[0]}", words.details[1])
            pieces = laid_out([*words.name, details], words.state, max(width - 3, 0))
        else:
            pieces = laid_out(words.name, words.state, max(width - 3, 0))
        pieces = [(f"{bar}{mark}", "accent"), *pieces, (" ", "foreground")]
        segments = [Segment(text, base + Style(color=_theme_colour(self, colour))) for text, colour in pieces]
        return Strip(segments).adjust_cell_length(width, base)

    @property
    def _compact(self) -> bool:
        return self.size.height < 14

    def _arrange(self) -> None:
        self._lines = lines_of(self.entries, compact=self._compact)
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_selected()
        self.refresh()

    def _show_selected(self) -> None:
        rows = [y for y, line in enumerate(self._lines) if isinstance(line, RowLine) and line.index == self.selected]
        if rows:
            # the heading above the first entry comes into view with it
            top = 0 if self.selected == 0 else rows[0]
            self.scroll_to_region(Region(0, top, self.size.width, rows[-1] - top + 1), animate=False)


def _theme_colour(widget: Widget, variable: str) -> RichColor:
    return Color.parse(widget.app.theme_variables[variable]).rich_color
