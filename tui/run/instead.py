"""What can be done with a run where a key cannot do its own work: why it cannot, and what is offered. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...engine.client.run import Run
from ...engine.config import ConfigError, RunConfig
from ...engine.events import Fix
from ..dialogs.prompt import Field, Prompt, typed_whole
from ..formatting import setting
from ..navigation import Destination, ResumeRun
from ..panels.lesson_guide import how_it_ended
from ..view.run_view import RunView
from .leaving import made_from, restarted
from .sending import can_train_on

_WHY = {
    "evaluate": "val_loss is measured only while a run trains",
    "checkpoint": "A checkpoint is saved only while a run trains",
    "sample": "It has no checkpoint that could write",
    "stop": "There is nothing to stop",
    "go_back": "It has no checkpoint to go back to",
    "fork": "It has no step to go on from",
    "prove": "No finding is open that has a fix to prove",
    **dict.fromkeys(("fix", "change", "lr", "lr_half", "lr_double"), "Settings change only while a run trains"),
}
_LR_TIMES = {"lr_half": (0.5, "half"), "lr_double": (2.0, "twice")}


@dataclass(frozen=True)
class Offer:
    words: str
    leads_to: Destination | Literal["train_on", "sample"]


def why_not(name: str, view: RunView) -> str:
    """`name` is that of a key's action."""
    how = how_it_ended(view) if view.end is not None else "The run is read from disk."
    return f"{how} {_WHY.get(name, 'No step is being trained')}."


def offers(name: str, view: RunView, run: Run) -> list[Offer]:
    """What is nearest to the key's own work comes first."""
    again = Offer("A new run of the same configuration", restarted(run, view))
    return [*_new_runs(name, view, run), *_going_on(view, run), again]


def can_sample(view: RunView, run: Run) -> bool:
    return bool(view.checkpoints) and run.path is not None


def ask_more_steps(view: RunView, run: Run) -> Prompt[ResumeRun]:
    path, step = run.path, view.step
    assert path is not None, "the key is offered for a run on disk"
    rule = "must be a whole number, 1 or above"
    return Prompt(
        f"Train on from step {step}; the schedule stretches to the new end",
        (Field(name="steps", label="More steps", value=str(max(view.steps // 2, 1))),),
        lambda texts: ResumeRun(path, steps=step + typed_whole(texts, "steps", rule, 1, 1e9)),
    )


def _new_runs(name: str, view: RunView, run: Run) -> Iterator[Offer]:
    if name in _LR_TIMES:
        times, words = _LR_TIMES[name]
        lr = view.config.schedule.lr * times
        if changed := _with(view.config, {"schedule.lr": lr}):
            yield Offer(f"A new run with {words} the learning rate, {setting(lr, 3)}", made_from(run, changed))
    fix = first_remedy(view)
    if fix is not None and (mended := _with(view.config, fix.changes)):
        yield Offer(f"A new run with the fix: {fix.title}", made_from(run, mended, fix=fix.title))


def first_remedy(view: RunView) -> Fix | None:
    """Of the open findings, and then of those that are over; the worst first."""
    severity = ("failure", "warning", "info")
    found = sorted(view.findings, key=lambda each: (each.closed is not None, severity.index(each.finding.severity)))
    return next((fix for episode in found for fix in episode.finding.fixes), None)


def _with(config: RunConfig, changes: dict[str, object]) -> RunConfig | None:
    try:
        changed = config.with_changes(changes)
    except ConfigError:
        return None
    return None if changed == config else changed


def _going_on(view: RunView, run: Run) -> Iterator[Offer]:
    if run.live or run.path is None:
        return
    if can_train_on(view, run):
        yield Offer("Train on for more steps; every key works meanwhile", "train_on")
    else:
        step = f"step {view.checkpoints[-1].step}" if view.checkpoints else "the beginning"
        yield Offer(f"Resume it from {step}; every key works meanwhile", ResumeRun(run.path))
    if can_sample(view, run):
        yield Offer("Let it write, as its last checkpoint does", "sample")
