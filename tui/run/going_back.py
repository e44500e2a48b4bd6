"""Going back to a checkpoint: which one, and with what learning rate, as a person picks and types it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.widget import Widget

from ...engine.client.run import Run
from ...engine.events import ChangeSettings
from ...engine.schedule import planned_lr
from ...engine.storage.run_folder import CHECKPOINTS
from ...engine.storage.stored_checkpoints import CheckpointError, Stored, best_stored, read_state, stored_checkpoints
from ..dialogs.pick import Pick
from ..dialogs.prompt import Field, Prompt, Texts, typed_number
from ..formatting import compact, setting
from ..navigation import ResumeRun
from ..view.run_view import RunView
from .sending import warn


async def ask_where_to_go_back(screen: Widget, run: Run, view: RunView) -> ResumeRun | None:
    """None where a person picks nothing, or nothing can be picked."""
    assert run.path is not None, "the key is offered for a run on disk"
    stored = await asyncio.to_thread(stored_checkpoints, run.path / CHECKPOINTS)
    choices = [one for one in reversed(stored) if one.step < view.steps]
    if not choices:
        warn(screen, "no checkpoint was saved from which this run could go on")
        return None
    lines = checkpoint_lines(choices, best_stored(stored), view)
    place = await screen.app.push_screen_wait(Pick("Go back to a checkpoint; what came later is taken back", lines))
    if place is None:
        return None
    chosen = choices[place]
    try:
        settings = (await asyncio.to_thread(read_state, chosen.path)).settings
    except CheckpointError as error:
        warn(screen, str(error))
        return None
    answer = await screen.app.push_screen_wait(_ask_lr(chosen, planned_lr(settings, chosen.step + 1, view.steps)))
    return None if answer is None else ResumeRun(run.path, chosen.path.name, answer[0])


def checkpoint_lines(choices: Sequence[Stored], best: Stored | None, view: RunView) -> list[str]:
    """A line each: step, reason, the latest val_loss by then, and which is the best."""
    return [
        f"step {one.step:>6}  {one.reason:<7} {_val_loss(view, one.step)}{'  the best' if one is best else ''}".rstrip()
        for one in choices
    ]


def _val_loss(view: RunView, step: int) -> str:
    known = view.evaluations["val_loss"][view.evaluations["step"] <= step]
    return f"val_loss {compact(float(known[-1]))}" if len(known) else ""


def _ask_lr(chosen: Stored, lr: float) -> Prompt[tuple[ChangeSettings | None]]:
    def read(texts: Texts) -> tuple[ChangeSettings | None]:
        if not texts["lr"].strip():
            return (None,)
        return (ChangeSettings(lr=typed_number(texts, "lr", "must be a finite number, 0 or above", 0.0, 1e6)),)

    hint = f"empty keeps it, {setting(lr)}; half is {setting(lr / 2)}"
    return Prompt(f"On from step {chosen.step}", (Field(name="lr", label="Learning rate", hint=hint),), read)
