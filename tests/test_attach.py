"""A loop of somebody's own: recorded as a run, commanded from a socket, and never disturbed."""

import math
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from tests import attached_runs
from tests.attached_runs import DEADLINE_S, until
from tinygpt_tui.engine.attach import SWITCH, AttachedRun, RunStopped, watch
from tinygpt_tui.engine.events import (
    Accepted,
    AnyEvent,
    ChangeSettings,
    Command,
    Evaluate,
    Evaluated,
    FindingOpened,
    Pause,
    Refused,
    Resume,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunStarted,
    Sample,
    SettingsChanged,
    StepFinished,
    Stop,
    TakeSteps,
)
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_folder import EVENTS, find_worker
from tinygpt_tui.engine.storage.run_summary import summarise
from tinygpt_tui.engine.training.loop_probe import LoopProbe


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def stored(run: AttachedRun | Path) -> list[AnyEvent]:
    path = run if isinstance(run, Path) else run.path
    assert path is not None
    return list(all_events(path))


def steps(run: AttachedRun | Path) -> list[StepFinished]:
    return [event for event in stored(run) if isinstance(event, StepFinished)]


def ask(run: AttachedRun, command: Command) -> Accepted | Refused:
    assert run.path is not None
    return attached_runs.ask(run.path, command)


class Loop(threading.Thread):
    """A loop that steps until it is stopped, in a thread of its own."""

    def __init__(self, run: AttachedRun) -> None:
        super().__init__(daemon=True)
        self.run_ = run
        self.steps = 0
        self.is_over = False
        self.start()

    def run(self) -> None:
        while self.run_.step(1.0) and not self.is_over:
            self.steps += 1
            time.sleep(0.0005)


def parts(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), torch.randn(32, 8), torch.randn(32, 1)


def train(count: int, attach: Callable[[nn.Module, torch.optim.Optimizer], AttachedRun | None]) -> list[float]:
    model, optimizer, x, y = parts()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    run, losses = attach(model, optimizer), []
    for _ in range(count):
        loss = nn.functional.mse_loss(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if run is not None:
            run.step(loss)
        optimizer.step()
        scheduler.step()
    if run is not None:
        run.close()
    return losses


def test_a_loop_becomes_a_run(runs: Path) -> None:
    run = watch(name="My loop", steps=3, settings={"batch": 4}, runs=runs)
    for loss in (3.0, 2.0, 1.0):
        assert run.step(loss, tokens=100, accuracy=0.5)
    run.evaluate(1.5)
    run.close()
    described, started, *middle, end = stored(run)
    assert isinstance(described, RunDescribed) and described.title == "My loop" and described.settings == {"batch": 4}
    assert isinstance(started, RunStarted) and started.steps == 3 and started.pid == os.getpid()
    assert [event.loss for event in middle if isinstance(event, StepFinished)] == [3.0, 2.0, 1.0]
    assert steps(run)[-1].tokens == 300 and steps(run)[-1].others == {"accuracy": 0.5}
    assert isinstance(middle[-1], Evaluated) and middle[-1].val_loss == 1.5
    assert isinstance(end, RunEnded) and end.reason == "finished"
    assert run.path is not None and run.path.name == "my-loop-1" and find_worker(run.path) is None
    summary = summarise(run.path)
    assert (summary.title, summary.state, summary.step, summary.steps) == ("My loop", "finished", 3, 3)


def test_the_losses_of_a_watched_loop_are_the_same_bits(runs: Path) -> None:
    bare = train(40, lambda model, optimizer: None)
    assert train(40, lambda model, optimizer: watch(model, optimizer, runs=runs)) == bare


def test_gradients_and_updates_are_measured_as_torch_does(runs: Path) -> None:
    model, optimizer, x, y = parts()
    run = watch(model, optimizer, every=1, runs=runs)
    expected: list[tuple[float, float, float]] = []
    for _ in range(5):
        before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item()
        run.step(loss)
        optimizer.step()
        after = nn.utils.parameters_to_vector(model.parameters()).detach()
        expected.append((norm, ((after - before).norm() / after.norm()).item(), optimizer.param_groups[0]["lr"]))
    run.close()
    measured = [(row.grad_norm, row.update_ratio, row.lr) for row in steps(run)]
    assert measured == [pytest.approx(row, rel=1e-4) for row in expected]


def test_an_update_is_measured_where_a_trainer_computes_gradients_within_it(runs: Path) -> None:
    """As Lightning does: a hook before the update comes before the gradients are measured, one after it comes after."""
    model, optimizer, x, y = parts()
    run = watch(model, optimizer, every=3, runs=runs)
    ratios: list[float] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        run.measure(loss=loss)
        return loss

    for _ in range(9):
        before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]
        after = nn.utils.parameters_to_vector(model.parameters()).detach()
        ratios.append(((after - before).norm() / after.norm()).item())
    run.close()
    measured = {row.step: row.update_ratio for row in steps(run) if row.update_ratio is not None}
    assert len(measured) >= 2 and measured == {step: pytest.approx(ratios[step - 1], rel=1e-4) for step in measured}


