"""What was found while a run trained is what is found in its folder, and in the same numbers as a table."""

import csv
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import pytest

from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis, row_of
from tinygpt_tui.engine.events import AnyEvent, Evaluated, FindingOpened, FindingUpdated, RunEnded, StepFinished
from tinygpt_tui.engine.fault_config import FaultConfig
from tinygpt_tui.engine.hosting.host import Host
from tinygpt_tui.engine.hosting.interfaces import Hosted
from tinygpt_tui.engine.schedule import ScheduleConfig
from tinygpt_tui.engine.storage.event_log import EventLog, all_events
from tinygpt_tui.engine.storage.run_folder import CHECKPOINTS
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.tui.cli.diagnose import diagnose_log

from .texts import small_config, small_corpus

Found = list[tuple[str, int, int, str]]
"""Kind, onset, the step at which it was known, and the evidence at the end."""


@pytest.fixture(
    params=[FaultConfig(nan_step=30), FaultConfig(frozen_from=20), FaultConfig()], ids=["nan", "frozen", "none"]
)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A whole run, hosted as a worker hosts it."""
    schedule = ScheduleConfig(lr=0.01, min_lr=0.001, warmup_steps=5)
    config = replace(small_config(steps=120), schedule=schedule, fault=request.param)
    trainer = Trainer(config, small_corpus())
    folder = create(tmp_path / "runs", config, None, datetime.now(UTC))
    saver = Checkpoints(folder / CHECKPOINTS, trainer, config.storage)
    with closing(EventLog(folder)) as log:
        end = Host(Hosted(loop=trainer, saver=saver, diagnosis=Diagnosis(config)), log, SimpleQueue(), print).run()
    assert end.reason == "finished"
    return folder


def told(events: Iterable[AnyEvent]) -> Found:
    stored = [*events]
    evidence = {event.id: event.evidence for event in stored if isinstance(event, FindingOpened | FindingUpdated)}
    return [(e.kind, e.onset, e.step, evidence[e.id]) for e in stored if isinstance(e, FindingOpened)]


def found_in(name: str, runs: Path) -> Found:
    (own,) = diagnose_log(name, runs, {}).runs.values()
    return [(each.kind, each.onset, each.detected, each.evidence) for each in own.report.findings]


def test_a_folder_is_diagnosed_as_the_run_was_while_it_trained(run: Path) -> None:
    assert found_in(str(run), run.parent) == told(all_events(run))
    assert isinstance([*all_events(run)][-1], RunEnded)


def test_alarms_need_nothing_but_the_numbers(run: Path) -> None:
    live = [kind for kind, *_ in told(all_events(run)) if kind in ("nan", "vanishing_gradients", "stall")]
    table = run.parent / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss", "val_loss", "lr", "grad_norm"], extrasaction="ignore")
        writer.writeheader()
        for event in all_events(run):
            match event:
                case StepFinished():
                    writer.writerow({"step": event.step, **row_of(event).values})
                case Evaluated():
                    writer.writerow({"step": event.step, "val_loss": event.val_loss})
                case _:
                    continue

    found = [kind for kind, *_ in found_in(str(table), run.parent)]
    assert [kind for kind in found if kind in ("nan", "vanishing_gradients", "stall")] == live
