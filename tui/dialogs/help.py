"""Every key of the screen below, and what its panels show: all of it read from the screen itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..content import hanging
from .dialog import Dialog
from .key_line import KeyLine
from .key_table import KeyGroup, key_groups

MOUSE = """\
A click on a key in the bottom line does what the key does. In a list it selects, and once more it opens. On a plot it \
moves the reading cursor, as dragging does. The wheel zooms a plot, with Shift or sideways it pans it, and it scrolls \
every text."""


class HelpScreen(Dialog[None]):
    BINDING_GROUP_TITLE = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "dismiss", "close", id="help.close", tooltip="Back to the screen"),
    ]

    def __init__(self, explained: Screen[object]) -> None:
        super().__init__()
        self._explained = explained

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="sheet") as sheet:
            sheet.border_title = "Help"
            yield KeyTable(key_groups(self._explained, self.app.get_key_display))
            for name, text in [("Mouse", MOUSE), *explanations(self._explained)]:
                yield Static(Content.styled(name, "bold $accent"), classes="heading")
                yield Static(Content(text))
        yield KeyLine()


class KeyTable(Static):
    def __init__(self, groups: Sequence[KeyGroup]) -> None:
        super().__init__(id="keys")
        self._groups = groups

    def on_resize(self, event: events.Resize) -> None:
        self.update(key_text(self._groups, event.size.width))


def key_text(groups: Sequence[KeyGroup], width: int) -> Content:
    """The keys, what they do, and the tooltip where there is one, which stays in its column."""
    rows = [row for group in groups for row in group.rows]
    keys_width = max((cell_len(" ".join(row.keys)) for row in rows), default=0)
    words_width = max((cell_len(row.description) for row in rows), default=0)
    lines: list[Content] = []
    for group in groups:
        lines += [Content(""), Content.styled(group.title, "bold $accent")]
        for row in group.rows:
            label = Content.assemble(
                (f"{' '.join(row.keys):>{keys_width}}", "bold $foreground"),
                (f"  {row.description:<{words_width}}  ", "$foreground"),
            )
            lines.append(hanging(label, Content.styled(row.tooltip, "$curve-plan"), width))
    return Content("\n").join(lines[1:])


def explanations(screen: Screen[object]) -> list[tuple[str, str]]:
    """TITLE and EXPLANATION of every kind of panel on a screen, in their order."""
    found: dict[type, tuple[str, str]] = {}
    for node in [screen, *screen.query("*")]:
        text = getattr(type(node), "EXPLANATION", "")
        if text and type(node) not in found:
            name = getattr(type(node), "TITLE", "") or _words(type(node).__name__)
            found[type(node)] = (name, inspect.cleandoc(text))
    return list(found.values())


def _words(name: str) -> str:
    """A class's name as words: LossPanel is Loss."""
    return " ".join(re.findall("[A-Z][a-z]*", name.removesuffix("Panel"))).capitalize()
