"""Runs and logs as series with their diagnosis, for what is plotted and exported."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...engine.config import RunConfig
from ...engine.diagnostics.report import Reporter
from ...engine.diagnostics.row import Row
from ...engine.diagnostics.run_statistics import RunFacts
from ...engine.events import (
    AnyEvent,
    Evaluated,
    RunDescribed,
    RunStarted,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
)
from ...engine.export.run_series import RunSeries, Series
from ...engine.metrics import step_values
from ...engine.readers.log import open_log
from ...engine.readers.source import ReadError
from ...engine.storage.event_log import first_events, surviving_events
from ...engine.storage.run_folder import CONFIG, EVENTS
from ...engine.storage.run_store import read_config, run_description
from ...engine.vocabulary import CHANCE_LOSS
from .diagnose import log_origin


def collected(names: Sequence[str], runs: Path, given: Mapping[str, str] | None = None) -> list[RunSeries]:
    """The runs in all of these, in order. ReadError, StoreError or ConfigError where one cannot be read."""
    return [run for name in names for run in _runs_in(name, log_origin(name, runs), given or {})]


def _runs_in(name: str, origin: Path, given: Mapping[str, str]) -> Iterator[RunSeries]:
    if (origin / EVENTS).is_file() and ((origin / CONFIG).is_file() or run_description(origin)):
        yield _own_run(origin)
        return
    with closing(open_log(name, origin, given)) as log:
        facts, signals = log.facts, tuple(log.columns)
        found: dict[str, _Collection] = {}
        for run, row in log.rows(losses=True):
            if run not in found:
                found[run] = _Collection(Reporter(facts, signals=signals))
            found[run].add(row)
    if not found:
        raise ReadError(f"{name}: no entry has both a step and a loss; name them: --map step=NAME --map loss=NAME")
    for run, collection in found.items():
        yield collection.as_series(f"{Path(name).name} {run}".strip(), "")


@dataclass
class _Collection:
    reporter: Reporter
    points: dict[str, dict[int, float]] = field(default_factory=dict)
    changes: list[tuple[int, str]] = field(default_factory=list)
    samples: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.reporter.observe(row)
        self.note(row.step, row.values)

    def note(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.points.setdefault(name, {})[step] = float(value)

    def observe(self, event: AnyEvent) -> None:
        self.reporter.observe_event(event)
        match event:
            case StepFinished():
                self.note(event.step, step_values(event))
                self.note(event.step, event.others if isinstance(event.others, dict) else {})
            case Evaluated():
                self.note(event.step, {"val_loss": event.val_loss})
            case SettingsChanged():
                self.changes.append((event.step, event.summary))
            case SampleGenerated():
                self.samples.append((event.step, event.text))
            case _:
                pass

    def as_series(
        self,
        name: str,
        title: str,
        *,
        chance_loss: float | None = None,
        settings: Iterable[tuple[str, object]] = (),
    ) -> RunSeries:
        return RunSeries(
            name=name,
            title=title,
            series={metric: Series.of(points) for metric, points in self.points.items()},
            report=self.reporter.report(),
            chance_loss=chance_loss,
            settings=dict(settings),
            changes=self.changes,
            samples=self.samples,
        )


def _own_run(folder: Path) -> RunSeries:
    """A run folder holds more than rows: settings, live changes and samples."""
    described = run_description(folder)
    if described is not None:
        return _attached_run(folder, described)
    config = read_config(folder)
    collection = _folded(folder, Reporter(config=config))
    return collection.as_series(folder.name, config.title, chance_loss=CHANCE_LOSS, settings=_flat(config))


def _attached_run(folder: Path, described: RunDescribed) -> RunSeries:
    steps = next((event.steps for event in first_events(folder) if isinstance(event, RunStarted)), None)
    collection = _folded(folder, Reporter(RunFacts(steps=steps, chance=described.chance_loss)))
    return collection.as_series(
        folder.name, described.title, chance_loss=described.chance_loss, settings=described.settings.items()
    )


def _folded(folder: Path, reporter: Reporter) -> _Collection:
    collection = _Collection(reporter)
    for event in surviving_events(folder, sys.maxsize):
        collection.observe(event)
    return collection


def _flat(config: RunConfig) -> Iterator[tuple[str, object]]:
    """As in config.toml, without what is about the lesson."""
    for section, values in asdict(config).items():
        if isinstance(values, dict) and section not in ("lesson", "fault"):
            yield from ((f"{section}.{key}", value) for key, value in values.items())
