"""A run tells where its time goes, and a run that is slower than it could be is told why; a hiccup is no news."""

import math
import random
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import InstrumentsConfig, LiveSettings, RunConfig, StorageConfig, TrainingConfig
from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis, time_row
from tinygpt_tui.engine.diagnostics.report import Reporter, report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.time_account import NAMES, TimeAccount, shares_of, time_shares_text
from tinygpt_tui.engine.events import (
    ChangeSettings,
    Event,
    FindingClosed,
    FindingOpened,
    FindingUpdated,
    LimitSpeed,
    SettingsChanged,
    StepFinished,
    TimeSpent,
)
from tinygpt_tui.engine.hosting.host import Host
from tinygpt_tui.engine.hosting.interfaces import Hosted, Request
from tinygpt_tui.engine.hosting.time_report import REPORT_S, REPORT_STEPS
from tinygpt_tui.engine.stopwatch import Activity, Stopwatch
from tinygpt_tui.engine.storage.event_log import EventLog, all_events
from tinygpt_tui.engine.storage.run_folder import CHECKPOINTS
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.tui.cli.diagnose import diagnose_log
from tinygpt_tui.tui.panels.status import StatusPanel
from tinygpt_tui.tui.view.run_view import RunView

from .scripted_loop import LossAbove, ScriptedLoop, StepSaver
from .texts import small_config, small_corpus

