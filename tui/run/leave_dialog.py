"""Where a run can be left for, and the question what becomes of it while it is still alive."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from ...engine.client import ClientError, Run
from ...engine.events import Stop
from ..dialogs.key_line import KeyLine
from ..navigation import Destination, QuitApp, ResumeRun, StartRun, ToHome
from .sending import warn

LeaveChoice = Literal["stop", "leave"]


class LeaveDialog(ModalScreen[LeaveChoice | None]):
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
        Binding("s,x", "answer('stop')", "stop it", id="leaving.stop", tooltip="Save a checkpoint and end the run"),
        Binding("l", "answer('leave')", "leave it running", id="leaving.leave", tooltip="The run goes on by itself"),
        Binding(
            "ctrl+c", "answer('leave')", "leave it", show=False, id="leaving.again", tooltip="The run goes on by itself"
        ),
        Binding("escape,q", "answer('stay')", "stay", id="leaving.stay", tooltip="Back to the run"),
    ]

    def __init__(self, question: str, *, step: int) -> None:
        super().__init__()
        self._question = question
        self._step = step

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._question)
            yield Label(f"The run is alive, at step {self._step}.")
            yield OptionList(
                Option("Stop it: save a checkpoint, then end", id="stop"),
                Option("Leave it running: it goes on without this screen", id="leave"),
                Option("Stay here", id="stay"),
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


def restarted(run: Run, seeds_on: int = 0) -> StartRun:
    """A new run of the same configuration, with a later seed where that is asked for."""
    training = replace(run.config.training, seed=run.config.training.seed + seeds_on)
    return StartRun(replace(run.config, training=training))


def _resumed(run: Run) -> Destination:
    assert run.path is not None, "the key is offered for a run on disk"
    return ResumeRun(run.path)


_LEAVE, _RESTART = "Leave: what becomes of this run?", "Restart: what becomes of this run?"
DESTINATIONS: dict[str, tuple[Callable[[Run], Destination], str]] = {
    "home": (lambda _: ToHome(), _LEAVE),
    "quit": (lambda _: QuitApp(), _LEAVE),
    "restart": (restarted, _RESTART),
    "restart_ended": (restarted, _RESTART),
    "reseed": (lambda run: restarted(run, seeds_on=1), _RESTART),
    "resume_from_checkpoint": (_resumed, _RESTART),
}
"""By the name that a key's action has: where it leads, and the question that a live run asks first."""


async def may_leave(screen: Widget, run: Run, question: str, step: int) -> bool:
    """Ask what becomes of a live run, and stop it where that is the answer; False where it is not to be left."""
    if not run.live:
        return True
    choice = await screen.app.push_screen_wait(LeaveDialog(question, step=step))
    if choice == "stop":
        try:
            await run.send(Stop())
        except ClientError as error:
            warn(screen, str(error))
    return choice is not None
