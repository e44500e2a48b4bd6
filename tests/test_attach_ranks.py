"""Several processes of one training, here threads: rank 0 leads, and no one of them can hold up or end the others."""

# pyright: reportPrivateImportUsage=false

import itertools
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from tests import attached_runs
from tests.attached_runs import until
from tinygpt_tui.engine.attach import SWITCH, watch
from tinygpt_tui.engine.attached import leading_rank, rank_store, roll_call
from tinygpt_tui.engine.attached.following_rank import FollowingRank
from tinygpt_tui.engine.attached.leading_rank import LeadingRank
from tinygpt_tui.engine.attached.meetings import Meetings
from tinygpt_tui.engine.attached.rank_store import RankError, RankReport, RankStore, own_report
from tinygpt_tui.engine.attached.steering import Steering
from tinygpt_tui.engine.config import ConfigError
from tinygpt_tui.engine.events import ChangeSettings, Command, Evaluate, Stop
from tinygpt_tui.engine.training.rank_clock import RankClock


@dataclass
class PlainLevers:
    clip: float | None = None
    lr_factor: float = 1.0
    steers_lr: bool = True
    lr: float | None = 0.1
    weight_decay: float | None = None

    def set_weight_decay(self, weight_decay: float) -> None:
        self.weight_decay = weight_decay


class Follower:
    """Another rank."""

    def __init__(self, meetings: Meetings) -> None:
        self.levers = PlainLevers()
        self.evaluations = 0
        self.rank = FollowingRank(meetings, None, Steering(self.levers, {"evaluate": self.evaluate}))
        self.factors: list[float] = []
        """Of the lr at each step."""

    def evaluate(self) -> None:
        self.evaluations += 1

    def step(self) -> None:
        self.rank.answer_requests()
        self.factors.append(self.levers.lr_factor)


