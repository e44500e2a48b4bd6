"""Odd loops, and places that cannot be written: the loop's losses stay the same bits, with at most one warning."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tinygpt_tui.engine.attach import AttachedRun, watch
from tinygpt_tui.engine.events import RunDescribed, StepFinished
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_folder import EVENTS

Attach = Callable[..., AttachedRun | None]
KILLS = int(os.environ.get("TINYGPT_TUI_KILLS", "2"))
"""How often a loop is killed at a random moment; 30 is a thorough test."""


def rows(run: Path) -> list[StepFinished]:
    return [event for event in all_events(run) if isinstance(event, StepFinished)]


class Checkpointed(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return checkpoint(super().forward, input, use_reentrant=False)


class OwnSGD:
    """An optimizer of the loop's own making, without hooks."""

    def __init__(self, parameters: Any, lr: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": [*parameters], "lr": lr}]

    def step(self) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter -= group["lr"] * parameter.grad

    def zero_grad(self) -> None:
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None


def mlp(kind: type[nn.Sequential] = nn.Sequential) -> nn.Sequential:
    return kind(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def plain(attach: Attach, **odd: Any) -> list[float]:
    torch.manual_seed(0)
    model = odd.get("model", mlp)()
    optimizer = odd.get("optimizer", lambda parameters: torch.optim.SGD(parameters, lr=0.1))(model.parameters())
    dtype = next(model.parameters()).dtype
    x, y = torch.randn(16, 8, dtype=dtype), torch.randn(16, 1, dtype=dtype)
    run = attach(model, optimizer)
    losses: list[float] = []
    for step in range(8):
        loss = nn.functional.mse_loss(model(x), y) * odd.get("factor", lambda step: 1.0)(step)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if run is not None:
            assert run.step(loss)
        optimizer.step()
    return losses


def frozen() -> nn.Module:
    model = mlp()
    model[0].requires_grad_(False)
    return model


ODD = {
    "plain": {},
    "float64": {"model": lambda: mlp().double()},
    "bfloat16": {"model": lambda: mlp().bfloat16()},
    "frozen layer": {"model": frozen},
    "gradient checkpointing": {"model": lambda: mlp(Checkpointed)},
    "tensor lr": {"optimizer": lambda parameters: torch.optim.Adam(parameters, lr=torch.tensor(0.01))},
    "own optimizer": {"optimizer": lambda parameters: OwnSGD(parameters, 0.1)},
    "NaN losses": {"factor": lambda step: float("nan") if step > 4 else 1.0},
    "compiled, not run by a compiler": {"model": lambda: torch.compile(mlp(), backend="eager")},
}


def same(one: list[float], other: list[float]) -> bool:
    return list(map(repr, one)) == list(map(repr, other))


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_loop_is_recorded_and_keeps_its_losses(odd: dict[str, Any], tmp_path: Path) -> None:
    runs: list[AttachedRun] = []

    def attach(model: Any, optimizer: Any) -> AttachedRun:
        runs.append(watch(model, optimizer, every=1, runs=tmp_path))
        return runs[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        losses = plain(attach, **odd)
        runs[0].close()
    assert same(losses, plain(lambda model, optimizer: None, **odd))
    stored = rows(tmp_path / "loop-1")
    assert same([row.loss or 0.0 for row in stored], losses)
    assert all(row.grad_norm is not None for row in stored)


def test_what_an_optimizer_without_hooks_cannot_is_not_offered(tmp_path: Path) -> None:
    model = mlp()
    optimizer: Any = OwnSGD(model.parameters(), 0.1)
    watch(model, optimizer, runs=tmp_path).close()
    described = next(all_events(tmp_path / "loop-1"))
    assert isinstance(described, RunDescribed) and "lr" not in described.changes


def test_gradients_under_a_scaler_are_those_without(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=1024.0)
    run = watch(model, optimizer, scaler=scaler, every=1, runs=tmp_path)
    loss = model(torch.ones(4, 8)).square().mean()
    norm = torch.stack([g.norm() for g in torch.autograd.grad(loss, [*model.parameters()], retain_graph=True)]).norm()
    scaler.scale(loss).backward()
    run.step(loss)
    scaler.step(optimizer)
    scaler.update()
    run.close()
    row = rows(tmp_path / "loop-1")[0]
    assert row.grad_norm == pytest.approx(norm.item(), rel=1e-4) and (row.update_ratio or 0) > 0


def test_an_error_of_ours_around_an_update_does_not_leave_the_optimizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*lists: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("tinygpt_tui.engine.training.loop_probe.subtract_from_each", broken)
    with pytest.warns(RuntimeWarning, match="not measured any more: broken") as raised:
        losses = plain(lambda model, optimizer: watch(model, optimizer, every=1, runs=tmp_path))
    assert len(raised) == 1 and same(losses, plain(lambda model, optimizer: None))


def test_the_gradient_of_a_sparse_embedding_is_measured(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Linear(4, 1))
    run = watch(model, torch.optim.SGD(model.parameters(), lr=0.1), every=1, runs=tmp_path)
    loss = model(torch.tensor([1, 2, 2])).square().mean()
    loss.backward()
    wanted = [parameter.grad.to_dense() for parameter in model.parameters() if parameter.grad is not None]
    assert run.step(loss)
    run.close()

    assert run.path is not None
    [step] = rows(run.path)
    assert step.grad_norm == pytest.approx(torch.cat([each.ravel() for each in wanted]).norm().item())


FULL = """
import resource, signal, sys, time
from pathlib import Path
from tinygpt_tui.engine.attach import watch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
run = watch(runs=Path(sys.argv[1]))
for step in range(400):
    assert run.step(1.0)
    time.sleep(0.001)
print("done")
"""


def test_a_full_disk_is_one_warning(tmp_path: Path) -> None:
    """Also where no small disk can be mounted."""
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path, "4096"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert done.stderr.count("RuntimeWarning: tinygpt-tui: the run is not recorded") == 1
    assert "Traceback" not in done.stderr


def test_a_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="tg"))
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    run = watch(runs=deep)
    run.step(1.0)
    run.close()
    assert len(rows(deep / "loop-1")) == 1


def test_signals_trace_functions_and_threads_of_the_loop_are_left_alone(tmp_path: Path) -> None:
    seen: list[str] = []

    def trace(frame: Any, event: str, argument: Any) -> Any:
        seen.append(event)
        return trace

    handlers = [signal.getsignal(number) for number in range(1, 32)]
    before = set(threading.enumerate())
    old = sys.gettrace()
    sys.settrace(trace)
    try:
        run = watch(runs=tmp_path)
        run.step(1.0)
        assert sys.gettrace() is trace and threading.gettrace() is None
        run.close()
    finally:
        sys.settrace(old)
    assert seen and handlers == [signal.getsignal(number) for number in range(1, 32)]
    assert {thread for thread in threading.enumerate() if thread.is_alive()} <= before


KILLED = """
import sys, time
from pathlib import Path
from tinygpt_tui.engine.attach import watch
run = watch(runs=Path(sys.argv[1]))
print("ready", flush=True)
while True:
    run.step(1.0, now=time.time())
    time.sleep(0.0005)
"""


def test_a_loop_killed_at_any_moment_lacks_at_most_its_last_second(tmp_path: Path) -> None:
    for kill in range(KILLS):
        runs = tmp_path / str(kill)
        with subprocess.Popen([sys.executable, "-c", KILLED, runs], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0.05, 1.5))
            process.kill()
            killed_at = time.time()
        stored = rows(runs / "loop-1")
        last = stored[-1].time if stored else (runs / "loop-1" / EVENTS).stat().st_mtime
        assert [row.step for row in stored] == [*range(1, len(stored) + 1)] and killed_at - last < 1.0


class Part(nn.Parameter):
    """Of a weight whose other parts other processes hold, as FSDP's are."""

    device_mesh = None


def test_a_loop_that_clips_parts_of_weights_is_warned(tmp_path: Path) -> None:
    model, part = mlp(), Part(torch.ones(3))
    model.register_parameter("part", part)
    with pytest.warns(RuntimeWarning, match="clip= does nothing: the loop has to clip"):
        run = watch(model, torch.optim.SGD(model.parameters(), lr=0.1), runs=tmp_path, clip=1.0)
    loss = model(torch.ones(4, 8)).mean() + part.sum()
    loss.backward()
    assert run.step(loss)
    run.close()
    (row,) = rows(tmp_path / "loop-1")
    assert (row.loss, row.grad_norm, row.clipped) == (pytest.approx(loss.item()), None, None)
