"""The commands that keys send to a run, whether each fits the run's state, and what is shown of the answer."""

from collections.abc import Callable

from textual.widget import Widget

from ...engine.client import ClientError, Run
from ...engine.events import ChangeSettings, Command, Evaluate, Pause, Refused, Resume, SaveCheckpoint, Stop, TakeSteps
from ..text import visible
from ..view.findings import open_findings
from ..view.fix_commands import NoFix, first_fix
from ..view.run_view import RunView

COMMANDS: dict[str, Callable[[RunView], Command]] = {
    "pause": lambda _: Pause(),
    "resume": lambda _: Resume(),
    "step": lambda _: TakeSteps(count=1),
    "evaluate": lambda _: Evaluate(),
    "checkpoint": lambda _: SaveCheckpoint(),
    "stop": lambda _: Stop(),
    "lr_half": lambda _: ChangeSettings(lr_times=0.5),
    "lr_double": lambda _: ChangeSettings(lr_times=2.0),
    "fix": lambda view: first_fix(open_findings(view)),
}
"""By the name that a key's action has; NoFix where there is nothing to fix."""
_DONE = {"evaluate": "Evaluated", "checkpoint": "Checkpoint saved", "sample": "Sampled"}
"""Shown after these, where the run screen itself would show nothing."""


async def send_named(screen: Widget, run: Run, name: str, view: RunView) -> None:
    try:
        command = COMMANDS[name](view)
    except NoFix as error:
        warn(screen, str(error))
        return
    await send(screen, run, command, name)


async def send(screen: Widget, run: Run, command: Command, name: str = "") -> None:
    """A refusal is always shown."""
    try:
        answer = await run.send(command)
    except ClientError as error:
        warn(screen, str(error))
        return
    if isinstance(answer, Refused):
        warn(screen, answer.why)
    elif name in _DONE:
        screen.notify(f"{_DONE[name]} at step {answer.step}.", timeout=2, markup=False)


def warn(screen: Widget, why: str) -> None:
    screen.notify(visible(why), severity="warning", markup=False)


def is_possible(action: str, parameters: tuple[object, ...], view: RunView, run: Run) -> bool:
    """Whether an action fits the run's state: of several actions of one key the one that fits is taken."""
    match action, *parameters:
        case "send", "pause":
            return run.live and view.state in ("starting", "training")
        case "send", "resume":
            return run.live and view.state in ("paused", "blocked")
        case "leave", "resume_from_checkpoint":
            is_finished = view.end is not None and view.end.reason == "finished"
            return not run.live and run.path is not None and not is_finished
        case "leave", "restart_ended":
            return not run.live
        case "leave", "go_back":
            return not run.live and run.path is not None and bool(view.checkpoints)
        case ("leave", "restart") | ("send" | "ask", _):
            return run.live
        case _:
            return True