@dataclass
class Job:
    leading: LeadingRank
    stores: list[RankStore]
    """Of all ranks."""
    deaths: list[str]

    def follower(self, rank: int) -> Follower:
        return Follower(Meetings(self.stores[rank], own_report(rank)))

    def require_refused(self, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            self.leading.require_all()


Start = Callable[..., Job]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts rank 0 of a job of so many; `reports` are those of ranks that are no process of this test."""
    started: list[Job] = []

    def start(size: int, *reports: RankReport, clock: Callable[[], float] = time.perf_counter) -> Job:
        shared: Any = torch.distributed.HashStore()
        stores = [RankStore(shared, "0", rank, size) for rank in range(size)]
        known = {report.rank: report for report in reports}
        for store in stores[1:]:
            store.report(known.get(store.rank, own_report(store.rank)))
        stores[0].gather()
        deaths: list[str] = []
        started.append(Job(LeadingRank(stores[0], deaths.append, clock), stores, deaths))
        return started[-1]

    yield start
    for job in started:
        job.leading.close()


def train(job: Job, followers: list[Follower], decisions: list[list[Command]], pace: Callable[[], object]) -> list[int]:
    """Steps after which the decisions were carried out, the last a stop. Each rank calls `pace` at each step."""

    def follow(follower: Follower) -> None:
        while not follower.rank.is_stopped:
            pace()
            follower.step()

    threads = [threading.Thread(target=follow, args=(each,), daemon=True) for each in followers]
    for thread in threads:
        thread.start()
    steps, waiting = [], [*decisions]
    for step in itertools.count(1):
        if not waiting:
            break
        pace()
        if job.leading.is_due():
            job.leading.require_all()
            for command in waiting.pop(0):
                job.leading.send(command)
            steps.append(step)
            job.leading.go_on(math.inf)
        elif step > 3:
            job.leading.call()
    for thread in threads:
        thread.join(10)
    return steps


@pytest.mark.parametrize("ahead", [0, 5])
def test_a_change_a_callback_and_a_stop_act_after_one_step_in_all(ahead: int, start: Start) -> None:
    """Also where one has taken more steps than the others, and has gone beyond the step that is proposed first."""
    job = start(3)
    followers = [job.follower(1), job.follower(2)]
    for _ in range(ahead):
        followers[1].step()
    together = threading.Barrier(3)
    pace = (lambda: time.sleep(0.001)) if ahead else (lambda: together.wait(10))

    changed, stopped = train(job, followers, [[ChangeSettings(lr_times=0.5), Evaluate()], [Stop()]], pace)

    for follower in followers:
        assert follower.factors == [1.0] * (changed - 1) + [0.5] * (stopped - changed + 1)
        assert follower.evaluations == 1


def test_a_rank_holds_until_rank_0_goes_on_and_again_after_the_steps_that_it_may_take(start: Start) -> None:
    job = start(2)
    follower = job.follower(1)
    job.leading.call()
    met = next(step for step in itertools.count(1) if job.leading.is_due())
    thread = threading.Thread(target=lambda: [follower.step() for _ in range(met + 5)], daemon=True)
    thread.start()
    until(lambda: len(follower.factors) == met - 1)
    job.leading.go_on(2)
    until(lambda: len(follower.factors) == met + 1)
    assert [job.leading.is_due(), job.leading.is_due()] == [False, True]
    job.leading.go_on(math.inf)
    thread.join(10)
    assert len(follower.factors) == met + 5


def test_without_all_ranks_nothing_is_changed(start: Start) -> None:
    job = start(2)
    follower = job.follower(1)
    job.require_refused("rank 1 has taken no step yet")
    follower.step()
    job.leading.require_all()
    follower.rank.end()
    job.require_refused("rank 1 has ended")
    assert job.deaths == []


def test_a_rank_that_does_not_answer_does_not_hold_rank_0_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading_rank, "PROMPT_S", 0.05)
    monkeypatch.setattr(roll_call, "PROMPT_S", 0.05)
    job = start(2, msgspec.structs.replace(own_report(1), steps=5), clock=itertools.count().__next__)
    job.leading.call()
    assert job.leading.is_due()
    job.require_refused("rank 1 does not answer")
    job.leading.go_on(math.inf)
    assert not job.leading.is_due() and job.deaths == []


@pytest.mark.parametrize("words", ["", "ValueError: a bug"])
def test_a_process_that_dies_is_reported_with_its_last_words(words: str, start: Start) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        job = start(3, msgspec.structs.replace(own_report(2), pid=process.pid))
        if words:
            report = msgspec.structs.replace(own_report(2), pid=process.pid, has_left=True, words=words)
            job.stores[2].report(report)
        process.kill()
        until(lambda: bool(job.deaths))
    assert job.deaths == [f"rank 2: {words}" if words else f"rank 2 (process {process.pid}) died"]


def elsewhere(steps: int = 1) -> RankReport:
    return RankReport(rank=1, pid=7, host="b", machine="another", steps=steps)


def test_a_process_on_another_machine_that_may_have_caused_an_error_is_asked(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_call, "PROMPT_S", 0.05)
    job = start(2, elsewhere())
    assert job.leading.find_death("RuntimeError: reset by peer")
    assert job.deaths == ["rank 1 (process 7 on b) does not answer any more; RuntimeError: reset by peer"]
    answering = start(2)
    answering.follower(1)
    monkeypatch.setattr(roll_call, "PROMPT_S", 10.0)
    assert not answering.leading.find_death("ValueError: a bug") and answering.deaths == []


def test_a_process_on_another_machine_is_missed_once_no_step_is_taken(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_call, "CALL_S", 0.01)
    monkeypatch.setattr(roll_call, "MOST_MISSED", 5)
    job = start(2, elsewhere())
    seen = job.stores[0].reports()[1].call
    for _ in range(200):
        job.leading.is_due()
        time.sleep(0.001)
    assert job.deaths == [] and seen == 0
    until(lambda: job.deaths == ["rank 1 (process 7 on b) does not answer any more"])


def test_the_slowest_rank_is_named_now_and_then(start: Start) -> None:
    now = [0.0]
    slow, fast = (msgspec.structs.replace(own_report(rank), busy_s=busy_s) for rank, busy_s in ((1, 0.4), (2, 0.2)))
    job = start(3, slow, fast, clock=lambda: now[0])
    assert job.leading.rank_times(lambda: 0.1) == {}
    now[0] += 2.0
    numbers = job.leading.rank_times(lambda: 0.1)
    assert numbers == {"slowest_rank": 1.0, "rank_time_max": 0.4, "rank_time_median": 0.2}
    assert job.leading.rank_times(lambda: 0.1) == {}


def test_a_rank_goes_on_with_what_was_changed_when_rank_0_is_gone(start: Start) -> None:
    job = start(2, clock=itertools.count().__next__)
    follower = job.follower(1)
    job.leading.call()
    assert job.leading.is_due()
    job.leading.send(ChangeSettings(lr_times=0.5))
    job.leading.close()
    for _ in range(3):
        follower.step()
    assert follower.factors == [0.5, 0.5, 0.5] and not follower.rank.is_stopped


def test_a_rank_that_does_not_attach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_store, "JOIN_S", 0.05)
    shared: Any = torch.distributed.HashStore()
    with pytest.raises(RankError, match="ranks 1, 2 did not attach"):
        RankStore(shared, "0", 0, 3).gather()
    with pytest.raises(RankError, match="not all ranks have attached"):
        RankStore(shared, "0", 1, 3).join(own_report(1))
    with pytest.raises(RankError, match="rank 0 did not attach"):
        RankStore(shared, "1", 1, 3).join(own_report(1))


TERMINATED = """
import hashlib, os, signal, sys, time
from tinygpt_tui.engine.attached.termination import TerminationWatch
watch = TerminationWatch(lambda: print("told", flush=True))
if os.fork() == 0:
    time.sleep(60)
print(os.getpid(), flush=True)
hashlib.pbkdf2_hmac("sha512", b"", b"", 10**9)  # never back in Python
"""


def test_a_signal_is_acted_upon_where_the_loop_never_returns_to_python() -> None:
    """A forked process, such as a worker of a DataLoader, ends alone."""
    with subprocess.Popen([sys.executable, "-c", TERMINATED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == f"{process.pid}\n"
        [child] = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        os.kill(child, signal.SIGTERM)
        until(lambda: " Z " in Path(f"/proc/{child}/stat").read_text())
        assert process.poll() is None
        process.terminate()
        assert process.stdout.read() == "told\n" and process.wait(20) == -signal.SIGTERM


def clipped_norm(folder: Path) -> float:
    """Of a gradient after a step that was to clip it at 0.01."""
    model = nn.Linear(4, 1)
    run = watch(model, torch.optim.SGD(model.parameters(), lr=0.1), clip=0.01, runs=folder)
    model(torch.ones(2, 4)).square().mean().backward()
    run.step(1.0)
    run.close()
    return nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item()


def test_a_loop_that_is_not_recorded_is_clipped_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="not recorded"):
        assert clipped_norm(tmp_path / "file") == pytest.approx(0.01, rel=1e-3)
    monkeypatch.setenv(SWITCH, "off")
    assert clipped_norm(tmp_path / "runs") == pytest.approx(0.01, rel=1e-3)
    assert not (tmp_path / "runs").exists()


def test_a_changed_lr_stays_when_the_run_cannot_be_recorded_any_more(tmp_path: Path) -> None:
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    run = watch(model, optimizer, runs=tmp_path)
    assert run.path is not None
    asking = threading.Thread(target=attached_runs.ask, args=(run.path, ChangeSettings(lr_times=0.5)))
    asking.start()
    while asking.is_alive():
        run.step(1.0)
    (run.path / "events.jsonl").unlink()
    with pytest.warns(RuntimeWarning, match="not recorded any more") as raised:
        deadline = time.monotonic() + 20
        while run.is_recorded and time.monotonic() < deadline:
            run.step(1.0)
    before = model.weight.item()
    model.weight.grad = torch.ones(1, 1)
    run.step(1.0)
    optimizer.step()
    assert before - model.weight.item() == pytest.approx(0.5) and len(raised) == 1
    run.close()
    optimizer.step()
    assert before - model.weight.item() == pytest.approx(1.5)


def test_the_time_of_a_rank_goes_from_a_step_to_the_end_of_its_last_forward_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("tinygpt_tui.engine.training.rank_clock.time.perf_counter", lambda: now[0])
    model = nn.Linear(1, 1)
    clock = RankClock(model)
    clock.begin_step()
    for forward_s in (0.1, 0.3):
        now[0] += forward_s
        model(torch.ones(1))
        now[0] += 5.0  # backward, in which it waits
        clock.begin_step()
    assert clock.busy_s() == pytest.approx(0.2) and clock.busy_s() is None
    clock.remove()
