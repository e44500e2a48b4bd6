"""Where a run can be left for by a key, and the question that a live run asks first."""

import re
from collections.abc import Callable
from dataclasses import replace

from textual.widget import Widget

from ...engine.client.run import ClientError, Run
from ...engine.config import MOST_THREADS, RunConfig
from ...engine.events import Stop
from ...engine.storage.relation import Relation
from ..navigation import Destination, QuitApp, ResumeRun, StartRun, ToHome
from ..panels.lesson import LessonPanel
from ..view.described import is_log
from ..view.run_view import RunView
from .leave_dialog import LeaveDialog
from .sending import warn


def restarted(run: Run, view: RunView, seeds_on: int = 0) -> StartRun:
    """A new run of the same configuration and arithmetic, with a later seed where that is asked for."""
    training = replace(run.config.training, seed=run.config.training.seed + seeds_on)
    started = view.started
    if started and started.precision in ("fp32", "bf16"):
        training = replace(training, precision=started.precision)
    if started and 1 <= started.threads <= MOST_THREADS:
        training = replace(training, threads=started.threads)
    return StartRun(replace(run.config, training=training), _stem(run), numbered=True)


def led_to(run: Run, event: LessonPanel.AnotherRunWanted) -> StartRun:
    """The run that a lesson led to."""
    return made_from(run, event.config, event.preset, fix=event.fix, better_by=event.better_by)


def made_from(
    run: Run, config: RunConfig, preset: str | None = None, *, fix: str = "", better_by: float | None = None
) -> StartRun:
    """A new run, with the one that it is made from beside it."""
    relation = Relation(runs=(str(run.path),), fix=fix, better_by=better_by) if run.path is not None else None
    return StartRun(config, preset or _stem(run), numbered=True, relation=relation)


def _stem(run: Run) -> str | None:
    """What the folders of a run and of those that are made from it are called, without the number."""
    return re.sub(r"-\d+$", "", run.path.name) if run.path is not None else None


def _resumed(run: Run, _: RunView) -> Destination:
    assert run.path is not None, "the key is offered for a run on disk"
    return ResumeRun(run.path)


_LEAVE, _RESTART = "Leave: what becomes of this run?", "Restart: what becomes of this run?"
DESTINATIONS: dict[str, tuple[Callable[[Run, RunView], Destination], str]] = {
    "home": (lambda *_: ToHome(), _LEAVE),
    "quit": (lambda *_: QuitApp(), _LEAVE),
    "restart": (restarted, _RESTART),
    "restart_ended": (restarted, _RESTART),
    "reseed": (lambda run, view: restarted(run, view, seeds_on=1), _RESTART),
    "resume_from_checkpoint": (_resumed, _RESTART),
}
"""By the name that a key's action has: where it leads, and the question that a live run asks first."""


async def may_leave(screen: Widget, run: Run, question: str, view: RunView) -> bool:
    """Ask what becomes of a live run, and stop it where that is the answer; False where it is not to be left."""
    if not run.live:
        return True
    kind = "run" if view.described is None else "program" if is_log(view) else "loop"
    if kind == "program":  # one that was started to be watched
        question = "Leave: what becomes of the program?"
    dialog = LeaveDialog(question, step=view.step, is_paused=view.state == "paused", kind=kind)
    choice = await screen.app.push_screen_wait(dialog)
    if choice == "stop":
        try:
            await run.send(Stop())
        except ClientError as error:
            warn(screen, str(error))
    return choice is not None
