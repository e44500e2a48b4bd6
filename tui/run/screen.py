"""The run screen: follows one run, shows it, and tells it what a person wants.

It is a `Screen[Destination]`: what it is dismissed with says what comes next (see navigation.py). It neither
starts nor resumes runs, and to it a live worker, a run on disk and a script are the same `Run`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from ...engine.client import ClientError, Run
from ...engine.events import (
    AnyEvent,
    ChangeSettings,
    CheckpointSaved,
    Command,
    Evaluate,
    Evaluated,
    FindingOpened,
    LayersMeasured,
    Pause,
    Refused,
    Resume,
    RunEnded,
    SampleGenerated,
    SaveCheckpoint,
    StepFinished,
    Stop,
    TakeSteps,
    TimeSpent,
)
from .. import gc_control
from ..dialogs.key_line import KeyLine
from ..navigation import Destination, QuitApp, ResumeRun, StartRun, ToHome
from ..panels.grid import RunPanels
from ..panels.keys import FOOTER, RUN_KEYS
from ..panels.lesson import LessonPanel
from ..plots.viewport import SPANS, Viewport
from ..settings import Settings
from ..text import visible
from ..throttle import Throttle
from ..view.findings import name_of, open_findings
from ..view.fix_commands import NoFix, first_fix
from ..view.run_view import RunView
from .change_form import ChangeForm
from .command_prompts import ASKING
from .crash_report import DeathReport, death_of, last_lines
from .header import RunHeader
from .leave_dialog import WhatBecomesOfTheRun
from .process_memory import resident_bytes

_MANY = 500
"""Events in one batch from which they are folded in a thread: the keyboard stays quick while a long run is read."""
_MEMORY_EVERY_S = 2.0
_FRESH_S = 5.0
"""A finding that is older is part of a run's past and calls nobody."""
_Passing = StepFinished | TimeSpent | LayersMeasured | CheckpointSaved | Evaluated | SampleGenerated
"""Events that can wait for the next publication; the others show at once."""


