"""Asks what becomes of a run that is still alive when it is left."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from ..dialogs.dialog import Dialog
from ..dialogs.key_line import KeyLine

LeaveChoice = Literal["stop", "leave"]
LeftKind = Literal["run", "loop", "program"]
"""What is left: a run of the tiny GPT, an attached loop, or a program whose output is watched."""


def answers(kind: LeftKind, *, is_paused: bool) -> Iterator[tuple[str, str]]:
    """What can be done with it, and its words. An attached loop ends as its code does, with a checkpoint or without."""
    if kind == "program":
        yield "stop", "End it, as Ctrl-C does"
        yield "leave", "Leave it running: what it prints comes here"
    else:
        yield "stop", f"Stop it: {'save a checkpoint, then end' if kind == 'run' else 'the loop is asked to end'}"
        yield (
            "leave",
            "Leave it paused: it waits; open it from the list of runs to go on"
            if is_paused
            else "Leave it running: it goes on without this screen",
        )
    yield "stay", "Stay here"


class LeaveDialog(Dialog[LeaveChoice | None]):
    """None is to stay. A second Ctrl-C or Ctrl-Q leaves the run running: it never loses anything."""

    CSS = """
    LeaveDialog {
        align: center middle; background: $background 60%;
        & > Vertical {
            width: 62; max-width: 96%; height: auto; max-height: 96%;
            border: round $warning; background: $surface; padding: 1 2;
        }
        Label { width: 100%; height: auto; margin-bottom: 1; }
        OptionList, OptionList:focus { height: auto; border: none; padding: 0; background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "s,x",
            "answer('stop')",
            "stop it",
            id="leaving.stop",
            tooltip="End it, with a checkpoint where it saves one",
        ),
        Binding(
            "l",
            "answer('leave')",
            "leave it",
            id="leaving.leave",
            tooltip="It goes on, or stays paused",
        ),
        Binding(
            "ctrl+c",
            "answer('leave')",
            "leave it",
            show=False,
            id="leaving.again",
            tooltip="It goes on, or stays paused",
        ),
        Binding("escape,q", "answer('stay')", "stay", id="leaving.stay", tooltip="Back to the run"),
    ]

    def __init__(self, question: str, *, step: int, is_paused: bool = False, kind: LeftKind = "run") -> None:
        super().__init__()
        self._kind: LeftKind = kind
        self._is_paused = is_paused
        self._question = question
        self._step = step

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._question)
            what = "program" if self._kind == "program" else "run"
            yield Label(f"The {what} is {'paused' if self._is_paused else 'alive'}, at step {self._step}.")
            yield OptionList(
                *(Option(words, id=answer) for answer, words in answers(self._kind, is_paused=self._is_paused))
            )
        yield KeyLine()

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.action_answer(event.option_id or "stay")

    def action_answer(self, answer: str) -> None:
        match answer:
            case "stop" | "leave":
                self.dismiss(answer)
            case _:
                self.dismiss(None)
