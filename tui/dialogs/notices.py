"""The latest notices in full, the newest first."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..noticing_app import Notice
from ..text import visible
from .dialog import Dialog
from .key_line import KeyLine

_COLOURS = {"information": "$text-success", "warning": "$text-warning", "error": "$text-error"}


class NoticesScreen(Dialog[None]):
    BINDING_GROUP_TITLE = "Notices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,ctrl+n", "dismiss", "close", id="notices.close", tooltip="Back to the screen"),
    ]

    def __init__(self, notices: Sequence[Notice]) -> None:
        super().__init__()
        self._notices = notices

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="sheet") as sheet:
            sheet.border_title = "Notices, the newest first"
            for notice in reversed(self._notices):
                kind = "" if notice.severity == "information" else f"{notice.severity}: "
                head = (f"- {kind}", f"bold {_COLOURS[notice.severity]}")
                yield Static(Content.assemble(head, visible(notice.words, keep_lines=True)))
            if not self._notices:
                yield Static("There was none yet.")
        yield KeyLine()