class RunScreen(Screen[Destination]):
    BINDING_GROUP_TITLE = "The run"
    BINDINGS: ClassVar[list[BindingType]] = RUN_KEYS
    AUTO_FOCUS = None
    CSS = """
    RunScreen #banner { display: none; height: auto; padding: 0 1; color: $text-error; background: $error-muted; }
    """

    header = getters.query_one(RunHeader)
    panels = getters.query_one(RunPanels)
    report = getters.query_one(DeathReport)
    banner = getters.query_one("#banner", Static)

    view: var[RunView | None] = var(None)
    """What is shown; a `reactive` would paint the whole screen anew each time."""

    def __init__(
        self,
        run: Run,
        *,
        settings: Settings,
        ascii: bool = False,
        now: Callable[[], float] = time.time,
        processor_time: Callable[[], float] = time.process_time,
    ) -> None:
        super().__init__()
        self._run = run
        self._settings = settings
        self._ascii = ascii or settings.ascii
        self._now = now
        self._pace = Throttle(1 / settings.redraws_per_s, now, processor_time)
        self._newest = RunView.of(run.config)
        self._looked_at_memory = 0.0
        self._waiting = False
        self._left = False
        """From then on nothing is shown: the screen's parts go one by one while the run may still say its last."""

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """In the footer's order, so that what matters most is seen on the narrowest screen."""
        places = {key: place for place, key in enumerate(FOOTER)}
        return dict(sorted(super().active_bindings.items(), key=lambda item: places.get(item[0], len(places))))

    def compose(self) -> ComposeResult:
        span = 1 / (1 - self._settings.smoothing)
        smoothing = min(range(len(SPANS)), key=lambda index: abs(SPANS[index] - span))
        yield RunHeader()
        yield Static(id="banner")
        yield RunPanels(hidden=self._settings.hidden_panels, viewport=Viewport(smoothing=smoothing), ascii=self._ascii)
        yield DeathReport()
        yield KeyLine()

    def on_mount(self) -> None:
        self.header.ascii = self._ascii
        self.watch(self.panels, "hidden", self._note_hidden)
        self.view = self._newest
        self.follow()

    def _note_hidden(self, hidden: frozenset[str]) -> None:
        self.header.note = f"{len(hidden)} hidden, D shows" if hidden else ""

    @work(group="follow")
    async def follow(self) -> None:
        """Fold every event, publish once in a while, at once where a person waits for it."""
        async for batch in self._run.batches():
            if len(batch) > _MANY:
                self._newest = await asyncio.to_thread(self._newest.after_all, batch)
            else:
                self._newest = self._newest.after_all(batch)
            self._call_for_attention(batch)
            if all(isinstance(event, _Passing) for event in batch):
                self._publish_soon()
            else:
                self._publish()
        if not self.is_attached:
            return  # whoever opened the run closed it when the screen was left
        if self._newest.end is None:
            detail = "it was interrupted: its process is gone and said no last word"
            self._newest = self._newest.after(RunEnded(step=self._newest.step, reason="died", detail=detail))
        self._publish()
        self.refresh_bindings()  # only now the run is no longer live

    def _publish_soon(self) -> None:
        if not self._waiting:
            self._waiting = True
            self.set_timer(self._pace.wait_s(), partial(self._publish, in_turn=True))

    def _publish(self, *, in_turn: bool = False) -> None:
        if self._left:
            return
        self._waiting = False
        self._pace.drawn(in_turn=in_turn)
        self.call_after_refresh(gc_control.sweep)
        self.view = self._newest

    def watch_view(self, before: RunView | None, view: RunView | None) -> None:
        if view is None:
            return
        self.header.view = view
        self.panels.view = view
        self._look_at_memory(view)
        if before is None or before.state != view.state:
            self.refresh_bindings()
            self._show_banner(view)
        if view.end is not (before.end if before else None):
            self.read_last_words()

    def _show_banner(self, view: RunView) -> None:
        self.banner.display = view.state == "blocked"
        why = visible(view.state_detail)
        self.banner.update(
            Content(f"▲ The run cannot be stored and waits: {why}. Make space; space tries again at once.")
        )

    def _look_at_memory(self, view: RunView) -> None:
        if self._run.live and view.started is not None and self._now() - self._looked_at_memory >= _MEMORY_EVERY_S:
            self._looked_at_memory = self._now()
            self.panels.memory = resident_bytes(view.started.pid)

    @work(group="report", exclusive=True)
    async def read_last_words(self) -> None:
        """Turn into a report if the run did not end as it should."""
        log = self._run.path / "worker.log" if self._run.path is not None else None
        words = await asyncio.to_thread(last_lines, log) if log is not None else ()
        if self._left:
            return
        self.report.death = death_of(self._newest, log, words)
        self._show_report(self.report.death is not None)

    def _show_report(self, shown: bool) -> None:
        self.report.display = shown
        self.panels.display = not shown
        if shown:
            self.report.focus()
        else:
            self.panels.take_focus()

    def _call_for_attention(self, batch: list[AnyEvent]) -> None:
        """A failure is news only when it happens, not when a past run is read."""
        for event in batch:
            match event:
                case FindingOpened(severity="failure") if self._now() - event.time < _FRESH_S:
                    if self._settings.bell == "bell":
                        self.app.bell()
                    elif self._settings.bell == "notice":
                        title = f"{name_of(event)} since step {event.onset}"
                        self.notify(visible(event.evidence), title=title, severity="error", markup=False)

    @work(group="commands")
    async def tell(self, command: Command, done: str = "") -> None:
        """Send a command; a refusal is always shown, and `done` where the screen itself would show nothing."""
        try:
            answer = await self._run.send(command)
        except ClientError as error:
            self._warn(str(error))
            return
        if isinstance(answer, Refused):
            self._warn(answer.why)
        elif done:
            self.notify(f"{done} at step {answer.step}.", timeout=2, markup=False)

    def _warn(self, why: str) -> None:
        self.notify(visible(why), severity="warning", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key with several meanings has the one that fits, and nobody commands a run that is over."""
        state, live = self._newest.state, self._run.live
        match action:
            case "pause":
                return live and state in ("starting", "training")
            case "go_on":
                return live and state in ("paused", "blocked")
            case "take_up":
                return not live and self._run.path is not None and not self._is_finished
            case "again":
                return not live
            case "restart":
                return live or parameters != (0,)
            case "steps" | "ask" | "fix" | "change_form" | "times" | "evaluate" | "checkpoint" | "stop":
                return live
        return True

    @property
    def _is_finished(self) -> bool:
        end = self._newest.end
        return end is not None and end.reason == "finished"

    def action_pause(self) -> None:
        self.tell(Pause())

    def action_go_on(self) -> None:
        self.tell(Resume())

    def action_take_up(self) -> None:
        if self._run.path is not None:
            self._leave(ResumeRun(self._run.path))

    def action_steps(self) -> None:
        self.tell(TakeSteps(count=1))

    def action_evaluate(self) -> None:
        self.tell(Evaluate(), "Evaluated")

    def action_checkpoint(self) -> None:
        self.tell(SaveCheckpoint(), "Checkpoint saved")

    def action_stop(self) -> None:
        self.tell(Stop())

    def action_times(self, factor: float) -> None:
        self.tell(ChangeSettings(lr_times=factor))

    @work(group="dialog")
    async def action_ask(self, what: str) -> None:
        command = await self.app.push_screen_wait(ASKING[what](self._newest))
        if command is not None:
            self.tell(command, "Sampled" if what == "sample" else "")

    @work(group="dialog")
    async def action_change_form(self) -> None:
        change = await self.app.push_screen_wait(ChangeForm(self._newest, self.panels.viewport))
        if change is not None:
            self.tell(change)

    def action_fix(self) -> None:
        try:
            self.tell(first_fix(open_findings(self._newest)))
        except NoFix as error:
            self._warn(str(error))

    def action_again(self) -> None:
        self.action_restart(0)

    @work(group="dialog", exclusive=True)
    async def action_restart(self, seeds_on: int) -> None:
        config = self._run.config
        training = replace(config.training, seed=config.training.seed + seeds_on)
        await self._depart(StartRun(replace(config, training=training)), "Restart: what becomes of this run?")

    @on(LessonPanel.AnotherRunWanted)
    @work(group="dialog", exclusive=True)
    async def start_another(self, event: LessonPanel.AnotherRunWanted) -> None:
        await self._depart(StartRun(event.config), "Another run: what becomes of this one?")

    @work(group="leave")
    async def action_leave(self, where: str) -> None:
        await self._depart(ToHome() if where == "home" else QuitApp(), "Leave: what becomes of this run?")

    async def _depart(self, destination: Destination, question: str) -> None:
        if self._run.live:
            fate = await self.app.push_screen_wait(WhatBecomesOfTheRun(question, step=self._newest.step))
            if fate is None:
                return
            if fate == "stop":
                await self._stop_before_leaving()
        while self.app.screen is not self:
            await self.app.screen.dismiss(None)
        self._leave(destination)

    def _leave(self, destination: Destination) -> None:
        self._left = True
        self.dismiss(destination)

    async def _stop_before_leaving(self) -> None:
        try:
            await self._run.send(Stop())
        except ClientError as error:
            self._warn(str(error))

    def action_back(self) -> None:
        """Out of whatever covers the curves."""
        if self.report.display:
            self._show_report(False)
        elif self.panels.explaining:
            self.panels.action_explain()
        elif self.panels.alone is not None:
            self.panels.alone = None
        elif self.report.death is not None:
            self._show_report(True)
