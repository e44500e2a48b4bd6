"""Runs and logs as series with their diagnosis, for what is plotted and exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ...engine.config import ConfigError, RunConfig
from ...engine.diagnostics.report import Report
from ...engine.events import AnyEvent, Evaluated, RunDescribed, SampleGenerated, SettingsChanged, StepFinished
from ...engine.export.run_series import RunSeries, Series
from ...engine.following.log_reading import WholeReading
from ...engine.metrics import step_values
from ...engine.readers.log import open_log
from ...engine.readers.settings import settings_of
from ...engine.readers.step_columns import StepColumns
from ...engine.storage.run_folder import EVENTS
from ...engine.storage.run_store import read_config, run_description
from ...engine.vocabulary import CHANCE_LOSS
from ..comparison.followed_run import flat_settings
from .diagnose import diagnose_log, told_events
from .log_arguments import log_origin
from .progress_line import ReadingProgress


def collected(
    names: Sequence[str],
    runs: Path,
    given: Mapping[str, str] | None = None,
    chosen: Sequence[str] = (),
    progress: ReadingProgress | None = None,
) -> list[RunSeries]:
    """The runs in all of these, in order; of a log that holds several those that are `chosen`, or all.

    ReadError or StoreError where one cannot be read.
    """
    return [run for name in names for run in _runs_in(name, runs, given or {}, chosen, progress)]


def _runs_in(
    name: str, runs: Path, given: Mapping[str, str], chosen: Sequence[str], progress: ReadingProgress | None
) -> Iterator[RunSeries]:
    origin = log_origin(name, runs)
    diagnosis = diagnose_log(name, runs, given, chosen=chosen, progress=progress)
    reports = {run: found.report for run, found in diagnosis.runs.items()}
    about = _about(origin) if (origin / EVENTS).is_file() else None
    if about is not None:
        yield _own_run(origin, about, reports[""], progress)
        return
    pieces: dict[str, list[StepColumns]] = {}
    with closing(open_log(name, origin, given)) as log:
        placed = WholeReading(log, origin).read()
        if progress is not None:
            placed = progress.rows(
                placed, f"reading {name}", lambda _: log.share_read, length=lambda each: len(each[1])
            )
        for run, columns in placed:
            pieces.setdefault(run, []).append(columns)
        settings = {run: settings_of(log, origin, run) for run in reports}
    for run, report in reports.items():
        yield RunSeries(
            name=f"{Path(name).name} {run}".strip(),
            title="",
            series=_columns(pieces.get(run, [])),
            report=report,
            settings=settings[run],
        )


def _columns(pieces: Sequence[StepColumns]) -> dict[str, Series]:
    """Every metric of a log, the known ones under their canonical names."""
    names = dict.fromkeys(name for piece in pieces for name in piece.columns)
    return {name: Series.of_columns(pieces, name) for name in names}


def _about(folder: Path) -> RunConfig | RunDescribed | None:
    """None where a folder tells nothing of its run, so that its numbers are a log like any other."""
    try:
        return run_description(folder) or read_config(folder)
    except ConfigError:
        return None


@dataclass
class _Events:
    """What a run folder holds besides rows: numbers by any name, live changes and samples."""

    points: dict[str, dict[int, float]] = field(default_factory=dict)
    changes: list[tuple[int, str]] = field(default_factory=list)
    samples: list[tuple[int, str]] = field(default_factory=list)

    def observe(self, event: AnyEvent) -> None:
        match event:
            case StepFinished():
                self._note(event.step, step_values(event))
                self._note(event.step, event.others if isinstance(event.others, dict) else {})
            case Evaluated():
                self._note(event.step, {"val_loss": event.val_loss})
            case SettingsChanged():
                self.changes.append((event.step, event.summary))
            case SampleGenerated():
                self.samples.append((event.step, event.text))
            case _:
                pass

    def _note(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.points.setdefault(name, {})[step] = float(value)


def _own_run(
    folder: Path, about: RunConfig | RunDescribed, report: Report, progress: ReadingProgress | None
) -> RunSeries:
    events = _Events()
    for event in told_events(folder, "reading", progress):
        events.observe(event)
    is_described = isinstance(about, RunDescribed)
    return RunSeries(
        name=folder.name,
        title=about.title,
        series={metric: Series.of(points) for metric, points in events.points.items()},
        report=report,
        chance_loss=about.chance_loss if is_described else CHANCE_LOSS,
        settings=about.settings if is_described else flat_settings(about),
        changes=events.changes,
        samples=events.samples,
    )
