"""The commands that keys send to a run, whether each fits the run's state, and what is shown of the answer."""

import math
from collections.abc import Callable, Sequence

from textual.widget import Widget

from ...engine.client.run import ClientError, Run
from ...engine.events import (
    ChangeSettings,
    Command,
    Evaluate,
    FindingOpened,
    LimitSpeed,
    PaceLesson,
    Pause,
    Refused,
    Resume,
    SaveCheckpoint,
    Stop,
    TakeSteps,
)
from ..panels.metrics import MetricsPanel
from ..text import visible
from ..view.described import takes
from ..view.findings import open_findings
from ..view.fix_commands import NoFix, can_fix, first_fix
from ..view.run_view import RunView


def full_speed(view: RunView) -> Sequence[Command]:
    """Nothing that holds the run back any more."""
    return [
        *([PaceLesson()] if view.pace else []),
        *([LimitSpeed(steps_per_s=math.inf)] if is_held(view) else []),
        *([Resume()] if view.state == "paused" else []),
    ]


def is_held(view: RunView) -> bool:
    return math.isfinite(view.speed_limit)


COMMANDS: dict[str, Callable[[RunView], Sequence[Command]]] = {
    "pause": lambda _: [Pause()],
    "resume": lambda _: [Resume()],
    "step": lambda _: [TakeSteps(count=1)],
    "full_speed": full_speed,
    "evaluate": lambda _: [Evaluate()],
    "checkpoint": lambda _: [SaveCheckpoint()],
    "stop": lambda _: [Stop()],
    "lr_half": lambda _: [ChangeSettings(lr_times=0.5)],
    "lr_double": lambda _: [ChangeSettings(lr_times=2.0)],
    "fix": lambda view: [first_fix(open_findings(view))],
}
"""By the name that a key's action has; NoFix where there is nothing to fix."""
_DONE = {"evaluate": "Evaluated", "checkpoint": "Checkpoint saved", "sample": "Sampled"}
"""Shown after these, where the run screen itself would show nothing."""


async def send_named(screen: Widget, run: Run, name: str, view: RunView) -> None:
    try:
        commands = COMMANDS[name](view)
    except NoFix as error:
        warn(screen, str(error))
        return
    for command in commands:
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
    screen.notify(visible(why), severity="warning", timeout=3, markup=False)


def is_possible(action: str, parameters: tuple[object, ...], view: RunView, run: Run) -> bool:
    """Whether an action fits the run's state: of several actions of one key the one that fits is taken."""
    match action, *parameters:
        case (("send" | "ask"), str() as name) if not takes(view, name):
            return False
        case "choose_metrics", *_:
            return MetricsPanel.has_content(view)
        case "train_on" | "compare", *_ if view.described is not None:
            return False
        case "leave", str() as where if view.described is not None:
            return where in ("home", "quit")
        case "send", "pause":
            return run.live and view.state in ("starting", "training")
        case "send", "resume":
            return run.live and view.state in ("paused", "blocked")
        case "send", "full_speed":
            return run.live and (view.pace is not None or is_held(view))
        case "send", "fix":
            return run.live and can_fix(view)
        case "train_on", *_:
            return can_train_on(view, run)
        case "leave", "resume_from_checkpoint":
            return not run.live and run.path is not None and not can_train_on(view, run)
        case "leave", "restart_ended":
            return not run.live
        case "leave", "go_back":
            return not run.live and run.path is not None and bool(view.checkpoints)
        case "leave", "lr_range":
            return run.path is not None and view.described is None
        case "leave", "fork":
            return run.path is not None and view.described is None and view.step > 0
        case "leave", "prove":
            return run.path is not None and view.described is None and any(map(has_fix, open_findings(view)))
        case "probe", *_:
            return run.path is not None and view.described is None
        case ("leave", "restart") | ("send" | "ask", _):
            return run.live
        case _:
            return True


def has_fix(finding: FindingOpened) -> bool:
    """Whether there is a fix that sets something, so that it can be tried."""
    return finding.is_alarm and any(fix.changes for fix in finding.fixes)


def can_train_on(view: RunView, run: Run) -> bool:
    """Past the step at which the run was to end."""
    return not run.live and run.path is not None and view.end is not None and view.end.reason == "finished"


def keys_differ(before: RunView, view: RunView) -> bool:
    """Whether other actions may be possible than in an earlier view."""
    return any(
        getattr(before, name) is not getattr(view, name)
        for name in ("described", "state", "pace", "speed_limit", "findings", "settings")
    )
