"""A step that takes long is seen to go on, and what is asked for meanwhile is seen to come after it."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence

import msgspec
import pytest

from tinygpt_tui.engine.config import RunConfig, TrainingConfig
from tinygpt_tui.engine.events import Accepted, AnyEvent, Command, Refused, RunPaused, SpeedLimited
from tinygpt_tui.tui.run.feed import RunFeed
from tinygpt_tui.tui.run.header import header_line
from tinygpt_tui.tui.run.process_work import WorkMeter
from tinygpt_tui.tui.run.slow_step import SlowStep
from tinygpt_tui.tui.throttle import Throttle
from tinygpt_tui.tui.view.run_view import RunView

from .screen_text import until
from .scripted_run import ScriptedRun, started, steps
from .test_run_screen import Showing, following

CONFIG = RunConfig(title="Slow", training=TrainingConfig(steps=20))
BEGUN = msgspec.structs.replace(started(CONFIG), pid=os.getpid())


class Watched:
    """A run of this process whose latest event came about some seconds ago."""

    def __init__(self, seconds: float, *events: AnyEvent, live: bool = True, trained: int = 12) -> None:
        self.now = 5_000.0
        self.facts: Sequence[str] = ["nothing was shown"]
        run = ScriptedRun(config=CONFIG, live=live)
        feed = RunFeed(run, Throttle(1.0), publish=lambda view: None, set_timer=lambda delay, then: None)
        feed.newest = RunView.of(CONFIG).after_all([BEGUN, *steps(CONFIG, [3.0] * trained), *events])
        feed.newest_at = self.now - seconds
        self.slow = SlowStep(run, feed, now=lambda: self.now, show=self.show)

    def show(self, facts: Sequence[str]) -> None:
        self.facts = facts

    def look(self) -> list[str]:
        self.slow.look()
        return list(self.facts)


def test_only_a_slow_step_is_timed() -> None:
    assert Watched(2.9).look() == []
    assert Watched(75.0).look() == ["step 13: 1:15 so far"]
    assert Watched(8.0, trained=20).look() == ["the end: 0:08 so far"]


def test_what_is_paused_held_back_or_read_from_disk_is_not_slow() -> None:
    assert Watched(8.0, RunPaused(step=12, reason="as asked")).look() == []
    assert Watched(8.0, SpeedLimited(step=12, steps_per_s=0.1)).look() == []
    assert Watched(8.0, live=False).look() == []
    assert Watched(14.0, SpeedLimited(step=12, steps_per_s=0.1)).look() == ["step 13: 0:14 so far"]


def test_what_is_asked_for_during_a_step_is_seen_to_come_after_it() -> None:
    watched = Watched(0.2)
    with watched.slow.until_answered("pause"), watched.slow.until_answered("lr_half"):
        assert watched.look() == []
        watched.now += 2.0
        assert watched.look()[:2] == ["step 13: 0:02 so far", "pause and lower lr after it"]
    assert watched.look() == []


def test_what_a_paused_run_does_when_asked_is_timed_too() -> None:
    watched = Watched(60.0, RunPaused(step=12, reason="as asked"))
    with watched.slow.until_answered("sample"):
        watched.now += 4.0
        assert watched.look() == ["sample: 0:04 so far"]


def test_a_process_computes_waits_or_is_stopped() -> None:
    now = 100.0
    meter = WorkMeter(lambda: now)
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert meter.read(process.pid) == ""
        now += 2.0
        assert meter.read(process.pid) == "its process waits"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert meter.read(process.pid) == f"its process is stopped; `kill -CONT {process.pid}` wakes it"
    finally:
        process.kill()
        process.wait()
    assert meter.read(process.pid) == ""
    assert meter.read(os.getpid()) == ""
    now += 0.6
    sum(number * number for number in range(2_000_000))
    assert meter.read(os.getpid()) == "its process computes"


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_the_time_of_a_slow_step_stands_at_the_top_whatever_the_width(width: int) -> None:
    view = RunView.of(CONFIG).after_all([BEGUN, *steps(CONFIG, [3.0] * 12)])
    facts = ("step 13: 0:08 so far", "pause after it", "its process computes")
    line = header_line(view, width, slow=facts)
    assert line.cell_length <= width
    assert ("step 13: 0:08 so far" in line.plain) == (width >= 60)
    assert ("pause after it" in line.plain) == (width >= 80)


class AnswersLater(ScriptedRun):
    """As a worker in the middle of a long step."""

    def __init__(self, *events: AnyEvent) -> None:
        super().__init__(events, config=CONFIG, live=True)
        self.step_ended = asyncio.Event()

    async def send(self, command: Command) -> Accepted | Refused:
        await self.step_ended.wait()
        return await super().send(command)


async def test_a_key_that_is_pressed_in_a_slow_step_is_answered_on_the_screen() -> None:
    run = AnswersLater(BEGUN, *steps(CONFIG, [3.0] * 12))
    async with Showing(run).run_test(size=(120, 36)) as pilot:
        screen = await following(pilot, 12)
        await pilot.press("space")
        await until(pilot, lambda: "pause after it" in str(screen.header.render()))
        run.step_ended.set()
        await until(pilot, lambda: "after it" not in str(screen.header.render()))
