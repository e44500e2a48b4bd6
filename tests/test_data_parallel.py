"""Training in several processes: the same losses as in one, nothing left behind, and nobody outside can connect."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from tinygpt_tui.engine.client.live_run import LiveRun
from tinygpt_tui.engine.client.opening import start
from tinygpt_tui.engine.config import ConfigError
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.events import (
    Accepted,
    ChangeSettings,
    Event,
    Pause,
    Resume,
    RunEnded,
    StepFinished,
    TakeSteps,
)
from tinygpt_tui.engine.experiments.journal import Journal
from tinygpt_tui.engine.lesson_origin import settings_of_ones_own
from tinygpt_tui.engine.presets import find_preset
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.engine.storage.run_store import create, read_config
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.parallel.other_processes import require_devices
from tinygpt_tui.engine.training.retrace import retrace
from tinygpt_tui.engine.training.shares import split
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.tui.cli.checkpoint_commands import resumed_config
from tinygpt_tui.tui.cli.main import run_command

from .test_worker import is_step, until
from .texts import TEXT, small_config, small_corpus

ENDLESS = 1_000_000
ROUNDING = 2e-6
"""Relative. A step adds the same numbers in another order, which moves a sum by 2^-24 of it, and Adam carries that on.
Rows that are left out, counted twice or weighted wrongly make a difference of 1e-2 and more."""


def losses(events: Iterable[object]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepFinished) and event.loss is not None]


def trained(trainer: Trainer, steps: int) -> list[Event]:
    return [event for _ in range(steps) for event in trainer.advance()]


@pytest.mark.parametrize(
    "training", [{"batch": 4}, {"batch": 5, "processes": 3, "accumulation": 2}, {"batch": 4, "precision": "bf16"}]
)
def test_the_losses_are_those_of_one_process(training: dict[str, object]) -> None:
    shared = Trainer(small_config(**{"processes": 2, **training}), small_corpus())
    alone = Trainer(small_config(**{**training, "processes": 1}), small_corpus())
    tolerance = 1e-3 if training.get("precision") == "bf16" else ROUNDING  # which has 8 bits
    assert losses(trained(shared, 40)) == pytest.approx(losses(trained(alone, 40)), rel=tolerance)


def test_rows_are_shared_evenly_and_weighted_by_their_number() -> None:
    tokens_BT = torch.arange(20).view(5, 4)
    shares = split((tokens_BT, tokens_BT), 3, batches=2)
    assert [len(share.rows[0]) for share in shares] == [2, 2, 1]
    assert sum(1 / share.divisor for share in shares) == pytest.approx(1 / 2)  # of two batches this is one
    assert [len(share.rows[0]) for share in split((tokens_BT[:1], tokens_BT[:1]), 2, batches=1)] == [1, 0]


def new_run(folder: Path, **changes: object) -> Path:
    (folder / "text.py").write_bytes(TEXT)
    changes = {key if "." in key else f"training.{key}": value for key, value in changes.items()}
    given = {"data.path": str(folder / "text.py"), "training.steps": ENDLESS}
    config = small_config().with_changes({**given, **changes})
    return create(folder / "runs", config, "mine", datetime.now(UTC))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_s(pid: int) -> float:
    """Used by a process so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def listening(pid: int) -> set[str]:
    """Addresses at which a process takes TCP connections, as the system writes them."""
    held = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
        found |= {row[1].rpartition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held}
    return found


@asynccontextmanager
async def training_in_worker(run: Path) -> AsyncIterator[tuple[LiveRun, int]]:
    """A run, and the pid of its first process, which is gone afterwards."""
    live = await start(run)
    worker = find_worker(run)
    assert worker is not None
    try:
        yield live, worker.pid
    finally:
        if find_worker(run):
            os.kill(worker.pid, signal.SIGKILL)
        await live.exit_status()
        await live.close()


LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


CHANGE = ChangeSettings(dropout=0.1, batch=4, accumulation=1)