def test_an_update_is_measured_now_and_then_under_an_lr_that_was_changed() -> None:
    """Two pairs of hooks, one of which comes and goes."""
    model, optimizer, x, y = parts()
    probe = LoopProbe(model, [optimizer], every=3)
    ratios: list[float | None] = []
    for step in range(9):
        ratios.append(probe.update_ratio())
        probe.begin_step()
        probe.lr_factor = 0.5 if step > 2 else 1.0
        nn.functional.mse_loss(model(x), y).backward()
        probe.measure_gradients()
        optimizer.step()
        assert optimizer.param_groups[0]["lr"] == 0.1
    assert [ratio is not None for ratio in ratios] == [step in (1, 4, 7) for step in range(9)]


def test_a_chosen_clip_is_applied_and_counted(runs: Path) -> None:
    model, optimizer, x, y = parts()
    run = watch(model, optimizer, clip=0.01, runs=runs)
    nn.functional.mse_loss(model(x), y).backward()
    run.step(1.0)
    assert nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item() <= 0.0101
    run.close()
    assert steps(run)[0].clipped is True and (steps(run)[0].grad_norm or 0) > 0.01


def test_a_change_of_the_lr_is_a_factor_that_the_scheduler_does_not_see(runs: Path) -> None:
    model, optimizer, x, y = parts()
    run = watch(model, optimizer, runs=runs)
    loop = threading.Thread(target=ask, args=(run, ChangeSettings(lr_times=0.5)))
    loop.start()
    while not any(isinstance(event, SettingsChanged) for event in stored(run)):
        run.step(1.0)
    loop.join()
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    nn.functional.mse_loss(model(x), y).backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    run.step(1.0)
    optimizer.step()
    after = nn.utils.parameters_to_vector(model.parameters()).detach()
    torch.testing.assert_close(after, before - 0.05 * gradient)
    assert optimizer.param_groups[0]["lr"] == 0.1
    run.close()
    assert steps(run)[-1].lr == pytest.approx(0.05)


def test_a_loop_is_paused_stepped_resumed_and_stopped(runs: Path) -> None:
    run = watch(runs=runs)
    loop = Loop(run)
    assert isinstance(ask(run, Pause()), Accepted)
    until(lambda: any(isinstance(event, RunPaused) for event in stored(run)))
    held_at = loop.steps
    assert isinstance(ask(run, TakeSteps(count=3)), Accepted)
    until(lambda: loop.steps == held_at + 3)
    assert isinstance(ask(run, Resume()), Accepted)
    until(lambda: loop.steps > held_at + 10)
    assert isinstance(ask(run, Stop()), Accepted)
    loop.join(DEADLINE_S)
    assert not loop.is_alive() and run.is_stopped
    run.close()
    end = stored(run)[-1]
    assert isinstance(end, RunEnded) and end.reason == "stopped"


def test_what_a_loop_cannot_do_is_refused_and_not_offered(runs: Path) -> None:
    run = watch(runs=runs)
    loop = Loop(run)
    for command in (ChangeSettings(lr_times=0.5), Evaluate(), Sample()):
        assert isinstance(ask(run, command), Refused)
    ask(run, Stop())
    loop.join(DEADLINE_S)
    run.close()
    described = stored(run)[0]
    assert isinstance(described, RunDescribed) and not {"change", "evaluate", "sample"} & {*described.commands}


def test_callbacks_answer_requests(runs: Path) -> None:
    asked: list[int] = []
    run = watch(runs=runs, on_evaluate=lambda: asked.append(1))
    loop = Loop(run)
    assert isinstance(ask(run, Evaluate()), Accepted)
    assert asked == [1]
    ask(run, Stop())
    loop.join(DEADLINE_S)
    run.close()


def test_a_stop_may_raise(runs: Path) -> None:
    run = watch(runs=runs, raise_on_stop=True)
    asking = threading.Thread(target=ask, args=(run, Stop()))
    asking.start()
    with pytest.raises(RunStopped):
        while True:
            run.step(1.0)
    asking.join()
    run.close()


