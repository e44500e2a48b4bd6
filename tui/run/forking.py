"""Forking a run: from which step, and with which change, as a person picks and types it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from textual.widget import Widget

from ...engine.client.run import Run
from ...engine.events import FindingOpened
from ...engine.experiments.forking import can_change_later
from ..dialogs.pick import Pick
from ..navigation import ForkRun
from ..plots.viewport import Viewport
from ..view.findings import in_order_of_importance
from ..view.past_view import as_of
from ..view.run_view import RunView
from .change_form import ChangeForm

_MOST_FIXES = 6


@dataclass(frozen=True)
class ForkChoice:
    words: str
    changes: dict[str, Any] = field(default_factory=dict)
    fix: str = ""


async def ask_how_to_fork(screen: Widget, run: Run, view: RunView, viewport: Viewport) -> ForkRun | None:
    """From the step under the cursor, or the latest; None where a person picks nothing."""
    assert run.path is not None, "the key is offered for a run on disk"
    step = fork_step(view, viewport)
    choices = fork_choices([episode.finding for episode in in_order_of_importance(view)], step)
    own = len(choices)
    lines = [*(choice.words for choice in choices), "with settings of your own …"]
    title = f"Fork from step {step}: a new run goes on from there, this one stays as it is"
    place = await screen.app.push_screen_wait(Pick(title, lines))
    if place is None:
        return None
    if place < own:
        return ForkRun(run.path, step, choices[place].changes, fix=choices[place].fix)
    change = await screen.app.push_screen_wait(ChangeForm(as_of(view, step), viewport))
    return None if change is None else ForkRun(run.path, step, change=change)


def fork_step(view: RunView, viewport: Viewport) -> int:
    """At most the last but one that is planned, so that a step is left to train."""
    step = view.step if viewport.cursor is None else round(viewport.cursor)
    return max(min(step, view.step, view.steps - 1), 0)


def fork_choices(findings: Sequence[FindingOpened], step: int) -> list[ForkChoice]:
    """The fixes of the findings that can be made at the step, the first of the worst finding first."""
    fixes = {fix.title: fix.changes for finding in findings for fix in finding.fixes if is_forkable(fix.changes, step)}
    offered = [ForkChoice(f"with the fix: {title}", changes, title) for title, changes in fixes.items()]
    return [*offered[:_MOST_FIXES], ForkChoice("without a change: the same losses again")]


def is_forkable(changes: dict[str, Any], step: int) -> bool:
    """Whether a fork at the step can have them, and would train beyond it."""
    return (
        bool(changes)
        and (step == 0 or all(can_change_later(key) for key in changes))
        and changes.get("training.steps", step + 1) > step
    )
