"""The part of the run screen that lets a person choose other runs: to be shown beside its own, or out of its log."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual import getters, on, work
from textual.events import Mount
from textual.reactive import var

from ...engine.client.run import Run
from ...engine.storage.run_store import StoreError
from ...engine.storage.run_summary import RunSummary, list_runs
from ..comparison.runs_beside import RunsBeside
from ..dialogs.pick_several import PickSeveral
from ..formatting import compact
from ..go_to import GoTo
from ..navigation import CompareRuns, OpenLog
from ..panels.grid import RunPanels
from ..view.beside import Beside
from ..view.comparison import MOST_RUNS
from ..view.run_view import RunView
from .explained_keys import ExplainedKeys
from .sending import warn

_AGAIN_S = 1.5
"""Between two looks at runs that train."""


class ComparingScreen(ExplainedKeys):
    panels = getters.query_one(RunPanels)

    beside: var[Beside] = var(Beside())
    _runs_of_log: tuple[str, ...] = ()

    def __init__(self, run: Run, log: OpenLog | None) -> None:
        super().__init__()
        self._path = run.path
        self._log = log
        self._is_choice_offered = log is None or log.run is not None
        self._runs_beside = RunsBeside(run.path) if run.path is not None else None

    @on(Mount)
    def show_remembered(self) -> None:
        self.follow_beside()

    @work(group="beside", exclusive=True)
    async def follow_beside(self, chosen: Sequence[Path] | None = None) -> None:
        """Show the runs that were chosen, or that are remembered, until none of them trains any more."""
        beside = self._runs_beside
        if beside is None:
            return
        if chosen is not None:
            try:
                await asyncio.to_thread(beside.choose, chosen)
            except OSError as error:
                warn(self, f"compared now, but not remembered: {error.strerror}")
        while True:
            self.beside = await asyncio.to_thread(beside.read)
            if beside.are_over:
                return
            await asyncio.sleep(_AGAIN_S)

    def watch_beside(self, before: Beside, beside: Beside) -> None:
        if self.is_mounted:
            self.panels.beside = beside
        if bool(before.runs) != bool(beside.runs):
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "compare":
                return self._runs_beside is not None
            case "compare_no_more":
                return bool(self.beside.runs)
            case "export":
                return self._log is not None or self._path is not None
            case "choose_run":
                return self._log is not None and len(self._runs_of_log) > 1
            case _:
                return True

    @work(group="dialog")
    async def action_compare(self) -> None:
        """Let a person choose runs of the same folder."""
        beside = self._runs_beside
        if beside is None or (run := self._path) is None:
            return
        try:
            summaries = await asyncio.to_thread(list_runs, run.parent)
        except StoreError as error:
            warn(self, str(error))
            return
        others = [each for each in summaries if each.state != "damaged" and each.path.name != run.name]
        if not others:
            warn(self, "there is no other run in this folder yet")
            return
        marked = [place for place, each in enumerate(others) if each.path in beside.paths]
        choices = [_words(each) for each in others]
        dialog = PickSeveral(
            "Compare with", choices, marked=marked, most=MOST_RUNS - 1, ascii=self.app.has_class("-ascii")
        )
        places = await self.app.push_screen_wait(dialog)
        if places is not None:
            self.follow_beside([others[place].path for place in places])

    def action_compare_no_more(self) -> None:
        self.follow_beside([])

    def offer_runs(self, view: RunView) -> None:
        """Let a person choose, as soon as a log shows to hold several runs with names, and none was named."""
        if view.log is None or view.log.runs == self._runs_of_log:
            return
        self._runs_of_log = view.log.runs
        self.refresh_bindings()
        if view.log.holds_named_runs and view.log.rows and not self._is_choice_offered:
            self._is_choice_offered = True
            self.action_choose_run()

    @work(group="dialog", exclusive=True)
    async def action_choose_run(self) -> None:
        """One run of the log to be shown, or several to be laid over each other."""
        if (log := self._log) is None:
            return
        runs = self._runs_of_log
        title = f"{len(runs)} runs in {log.name}: Enter opens one, Space marks several"
        names = [run or "the first" for run in runs]
        places = await self.app.push_screen_wait(
            PickSeveral(title, names, marked=[], most=MOST_RUNS, ascii=self.app.has_class("-ascii"))
        )
        chosen = [replace(log, run=runs[place]) for place in places or ()]
        if len(chosen) > 1:
            self.post_message(GoTo(CompareRuns(tuple(chosen))))
        elif chosen:
            await self._leave(chosen[0], "")


def _words(run: RunSummary) -> str:
    val = f"val_loss {compact(run.val_loss)}" if run.val_loss is not None else ""
    return f"{run.name:<30} {run.state:<12} {f'step {run.step}/{run.steps}':<16} {val}"
