"""Runs that nobody keeps leave nothing behind: no worker, no folder, whenever they are given up."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tinygpt_tui.engine.config import ConfigError, DataConfig, RunConfig, TrainingConfig
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.tui.exercises.temporary_runs import TemporaryRuns, views
from tinygpt_tui.tui.navigation import RunDestination
from tinygpt_tui.tui.open_run import open_run

from .screen_text import PATIENCE_S
from .scripted_run import ScriptedRun, finished_run


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    text = tmp_path / "text.py"
    text.write_text("def f(x):\n    return x\n" * 400)
    training = TrainingConfig(steps=100_000, device="cpu", precision="fp32", threads=1, compile=False)
    return RunConfig(title="Rehearsed", data=DataConfig(path=str(text)), training=training)


async def test_a_real_run_is_watched_and_nothing_of_it_is_left(config: RunConfig) -> None:
    temporary_runs = TemporaryRuns(open_run)
    run = await temporary_runs.start(config)
    async for view in views(run):
        if view.step >= 3:
            break
    assert run.path is not None and find_worker(run.path)
    temporary_runs.discard(run)
    await temporary_runs.close()
    assert not run.path.exists() and not run.path.parent.exists()


OPENS_AND_DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.tui.open_run import open_run
from tinygpt_tui.tui.exercises.temporary_runs import TemporaryRuns

async def main():
    if sys.argv[2] == "SIGHUP":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup has ignored
    run = await TemporaryRuns(open_run).start(RunConfig.from_toml(Path(sys.argv[1])))
    print(run.path, flush=True)
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["SIGKILL", "SIGHUP"])
async def test_nothing_is_left_of_a_run_whose_screen_is_killed(config: RunConfig, tmp_path: Path, how: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(config.to_toml())
    said = subprocess.run([sys.executable, "-c", OPENS_AND_DIES, file, how], stdout=subprocess.PIPE, text=True)
    assert said.returncode == -getattr(signal, how)
    folder = Path(said.stdout.strip()).parent
    assert folder.name.startswith("tinygpt-tui-")
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(folder.exists):
            pass


async def test_a_run_that_is_given_up_while_it_starts_is_ended_too() -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()
    run = finished_run([1.0])

    async def slow(destination: RunDestination, runs: Path) -> ScriptedRun:
        began.set()
        await goes_on.wait()
        return run

    temporary_runs = TemporaryRuns(slow)
    starting = asyncio.create_task(temporary_runs.start(RunConfig()))
    await began.wait()
    starting.cancel()
    goes_on.set()
    await temporary_runs.close()
    assert run.is_closed and starting.cancelled()


async def test_closing_ends_a_run_that_nobody_discarded() -> None:
    run = finished_run([1.0])

    async def given(destination: RunDestination, runs: Path) -> ScriptedRun:
        return run

    temporary_runs = TemporaryRuns(given)
    await temporary_runs.start(RunConfig())
    await temporary_runs.close()
    assert run.is_closed


async def test_a_run_that_cannot_be_opened_says_why(config: RunConfig) -> None:
    async def refused(destination: RunDestination, runs: Path) -> ScriptedRun:
        raise ConfigError("no")

    temporary_runs = TemporaryRuns(refused)
    with pytest.raises(ConfigError, match="no"):
        await temporary_runs.start(replace(config, title="x"))
    await temporary_runs.close()


async def test_the_last_view_is_the_whole_run() -> None:
    seen = [view.step async for view in views(finished_run([3.0] * 40))]
    assert seen[0] == 0 and seen[-1] == 40