def test_findings_are_events_of_the_run(runs: Path) -> None:
    run = watch(runs=runs)
    for loss in (2.0, 1.9, math.nan):
        run.step(loss)
    run.close()
    assert [event.kind for event in stored(run) if isinstance(event, FindingOpened)] == ["nan"]


def test_two_loops_of_one_name_are_two_runs(runs: Path) -> None:
    first, second = watch(name="x", runs=runs), watch(name="x", runs=runs)
    for run in (first, second):
        run.step(1.0)
        run.close()
    assert first.path != second.path and len(steps(first)) == len(steps(second)) == 1


@pytest.fixture
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.usefixtures("no_warnings")
def test_a_switch_turns_it_off(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    run = watch(runs=runs)
    assert run.step(1.0) and not runs.exists()
    run.close()


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="not recorded") as raised:
        run = watch(runs=tmp_path / "file")
        assert run.step(1.0) and run.step(2.0)
        run.close()
    assert len(raised) == 1


def test_a_log_that_is_deleted_meanwhile_is_one_warning(runs: Path) -> None:
    with pytest.warns(RuntimeWarning, match="not recorded any more") as raised:
        losses = train(3, lambda model, optimizer: None)
        run = watch(runs=runs)
        run.step(1.0)
        until(lambda: len(steps(run)) == 1)
        assert run.path is not None
        (run.path / EVENTS).unlink()
        deadline = time.monotonic() + DEADLINE_S
        while run.is_recorded and time.monotonic() < deadline:
            assert run.step(losses[0])
        assert run.step(1.0)
        run.close()
    assert len(raised) == 1


KILLED = """
import sys, time
from pathlib import Path
from tinygpt_tui.engine.attach import watch
run = watch(runs=Path(sys.argv[1]))
for step in range(1_000_000):
    run.step(1.0)
    time.sleep(0.001)
"""
FAILS = KILLED.replace("range(1_000_000)", "range(3)") + "\nraise ValueError('my own bug')\n"
FORKS = """
import os, sys
from pathlib import Path
from tinygpt_tui.engine.attach import watch
run = watch(runs=Path(sys.argv[1]))
run.step(1.0)
if os.fork() == 0:
    run.step(2.0)
    sys.exit(0)
os.wait()
run.step(3.0)
"""


def test_a_killed_loop_leaves_a_run(runs: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, runs])
    until(lambda: (runs / "loop-1" / EVENTS).exists() and len(steps(runs / "loop-1")) > 100)
    process.kill()
    process.wait()
    last = steps(runs / "loop-1")[-1]
    assert [row.step for row in steps(runs / "loop-1")] == [*range(1, last.step + 1)]
    assert summarise(runs / "loop-1").state == "interrupted"


def test_an_exception_of_the_program_is_the_end_of_the_run(runs: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FAILS, runs], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "my own bug" in done.stderr
    end = stored(runs / "loop-1")[-1]
    assert isinstance(end, RunEnded) and (end.reason, end.detail) == ("failed", "ValueError: my own bug")


def test_a_forked_process_records_nothing(runs: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORKS, runs], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row.loss for row in steps(runs / "loop-1")] == [1.0, 3.0]


def test_of_many_processes_that_cannot_meet_the_first_records_and_nothing_acts_on_it_alone(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    model, optimizer, *_ = parts()
    assert not watch(model, optimizer, runs=runs).is_recorded and not runs.exists()
    monkeypatch.setenv("RANK", "0")
    with pytest.warns(RuntimeWarning, match="can be paused, but not stopped"):
        run = watch(model, optimizer, clip=1.0, on_evaluate=lambda: None, runs=runs)
    loop = Loop(run)
    for command in (Stop(), ChangeSettings(lr_times=0.5), ChangeSettings(clip=0.5), Evaluate()):
        assert isinstance(ask(run, command), Refused)
    assert isinstance(ask(run, Pause()), Accepted) and isinstance(ask(run, Resume()), Accepted)
    described = stored(run)[0]
    assert isinstance(described, RunDescribed) and described.changes == []
    assert {*described.commands} == {"pause", "resume", "step", "speed"}
    loop.is_over = True
    loop.join(DEADLINE_S)
    run.close()


def test_numbers_alone_do_not_import_torch(runs: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tinygpt_tui.engine.attach import watch; "
        "watch(runs=Path(sys.argv[1])).step(1.0); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, runs], check=True)
