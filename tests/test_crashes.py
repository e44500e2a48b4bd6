"""The tiny GPT in its own process, killed again and again: nothing told is lost, and the losses are the same."""

import os
import random
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tinygpt_tui.engine.client.live_run import LiveRun
from tinygpt_tui.engine.client.opening import start
from tinygpt_tui.engine.config import DataConfig, RunConfig, StorageConfig
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.events import (
    Accepted,
    AnyEvent,
    ChangeSettings,
    PreparationBegan,
    RunEnded,
    RunStarted,
    SettingsChanged,
    StepFinished,
    Stop,
)
from tinygpt_tui.engine.storage.event_log import all_events, surviving_events
from tinygpt_tui.engine.storage.run_folder import CHECKPOINTS, EVENTS, find_worker
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.storage.run_summary import summarise
from tinygpt_tui.engine.training.trainer import Trainer

from .fatal_worker import MOMENTS, fatal_worker
from .texts import TEXT, small_config

KILLS = int(os.environ.get("TINYGPT_TUI_KILLS", "2"))
"""The figure in tests/bench/README.md is for 30; each costs an import of torch."""
CHANGES = (ChangeSettings(lr_times=0.5, dropout=0.2), ChangeSettings(batch=3, accumulation=2))


def crowded_config(folder: Path) -> RunConfig:
    """Most of its time goes into checkpoints, so that many a kill hits one."""
    text = folder / "text.py"
    text.write_bytes(TEXT)
    config = small_config(steps=1_000_000)
    return replace(config, data=DataConfig(path=str(text)), storage=StorageConfig(checkpoint_every=3))


async def live_and_die(live: LiveRun, run: Path, steps: int, change: ChangeSettings | None) -> list[AnyEvent]:
    """Everything a client was told until it killed the worker, `steps` steps after this life of the run began."""
    told: list[AnyEvent] = []
    worker = find_worker(run)
    assert worker is not None
    began: int | None = None
    async for batch in live.batches():
        told += batch
        began = next((e.step for e in batch if isinstance(e, RunStarted) and e.pid == worker.pid), began)
        if began is None:
            continue  # this was told by an earlier life
        if change:
            assert isinstance(await live.send(change), Accepted)
            change = None
        if any(isinstance(event, StepFinished) and event.step >= began + steps for event in batch):
            os.kill(worker.pid, signal.SIGKILL)
    await live.close()
    return told


async def die_in(moment: str, run: Path) -> list[AnyEvent]:
    """Everything a client was told until the worker was killed in the middle of something, which can be seen."""
    live = await start(run, fatal_worker(moment))
    told = [event async for batch in live.batches() for event in batch]
    assert await live.exit_status() == -signal.SIGKILL
    await live.close()
    torn = {path.name: {file.name for file in path.iterdir()} for path in (run / CHECKPOINTS).glob(".partial-*")}
    is_cut = not (run / EVENTS).read_bytes().endswith(b"\n")
    assert (is_cut, bool(torn)) == (moment == "append", moment not in ("append", "note"))
    return told


def assert_nothing_is_lost(run: Path, told: list[AnyEvent]) -> None:
    """The run opens, what a client was told is stored, and no second before the death is missing."""
    died = time.time()
    *rows, end = told
    assert isinstance(end, RunEnded) and end.reason == "died"  # the client's own word
    stored = {event.seq: event for event in all_events(run)}
    assert sorted(stored) == list(range(len(stored)))
    for event in rows:
        if isinstance(event, PreparationBegan):
            continue  # the one thing that is told and not stored
        assert repr(stored[event.seq]) == repr(event)
    assert stored[len(stored) - 1].time > died - 1
    assert summarise(run).state == "interrupted"


async def test_a_run_killed_at_random_and_at_the_worst_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    run = create(tmp_path / "runs", crowded_config(tmp_path), "crash", datetime.now(UTC))
    chance = random.Random(0)
    for kill in range(KILLS):
        change = CHANGES[kill] if kill < len(CHANGES) else None
        assert_nothing_is_lost(run, await live_and_die(await start(run), run, chance.randrange(1, 60), change))
    for moment in MOMENTS:
        assert_nothing_is_lost(run, await die_in(moment, run))

    live = await start(run)
    async for batch in live.batches():
        if any(isinstance(event, StepFinished) for event in batch):
            await live.send(Stop())
    assert await live.exit_status() == 0
    await live.close()

    lives = [event for event in all_events(run) if isinstance(event, RunStarted)]
    assert len(lives) == KILLS + len(MOMENTS) + 1
    assert not list((run / CHECKPOINTS).glob(".*"))
    survived = list(surviving_events(run, 1_000_000))
    assert losses(survived) == undisturbed(crowded_config(tmp_path), survived)


def losses(events: list[AnyEvent]) -> dict[int, float | None]:
    return {event.step: event.loss for event in events if isinstance(event, StepFinished)}


def undisturbed(config: RunConfig, survived: list[AnyEvent]) -> dict[int, float | None]:
    """The same run with the same changes, in one go."""
    changes = {event.step: event for event in survived if isinstance(event, SettingsChanged)}
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    events: list[AnyEvent] = []
    while trainer.step < max(losses(survived)):
        if trainer.step in changes and (settings := changes[trainer.step].settings):  # also before the first step
            trainer.apply(settings)
        events += [event for event in trainer.advance() if isinstance(event, StepFinished)]
    return losses(events)
