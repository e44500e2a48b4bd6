"""Asks before something that cannot be undone."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from .dialog import Dialog
from .key_line import KeyLine


class Confirm(Dialog[bool]):
    BINDING_GROUP_TITLE = "Question"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape,q", "answer(False)", "no", id="confirm.no", tooltip="Leave everything as it is"),
    ]

    def __init__(self, question: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._question))
            yield Static(
                Content.assemble(("y", "bold $accent"), f" {self._yes}   ", ("n", "bold $accent"), f" {self._no}")
            )
        yield KeyLine()

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)
