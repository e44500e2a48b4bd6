"""The run screen: follows one run, shows it, and sends it the commands of a person.

It is a `Screen[Destination]`: what it is dismissed with says what comes next (see navigation.py). It neither starts
nor resumes runs, and to it a live worker, a run on disk and a script are the same `Run`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.reactive import var

from ...engine.client.run import Run
from .. import gc_control
from ..dialogs.key_line import KeyLine
from ..navigation import OpenLog
from ..panels.grid import RunPanels
from ..panels.keys import FOOTER, RUN_KEYS
from ..panels.lesson import LessonPanel
from ..panels.metrics import MetricsPanel
from ..plots.viewport import SPANS, Viewport
from ..settings import Settings
from ..throttle import Throttle
from ..view.run_view import RunView
from .attention import call_for_attention
from .change_form import ChangeForm
from .choosing_metrics import choose_metrics, metric_choice
from .command_prompts import PROMPTS
from .crash_report import CrashReport, crash_of, last_lines
from .exporting import ExportingScreen, ExportLine
from .feed import RunFeed
from .forking import ask_how_to_fork
from .going_back import ask_where_to_go_back
from .header import BlockedBanner, RunHeader
from .leaving import DESTINATIONS, led_to
from .lr_range import find_lr
from .pace_line import PaceLine, lesson_pace
from .probing import ProbingScreen
from .process_memory import MemoryMeter
from .sending import is_possible, keys_differ, send, send_named
from .slow_step import SlowStep

ROOM: list[tuple[int, str]] | None = [(0, "-no-room"), (100, "-room")]
"""Columns from which a toast has a place beside the plots."""


class RunScreen(ProbingScreen, ExportingScreen):
    BINDING_GROUP_TITLE = "The run"
    BINDINGS: ClassVar[list[BindingType]] = RUN_KEYS
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = ROOM

    header = getters.query_one(RunHeader)
    report = getters.query_one(CrashReport)
    banner = getters.query_one(BlockedBanner)
    pace_line = getters.query_one(PaceLine)

    view: var[RunView | None] = var(None)
    """What is shown; a `reactive` would paint the whole screen anew each time."""

    def __init__(
        self,
        run: Run,
        *,
        settings: Settings,
        ascii: bool = False,
        paced: bool = False,
        log: OpenLog | None = None,
        now: Callable[[], float] = time.time,
        processor_time: Callable[[], float] = time.thread_time,
    ) -> None:
        """`paced`: a run with a lesson is asked to stop where there is something to see.

        `log` is what was opened, where it is the log of another program.
        """
        super().__init__(run, log)
        self._run = run
        self._settings = settings
        self._ascii = ascii or settings.ascii
        self._paced = paced
        self._now = now
        self._memory = MemoryMeter(now)
        pace = Throttle(1 / settings.redraws_per_s, now, processor_time)
        self._feed = RunFeed(run, pace, publish=self._publish, set_timer=self.set_timer)
        self._slow = SlowStep(run, self._feed, now=now, show=lambda facts: self.header.show_slow(facts))

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """In the footer's order, so that what matters most is seen on the narrowest screen."""
        places = {key: place for place, key in enumerate(FOOTER)}
        active = sorted(super().active_bindings.items(), key=lambda item: places.get(item[0], len(places)))
        is_over_a_list = self in self.app.screen_stack[2:]
        return {key: _as_back(each) if key == "p" and is_over_a_list else each for key, each in active}

    def compose(self) -> ComposeResult:
        span = 1 / (1 - self._settings.smoothing)
        smoothing = min(range(len(SPANS)), key=lambda index: abs(SPANS[index] - span))
        yield RunHeader()
        yield BlockedBanner()
        yield RunPanels(hidden=self._settings.hidden_panels, viewport=Viewport(smoothing=smoothing), ascii=self._ascii)
        yield CrashReport()
        yield PaceLine()
        yield ExportLine()
        yield KeyLine()

    @work(group="follow")
    async def on_mount(self) -> None:
        self.call_after_refresh(gc_control.release)
        self.header.ascii = self.pace_line.ascii = self._ascii
        self.watch(self.panels, "hidden", self.header.note_hidden)
        self.view = self._feed.preview
        self.set_interval(SlowStep.EVERY_S, self._slow.look)
        if self._paced and (pace := lesson_pace(self._run.config)):
            self.run_worker(send(self, self._run, pace), group="commands")
        bell = self._settings.bell
        await self._feed.follow(lambda events: call_for_attention(self, events, bell, self._now()))
        if not self._feed.is_closed:
            self.refresh_bindings()  # only now the run is no longer live

    def _publish(self, view: RunView) -> None:
        self.call_after_refresh(gc_control.sweep)
        self.view = view

    def watch_view(self, before: RunView | None, view: RunView | None) -> None:
        if view is None:
            return
        self.header.view = view
        self.panels.view = view
        self.pace_line.show(view)
        self.offer_runs(view)
        if self._run.live and view.started is not None and (memory := self._memory.read(view.started.pid)):
            self.panels.memory = memory
        if view.log is not None and (before is None or before.log is None):
            self.panels.panel(MetricsPanel).choice = metric_choice(self._settings, view)
        if before is None or keys_differ(before, view):
            self.refresh_bindings()
            self.banner.show_state(view)
        self.look_for_origin(view)
        if view.end is not (before.end if before else None):
            self.report_crash()

    @work(group="report", exclusive=True)
    async def report_crash(self) -> None:
        """Show a report in place of the panels if the run did not end as it should."""
        log = self._run.path / "worker.log" if self._run.path is not None else None
        lines = await asyncio.to_thread(last_lines, log) if log is not None else ()
        if not self._feed.is_closed:
            self.report.crash = crash_of(self._feed.newest, log, lines)
            self._show_report(self.report.crash is not None)

    def _show_report(self, shown: bool) -> None:
        self.report.display = shown
        self.panels.display = not shown
        if shown:
            self.report.focus()
        else:
            self.panels.take_focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        possible = super().check_action(action, parameters)
        return possible and is_possible(action, parameters, self._feed.newest, self._run)

    @work(group="commands")
    async def action_send(self, name: str) -> None:
        with self._slow.until_answered(name):
            await send_named(self, self._run, name, self._feed.newest)

    @work(group="dialog")
    async def action_ask(self, what: str) -> None:
        """Send the command that a dialog makes of what is typed into it."""
        view = self._feed.newest
        is_own_form = what == "change" and view.described is None
        dialog = ChangeForm(view, self.panels.viewport) if is_own_form else PROMPTS[what](view)
        command = await self.app.push_screen_wait(dialog)
        if command is not None:
            with self._slow.until_answered(what):
                await send(self, self._run, command, what)

    @work(group="dialog")
    async def action_choose_metrics(self) -> None:
        await choose_metrics(self, self.panels, self._settings, self._feed.newest)

    @on(LessonPanel.AnotherRunWanted)
    @work(group="leave", exclusive=True)
    async def start_another(self, event: LessonPanel.AnotherRunWanted) -> None:
        await self._leave(led_to(self._run, event), "Another run: what becomes of this one?")

    @work(group="leave", exclusive=True)
    async def action_leave(self, where: str) -> None:
        view = self._feed.newest
        if where == "go_back":
            if checkpoint := await ask_where_to_go_back(self, self._run, view):
                await self._leave(checkpoint, "Go back: what becomes of this run?")
        elif where == "fork":
            if fork := await ask_how_to_fork(self, self._run, view, self.panels.viewport):
                await self._leave(fork, "Fork: what becomes of this run?")
        elif where == "prove":
            from ..experiments.proof_screen import ProofScreen  # what is opened seldom is no part of opening a run

            assert self._run.path is not None, "the key is offered for a run on disk"
            if adopted := await self.app.push_screen_wait(ProofScreen(self._run.path, ascii=self._ascii)):
                await self._leave(adopted, "The fix is adopted: what becomes of this run?")
        elif where == "lr_range":
            if tested := await find_lr(self, self._run, self.panels.viewport, ascii=self._ascii):
                await self._leave(tested, "Another learning rate: what becomes of this run?")
        else:
            destination, question = DESTINATIONS[where]
            await self._leave(destination(self._run, view), question)

    def action_back(self) -> None:
        """Out of whatever covers the curves."""
        if self.report.display:
            self._show_report(False)
        elif self.panels.explaining:
            self.panels.action_explain()
        elif self.panels.alone is not None:
            self.panels.alone = None
        elif self.report.crash is not None:
            self._show_report(True)


def _as_back(active: ActiveBinding) -> ActiveBinding:
    """`p` does not lead to the presets where something else lies below."""
    return active._replace(binding=replace(active.binding, description="back"))
