"""Several processes of one training, here threads: rank 0 leads, and no one of them can hold up or end the others."""

import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from tests import attached_runs
from tests.attached_runs import until
from tinygpt_tui.engine.attach import SWITCH, watch
from tinygpt_tui.engine.attach_ranks import meet_ranks
from tinygpt_tui.engine.attached import rank_meeting
from tinygpt_tui.engine.attached.following_rank import FollowingRank
from tinygpt_tui.engine.attached.leading_rank import ConnectedRanks, LeadingRank
from tinygpt_tui.engine.attached.rank_meeting import Left, Meeting, RankError, StepTaken, line
from tinygpt_tui.engine.attached.steering import Steering
from tinygpt_tui.engine.config import ConfigError
from tinygpt_tui.engine.events import ChangeSettings, Evaluate, Stop
from tinygpt_tui.engine.training.rank_clock import RankClock


class DictStore(dict[str, bytes]):
    """As torch.distributed's, in one process."""

    def set(self, key: str, value: str) -> None:
        self[key] = value.encode()

    def check(self, keys: list[str]) -> bool:
        return all(key in self for key in keys)

    def get(self, key: str) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self[key]


@dataclass
class PlainLevers:
    clip: float | None = None
    lr_factor: float = 1.0
    steers_lr: bool = True
    lr: float | None = 0.1
    weight_decay: float | None = None

    def set_weight_decay(self, weight_decay: float) -> None:
        self.weight_decay = weight_decay


@dataclass
class Job:
    """Rank 0 and its connections to the others."""

    leading: LeadingRank
    links: list[socket.socket]
    deaths: list[str] = field(default_factory=list)


def connected(size: int) -> tuple[ConnectedRanks, list[socket.socket]]:
    meeting = Meeting(DictStore(), "0")
    links: dict[int, socket.socket] = {}

    def join(rank: int) -> None:
        links[rank] = meeting.join(rank)

    threads = [threading.Thread(target=join, args=(rank,)) for rank in range(1, size)]
    for thread in threads:
        thread.start()
    others = meeting.gather(size)
    for thread in threads:
        thread.join()
    return others, [links[rank] for rank in range(1, size)]


def job(size: int) -> Job:
    others, links = connected(size)
    deaths: list[str] = []
    return Job(LeadingRank(others, deaths.append), links, deaths)


def has_stepped(job: Job) -> bool:
    try:
        job.leading.require_all()
    except ConfigError:
        return False
    return True


