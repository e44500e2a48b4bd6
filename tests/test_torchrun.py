"""A loop on two processes: what is decided in rank 0 acts in both at the same step, and a death of either is seen."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.attached_runs import ask, stored, until
from tinygpt_tui.engine.events import (
    Accepted,
    ChangeSettings,
    Pause,
    Refused,
    Resume,
    RunDescribed,
    RunEnded,
    RunPaused,
    SettingsChanged,
    StepFinished,
    Stop,
)

LOOP = Path(__file__).with_name("torchrun_loop.py")
START_S = 180.0
"""How long a busy machine may take to import torch in four processes."""


def test_a_job_of_two_processes_is_led_by_rank_0_and_a_death_is_reported(tmp_path: Path) -> None:
    """One job for both: most of the test's time goes into imports of torch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", LOOP]
    with (tmp_path / "log").open("wb") as log:
        job = subprocess.Popen([*command, tmp_path], stdout=log, stderr=log)
    try:
        require_the_same_in_both(tmp_path / "stopped")
        require_a_reported_death(tmp_path / "killed")
        assert job.wait(60) != 0
    finally:
        job.terminate()
        job.wait()


def require_a_reported_death(folder: Path) -> None:
    until(lambda: len(rows(folder, 1)) > 3, seconds=START_S)
    victim = int(lines(folder, 1)[0])
    os.kill(victim, signal.SIGKILL)
    os.kill(int(lines(folder, 0)[0]), signal.SIGTERM)  # as torchrun does, but before rank 0 can have heard of the death
    until(lambda: isinstance(stored(folder / "loop-1")[-1], RunEnded))
    end = stored(folder / "loop-1")[-1]
    assert isinstance(end, RunEnded)
    assert (end.reason, end.detail) == ("failed", f"rank 1 (process {victim}) died")


def require_the_same_in_both(folder: Path) -> None:
    run = folder / "loop-1"
    until(lambda: len(rows(folder, 1)) > 3, seconds=START_S)
    described = stored(run)[0]
    assert isinstance(described, RunDescribed) and {"stop", "change"} <= {*described.commands}
    assert isinstance(ask(run, ChangeSettings(lr_times=0.5, weight_decay=0.0)), Accepted)
    assert isinstance(ask(run, ChangeSettings(lr_times=-1.0)), Refused)
    assert isinstance(ask(run, Pause()), Accepted)
    until(lambda: any(isinstance(event, RunPaused) for event in stored(run)))
    held = [len(rows(folder, rank)) for rank in (0, 1)]
    time.sleep(0.2)
    assert [len(rows(folder, rank)) for rank in (0, 1)] == held
    assert isinstance(ask(run, Resume()), Accepted)
    until(lambda: {"slowest_rank", "rank_time_max", "rank_time_median"} <= numbers(run))
    assert isinstance(ask(run, Stop()), Accepted)
    until(lambda: lines(folder, 0)[-1] == lines(folder, 1)[-1] == "stopped")
    assert rows(folder, 0) == rows(folder, 1)
    changed = next(event for event in stored(run) if isinstance(event, SettingsChanged))
    lrs = {step: lr for step, lr, _ in rows(folder, 1)}
    assert lrs[changed.step - 1] == pytest.approx(0.1, rel=0.01) != lrs[changed.step]


def numbers(run: Path) -> set[str]:
    """Names of what was recorded with the steps and is no metric of ours."""
    events = [event for event in stored(run) if isinstance(event, StepFinished)]
    return {name for event in events if isinstance(event.others, dict) for name in event.others}


def lines(folder: Path, rank: int) -> list[str]:
    path = folder / f"rank-{rank}"
    return path.read_text().splitlines() if path.exists() else []


def rows(folder: Path, rank: int) -> list[tuple[int, float, float]]:
    """Step, the lr that its update had, and a weight after it."""
    found = [line.split() for line in lines(folder, rank)[1:] if line.count(" ") == 2]
    return [(int(step), float(lr), float(weight)) for step, lr, weight in found]