async def test_real_processes_compute_the_same_bits_and_a_death_ends_the_run_with_a_checkpoint(tmp_path: Path) -> None:
    """With dropout, rows left over, several batches a step, a fault, a pause and a change: one start of processes."""
    run = new_run(tmp_path, processes=3, batch=5, accumulation=2, **{"model.dropout": 0.2, "fault.frozen_from": 90})
    async with training_in_worker(run) as (live, pid):
        await until(live, is_step(5))
        await live.send(Pause())
        others = children(pid)
        before = sum(map(cpu_s, (pid, *others)))
        await asyncio.sleep(0.5)
        assert sum(map(cpu_s, (pid, *others))) - before < 0.1  # one that spins would use 0.5
        assert all(listening(each) <= LOOPBACK for each in (pid, *others)) and listening(others[0])
        changed = await live.send(CHANGE)
        assert isinstance(changed, Accepted)
        await live.send(TakeSteps(count=5))
        await until(live, is_step(changed.step + 5))
        os.kill(others[1], signal.SIGKILL)
        await live.send(Resume())
        assert await live.exit_status() == 1
    *events, end = all_events(run)
    assert isinstance(end, RunEnded) and (end.reason, end.step) == ("failed", changed.step + 5)
    assert end.detail.startswith(f"process 3 of 3 (pid {others[1]}) was killed by SIGKILL")
    config = read_config(run)
    corpus = load_corpus(config.data, context=config.model.context)
    goes_on = Trainer(config, corpus)
    assert Checkpoints(run / "checkpoints", goes_on, config.storage).restore_latest() and goes_on.step == end.step
    later = losses(trained(goes_on, 3))
    in_turn = Trainer(config, corpus)
    expected = losses(trained(in_turn, changed.step))
    in_turn.change(CHANGE)
    assert losses(events) + later == expected + losses(trained(in_turn, 8))


async def test_the_others_go_when_the_first_process_is_killed(tmp_path: Path) -> None:
    run = new_run(tmp_path, processes=2)
    async with training_in_worker(run) as (live, pid):
        await until(live, is_step(5))
        others = children(pid)
        assert len(others) == 1
        os.kill(pid, signal.SIGKILL)
        await live.exit_status()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{other}").exists() for other in others) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not any(Path(f"/proc/{other}").exists() for other in others)
    assert not [*run.glob(".processes-*")]


def test_more_processes_than_rows_or_gpus_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "baseline", "--processes", "5", "--runs", str(tmp_path / "runs")]) == 2
    words = "--processes 5: training.processes = 5 must be at most training.batch = 4, whose rows they share"
    assert words in capsys.readouterr().err and not (tmp_path / "runs").exists()
    with pytest.raises(ConfigError, match="needs a GPU each"):
        require_devices("cuda", torch.cuda.device_count() + 1)


def test_a_run_that_went_on_in_another_number_of_processes_is_computed_again_to_the_bit() -> None:
    config = small_config(batch=5, processes=3)
    went_on = Trainer(config, small_corpus())
    expected = losses(trained(went_on, 4))
    went_on.gradients.compute_in_turn(1)
    expected += losses(trained(went_on, 4))
    past = Journal(changes=[], planned_steps=[], processes=[(0, 3, 1), (4, 1, 1)])
    now_alone = Trainer(small_config(batch=5), small_corpus())
    assert losses(event for events in retrace(now_alone, past, 8) for event in events) == expected


def test_a_run_goes_on_in_another_number_of_processes_with_threads_chosen_anew() -> None:
    config = small_config(batch=4, processes=2, threads=3)
    training = resumed_config(config, None, "4").training
    assert (training.processes, training.threads, training.cores) == (4, "auto", 4)
    assert resumed_config(config, "90", None).training == replace(config.training, steps=90)
    with pytest.raises(ConfigError, match=r"^--processes 5: training\.processes = 5 must be at most"):
        resumed_config(config, None, "5")


def test_a_lesson_holds_for_any_number_of_processes() -> None:
    baseline = find_preset("baseline")[1]
    assert settings_of_ones_own(baseline.with_changes({"training.processes": 2})) == {}
    assert settings_of_ones_own(baseline.with_changes({"training.batch": 8})) != {}