def test_a_change_a_callback_and_a_stop_act_at_the_step_of_rank_0() -> None:
    ranks = job(3)
    levers, called, seen = [PlainLevers(), PlainLevers()], [0, 0], [[], []]

    def follow(number: int) -> None:
        def evaluate() -> None:
            called[number] += 1

        rank = FollowingRank(ranks.links[number], None, Steering(levers[number], {"evaluate": evaluate}))
        while not rank.is_stopped:
            rank.answer_requests()
            seen[number].append(levers[number].lr_factor)

    threads = [threading.Thread(target=follow, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    steps = 0

    def step(*commands: ChangeSettings | Evaluate | Stop) -> None:
        nonlocal steps
        steps += 1
        if ranks.leading.is_due():
            for command in commands:
                ranks.leading.send(command)
            ranks.leading.go_on(1)

    step()
    until(lambda: has_stepped(ranks))
    step(ChangeSettings(lr_times=0.5), Evaluate())
    step(Stop())
    for thread in threads:
        thread.join(5)
    assert seen == [[1.0, 0.5, 0.5]] * 2 and called == [1, 1] and steps == 3
    ranks.leading.close()


def test_steps_without_an_exchange_are_as_many_as_keep_it_at_a_hundredth() -> None:
    now = [0.0]
    others, links = connected(2)
    leading = LeadingRank(others, print, clock=lambda: now[0])
    counts = []
    for step_s in (1.0, 0.0011, 1e-5):
        for _ in range(leading.steps):
            now[0] += step_s
            leading.is_due()
        leading.go_on(1e9)
        counts.append(leading.steps)
    leading.go_on(2)
    assert counts == [1, 5, 500] and leading.steps == 2
    leading.close()
    links[0].close()


def test_without_all_ranks_nothing_is_changed() -> None:
    ranks = job(2)
    with pytest.raises(ConfigError, match="rank 1 has taken no step yet"):
        ranks.leading.require_all()
    ranks.links[0].sendall(line(StepTaken()))
    until(lambda: has_stepped(ranks))
    ranks.links[0].sendall(line(Left()))
    until(lambda: not has_stepped(ranks))
    with pytest.raises(ConfigError, match="rank 1 has ended"):
        ranks.leading.require_all()
    assert ranks.deaths == []
    ranks.leading.close()


@pytest.mark.parametrize("words", ["", "ValueError: a bug"])
def test_a_rank_that_dies_is_reported_with_its_last_words(words: str) -> None:
    ranks = job(3)
    if words:
        ranks.links[1].sendall(line(Left(words=words)))
    ranks.links[1].close()
    until(lambda: bool(ranks.deaths))
    assert ranks.deaths[0].startswith("rank 2") and ranks.deaths[0].endswith(words or "died")
    assert ranks.leading.wait_for_death()
    ranks.leading.close()


def test_a_rank_that_reads_nothing_does_not_hold_rank_0_up() -> None:
    ranks = job(2)
    ranks.links[0].sendall(line(StepTaken()))
    until(lambda: has_stepped(ranks))
    deadline = time.monotonic() + 20
    while has_stepped(ranks):
        ranks.leading.send(ChangeSettings(lr_times=1.0))
        assert time.monotonic() < deadline
    assert ranks.deaths == []
    ranks.leading.close()


def test_the_slowest_rank_is_named_now_and_then() -> None:
    now = [0.0]
    others, links = connected(3)
    leading = LeadingRank(others, print, clock=lambda: now[0])
    for link, busy_s in zip(links, (0.4, 0.2), strict=True):
        link.sendall(line(StepTaken(busy_s=busy_s)))
    until(lambda: len(leading.busy_s) == 2)
    assert leading.rank_times(lambda: 0.1) == {}
    now[0] += 2.0
    numbers = leading.rank_times(lambda: 0.1)
    assert numbers == {"slowest_rank": 1.0, "rank_time_max": 0.4, "rank_time_median": 0.2}
    assert leading.rank_times(lambda: 0.1) == {}
    leading.close()


def test_a_rank_goes_on_with_what_was_changed_when_rank_0_is_gone() -> None:
    ranks, levers = job(2), PlainLevers()
    rank = FollowingRank(ranks.links[0], None, Steering(levers, {}))
    ranks.leading.send(ChangeSettings(lr_times=0.5))
    ranks.leading.close()
    for _ in range(3):
        rank.answer_requests()
    assert levers.lr_factor == 0.5 and not rank.is_stopped


def test_a_rank_that_does_not_attach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_meeting, "JOIN_S", 0.05)
    meeting = Meeting(DictStore(), "0")
    with pytest.raises(RankError, match="ranks 1, 2 did not attach"):
        meeting.gather(3)
    with pytest.raises(RankError, match="rank 0 did not attach"):
        Meeting(DictStore(), "1").join(1)


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


def test_the_processes_of_one_machine_meet_on_its_loopback_interface() -> None:
    others, links = connected(2)

    for link in (*links, *(connection for connection, _ in others.values())):
        assert link.getsockname()[0] == link.getpeername()[0] == "127.0.0.1"
        link.close()


def test_processes_on_several_machines_are_not_led(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would need a socket that listens beyond the machine."""
    store = DictStore()
    monkeypatch.setattr("tinygpt_tui.engine.training.process_group.shared_store", lambda: store)
    monkeypatch.setattr("tinygpt_tui.engine.training.process_group.rank_and_size", lambda: (0, 2))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")

    ranks = meet_ranks(needs_torch=True)

    assert not ranks.can_act and "several machines" in ranks.trouble and not store