few = settings(max_examples=20, deadline=None)
TOKENS = 256
"""A step."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.sampled_from(get_args(Activity)), st.floats(0, 1e4)), max_size=30))
def test_no_time_is_lost_and_none_is_counted_twice(laps: list[tuple[Activity, float]]) -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    for activity, seconds in laps:
        clock.now += seconds
        assert stopwatch.lap(activity) == clock.now

    assert stopwatch.elapsed == clock.now
    taken = stopwatch.take()
    assert sum(taken.values()) == pytest.approx(clock.now, abs=1e-4)
    assert set(taken) <= {activity for activity, _ in laps}
    assert (stopwatch.elapsed, stopwatch.take()) == (0.0, {})


class SlowLoop(ScriptedLoop):
    """A step takes a while on a clock that only it moves."""

    def __init__(self, steps: int, clock: Clock, step_s: float) -> None:
        super().__init__(steps)
        self._clock, self._step_s = clock, step_s

    def advance(self) -> list[Event]:
        self._clock.now += self._step_s
        return super().advance()


class SlowLog:
    """Writing takes a while."""

    def __init__(self, clock: Clock, write_s: float) -> None:
        self.events: list[Event] = []
        self._clock, self._write_s = clock, write_s

    def append(self, *events: Event) -> None:
        self._clock.now += self._write_s * len(events)
        self.events += events


def hosted(folder: Path, *, steps: int, step_s: float, write_s: float = 0.0) -> list[TimeSpent]:
    clock = Clock()
    loop = SlowLoop(steps, clock, step_s)
    parts = Hosted(loop=loop, saver=StepSaver(folder, loop, 1000), diagnosis=LossAbove(9.0), stopwatch=Stopwatch(clock))
    log = SlowLog(clock, write_s)
    Host(parts, log, SimpleQueue(), print, clock).run()
    return [event for event in log.events if isinstance(event, TimeSpent)]


def test_the_log_tells_every_so_many_steps_where_the_time_went(tmp_path: Path) -> None:
    told = hosted(tmp_path, steps=2 * REPORT_STEPS + 7, step_s=0.125, write_s=0.015625)

    assert [event.step for event in told] == [REPORT_STEPS, 2 * REPORT_STEPS]
    assert {event.steps for event in told} == {REPORT_STEPS}
    assert told[0].seconds == {"training": REPORT_STEPS * 0.125, "log": REPORT_STEPS * 0.015625}


def test_steps_that_take_long_are_told_of_sooner(tmp_path: Path) -> None:
    told = hosted(tmp_path, steps=9, step_s=REPORT_S / 2.5)

    assert [(event.step, event.steps) for event in told] == [(3, 3), (6, 3), (9, 3)]


def test_a_speed_limit_is_waiting_and_does_not_make_a_run_slow(tmp_path: Path) -> None:
    loop = ScriptedLoop(5)
    asked: SimpleQueue[Request] = SimpleQueue()
    asked.put(Request(LimitSpeed(steps_per_s=200.0)))
    stopwatch = Stopwatch()
    parts = Hosted(loop=loop, saver=StepSaver(tmp_path, loop), diagnosis=LossAbove(9.0), stopwatch=stopwatch)
    Host(parts, SlowLog(Clock(), 0.0), asked, print).run()

    spent = stopwatch.take()
    assert spent["waiting"] > 3 / 200
    row = time_row(TimeSpent(step=5, steps=5, seconds=spent))
    assert row.values["step_time"] == pytest.approx((sum(spent.values()) - spent["waiting"]) / 5)


def test_a_run_tells_the_parts_of_its_steps_and_what_it_does_between_them(tmp_path: Path) -> None:
    run = trained_run(tmp_path, InstrumentsConfig(evaluate_every=10, layers_every=5, sample_every=20), steps=60)

    (told,) = [event for event in all_events(run) if isinstance(event, TimeSpent)]
    expected = {"data", "gradients", "update", "layers", "evaluation", "sample", "checkpoint", "diagnosis", "log"}
    assert expected <= told.seconds.keys()


def trained_run(folder: Path, instruments: InstrumentsConfig, *, steps: int) -> Path:
    """A run of a real model, hosted as a worker hosts it."""
    config = replace(small_config(steps=steps), instruments=instruments, storage=StorageConfig(checkpoint_every=1000))
    stopwatch = Stopwatch()
    trainer = Trainer(config, small_corpus(), stopwatch)
    run = create(folder / "runs", config, None, datetime.now(UTC))
    saver = Checkpoints(run / CHECKPOINTS, trainer, config.storage)
    parts = Hosted(loop=trainer, saver=saver, diagnosis=Diagnosis(config), stopwatch=stopwatch)
    with closing(EventLog(run)) as log:
        Host(parts, log, SimpleQueue(), print).run()
    return run


def test_a_run_that_evaluates_at_every_step_is_told_so_and_how_often_would_do(tmp_path: Path) -> None:
    run = trained_run(tmp_path, InstrumentsConfig(evaluate_every=1, evaluate_sequences=128), steps=300)

    (own,) = diagnose_log(str(run), run.parent, {}).runs.values()
    (finding,) = [each for each in own.report.findings if each.kind == "throughput_drop"]
    assert finding.severity == "info"
    assert "of the time does not go into training" in finding.evidence
    assert "evaluations" in finding.evidence
    assert finding.causes[0].startswith("evaluations take")
    assert "every step, on 128 sequences" in finding.causes[0]
    assert finding.fixes[0].changes["instruments.evaluate_every"] > 1
    assert {"step_time", "evaluation_time"} <= set(own.report.signals)
    assert not [reason for reason in own.report.blind if "time" in reason]


def said(rows: Iterable[Row]) -> list[FindingOpened | FindingClosed]:
    """The throughput drops and their ends in a log of which nothing else is known."""
    diagnosis = Diagnosis()
    found = [each for row in rows for each in diagnosis.examine(row)]
    ours = {each.id for each in found if isinstance(each, FindingOpened) and each.kind == "throughput_drop"}
    return [each for each in found if each.id in ours and not isinstance(each, FindingUpdated)]


Speed = Callable[[int], float]
"""Steps a second, by step."""


def at_speed(speed: Speed, steps: int, seed: int = 0) -> list[Row]:
    chance = random.Random(seed)
    return [
        Row(
            step,
            {
                "loss": 2.0,
                "tokens": float(TOKENS * step),
                "tokens_per_s": TOKENS * speed(step) * math.exp(chance.gauss(0, 0.15)),
            },
        )
        for step in range(1, steps + 1)
    ]


@few
@given(st.integers(0, 2**32), st.floats(0.5, 300.0), st.floats(0.1, 0.35))
def test_steps_that_become_slow_for_good_are_one_remark_that_closes_when_they_are_fast(seed, fast, share) -> None:
    slow_steps = max(round(40 * share * fast), 120)
    begin, end = 200, 200 + slow_steps
    after = max(round(60 * fast), 100)
    rows = at_speed(lambda step: fast * share if begin < step <= end else fast, end + after, seed)

    opened, closed = said(rows)

    assert isinstance(opened, FindingOpened)
    assert begin < opened.onset <= begin + 60
    assert isinstance(closed, FindingClosed)
    assert closed.step > end


@few
@given(st.integers(0, 2**32), st.floats(50.0, 1000.0), st.floats(0.05, 0.4))
def test_a_hiccup_of_a_busy_machine_is_no_news_however_many_steps_it_takes(seed, fast, share) -> None:
    hiccup = round(12 * share * fast)
    period = hiccup + round(10 * fast)
    rows = at_speed(lambda step: fast * share if step % period > period - hiccup else fast, 2 * period + 50, seed)

    assert said(rows) == []


def test_a_log_without_tokens_is_judged_by_the_time_of_its_steps_in_any_unit() -> None:
    times = [0.3] * 100 + [0.9] * 100
    for unit in (1.0, 1000.0):
        (opened,) = said(Row(step, {"loss": 2.0, "step_time": unit * time}) for step, time in enumerate(times))
        assert isinstance(opened, FindingOpened)
        assert opened.evidence.startswith("a step takes 3.0 times as long as it did")
        assert "cannot be told" in opened.evidence


def spent(step: int, **seconds: float) -> TimeSpent:
    return TimeSpent(step=step, steps=50, seconds=seconds)


def told(events: Iterable[Event], config: RunConfig) -> list[FindingOpened | FindingClosed]:
    diagnosis = Diagnosis(config)
    words = [word for event in events for word in diagnosis.observe(event)]
    ours = {word.id for word in words if isinstance(word, FindingOpened) and word.kind == "throughput_drop"}
    return [word for word in words if word.id in ours and not isinstance(word, FindingUpdated)]


def test_one_long_pause_of_the_disk_is_no_news() -> None:
    events = [spent(50 * i, gradients=0.2, checkpoint=9.0 if i == 9 else 0.01) for i in range(1, 60)]

    assert told(events, RunConfig()) == []


def test_time_that_goes_elsewhere_is_one_remark_that_closes_when_it_does_not() -> None:
    events = [spent(50 * i, gradients=0.2, sample=0.4 if i < 30 else 0.0, log=0.01) for i in range(1, 100)]

    opened, closed = told(events, RunConfig(training=TrainingConfig(steps=50_000)))

    assert isinstance(opened, FindingOpened)
    assert "samples 66%, forward and backward 33%, the log 2%" in opened.evidence
    assert opened.causes == ["samples take 66% of the time: every 500 steps, 64 tokens"]
    assert opened.fixes[0].changes == {"instruments.sample_every": 20_000}
    assert isinstance(closed, FindingClosed)
    assert closed.step > 30 * 50


@few
@given(
    st.sampled_from(["evaluation", "sample", "layers", "checkpoint"]),
    st.floats(0.02, 50.0),
    st.integers(1, 500),
    st.integers(1, 10**6),
)
def test_every_remedy_is_a_valid_run_in_which_it_takes_less(activity: str, seconds: float, every: int, steps) -> None:
    config = RunConfig(
        instruments=InstrumentsConfig(evaluate_every=every, sample_every=every, layers_every=every),
        storage=StorageConfig(checkpoint_every=every),
        training=TrainingConfig(steps=steps, threads=1, precision="fp32"),
    )
    events = [spent(50 * i, gradients=0.01, **{activity: seconds}) for i in range(1, 30)]

    (opened, *_) = told(events, config)

    assert isinstance(opened, FindingOpened)
    for fix in opened.fixes:
        ((key, seldom),) = fix.changes.items()
        assert config.with_changes(fix.changes) != config
        assert key.endswith("_every")
        assert every < seldom <= steps


def slowed(config: RunConfig, change: ChangeSettings | None = None) -> list[Event]:
    """Steps that take three times as long from step 201 on, with a change or without one."""
    events: list[Event] = []
    for step in range(1, 1000):
        speed = TOKENS * (50 if step <= 200 else 15)
        events.append(
            StepFinished(
                step=step, loss=2.0, lr=1e-3, tokens=TOKENS * step, tokens_per_s=speed, grad_norm=1.0, clipped=False
            )
        )
        if step == 200 and change:
            settings = replace(LiveSettings.from_config(config), batch=change.batch or 1)
            events.append(SettingsChanged(step=step, summary="batch", settings=settings))
        if step % 50 == 0:
            events.append(spent(step, gradients=50 / (50 if step <= 200 else 15), log=0.01))
    return events


def test_steps_that_are_slow_since_a_larger_batch_are_told_so_and_the_way_back() -> None:
    config = RunConfig()

    (opened,) = told(slowed(config, ChangeSettings(batch=64)), config)

    assert isinstance(opened, FindingOpened)
    assert "tokens a second, where it was" in opened.evidence
    assert "forward and backward" in opened.evidence
    assert opened.causes[0] == "a change after step 200: batch 4 -> 64"
    assert opened.fixes[0].changes == {"training.batch": 4}


def test_steps_that_are_slow_though_nothing_was_changed_are_the_machine() -> None:
    config = RunConfig(training=TrainingConfig(threads=2, precision="bf16"))

    (opened,) = told(slowed(config), config)

    assert isinstance(opened, FindingOpened)
    assert "another program on this machine" in opened.causes[0]
    assert opened.fixes[0].changes == {"training.threads": 1}


def test_a_foreign_log_that_waits_for_its_data_is_told_so(tmp_path: Path) -> None:
    chance = random.Random(3)
    path = tmp_path / "log.csv"
    lines = [f"{i},{2 + chance.gauss(0, 0.1)},0.5,0.35" for i in range(1, 200)]
    path.write_text("\n".join(["step,loss,iter_time,data_time", *lines]))

    (own,) = diagnose_log(str(path), tmp_path, {}).runs.values()

    (finding,) = [each for each in own.report.findings if each.kind == "throughput_drop"]
    assert finding.evidence.startswith("70% of the time does not go into training")
    assert finding.detected >= 30
    assert finding.causes[0].startswith("data take 70% of the time")
    assert not [reason for reason in own.report.blind if "time" in reason]


def test_what_cannot_be_told_of_the_time_is_named() -> None:
    speedless = report_of([Row(step, {"loss": 1.0}) for step in range(100)])
    assert [reason for reason in speedless.blind if reason.startswith("throughput_drop")]
    partless = report_of([Row(step, {"loss": 1.0, "tokens_per_s": 5.0}) for step in range(100)])
    assert [reason for reason in partless.blind if reason.startswith("where the time goes")]


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.floats(), st.floats(), st.floats()),
        max_size=80,
    )
)
def test_no_times_can_break_the_account(times: list[tuple[int, float, float, float]]) -> None:
    account = TimeAccount()
    for step, total, data, gradients in times:
        account.learn(Row(step, {"step_time": total, "data_time": data, "gradients_time": gradients}))

        shares = account.shares()
        assert sum(shares.values()) == pytest.approx(1.0 if shares else 0.0)
        assert 0 <= account.lost <= 1
        assert account.steps >= 1


def test_every_activity_but_waiting_has_a_name_and_waiting_is_no_share() -> None:
    assert set(NAMES) == {*get_args(Activity)} - {"waiting"}
    assert time_shares_text(shares_of([{"gradients": 1.0, "waiting": 100.0}, {"log": 1.0, "unheard of": 5.0}])) == (
        "forward and backward 50%, the log 50%"
    )


def test_a_run_from_before_its_time_was_told_is_diagnosed_all_the_same() -> None:
    reporter = Reporter(config=RunConfig())
    for event in slowed(RunConfig()):
        if not isinstance(event, TimeSpent):
            reporter.observe_event(event)

    (finding,) = [each for each in reporter.report().findings if each.kind == "throughput_drop"]
    assert "cannot be told" in finding.evidence


def test_the_status_shows_where_the_time_goes() -> None:
    view = RunView.of(RunConfig()).after_all([spent(50, gradients=2.0, evaluation=1.0, log=1.0, waiting=90.0)])

    _, content = StatusPanel().words(view)

    assert "time    forward and backward 50%, evaluations 25%, the log 25%" in content.plain


def test_a_best_val_loss_that_is_passed_for_good_is_one_remark() -> None:
    chance = random.Random(5)
    curve = [max(5 - step / 30, 2.0 + (step - 90) / 600) + chance.gauss(0, 0.01) for step in range(1000)]

    assert best_passed(curve) == 1


def test_a_val_loss_that_goes_on_falling_is_told_ever_more_rarely_that_its_best_has_passed() -> None:
    chance = random.Random(5)
    curve = [1.9 + 3.6 * (1 + step / 35) ** -1.1 + chance.gauss(0, 0.02) for step in range(5000)]

    assert best_passed(curve) <= math.log2(5000 / 5)


def best_passed(curve: Iterable[float]) -> int:
    diagnosis = Diagnosis()
    rows = [Row(step, {"val_loss": val_loss}) for step, val_loss in enumerate(curve)]
    found = [each for row in rows for each in diagnosis.examine(row)]
    return sum(isinstance(each, FindingOpened) and each.kind == "best_passed" for each in found)
