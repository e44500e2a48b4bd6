"""Diagnoses logs: each is read once, as a stream, and each of its runs is diagnosed by itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import TextIO, cast

import click

from ...engine.config import ConfigError
from ...engine.diagnostics.diagnosis import row_of
from ...engine.diagnostics.further_losses import FurtherLosses
from ...engine.diagnostics.report import Finding, Report, Reporter
from ...engine.diagnostics.row import Row
from ...engine.diagnostics.run_statistics import RunFacts
from ...engine.events import AnyEvent, Evaluated, RunStarted, StepFinished
from ...engine.following.chosen_run import no_such_run
from ...engine.readers.log import Log, open_log
from ...engine.readers.source import ReadError
from ...engine.storage.event_log import first_events, line_count, surviving_events
from ...engine.storage.run_folder import CONFIG, EVENTS, StoreError
from ...engine.storage.run_store import read_config, run_description
from ..plots.sketch import Sketch
from ..text import visible
from .log_arguments import log_origin
from .options import PROGRAM
from .piped_log import kept_input
from .progress_line import ReadingProgress

STANDARD_INPUT = "-"
SKETCHED = ("loss", "val_loss", "reward")
_MOST_RUNS = 256
"""In one log; each is kept in memory until the log ends."""


@dataclass(kw_only=True)
class RunDiagnosis:
    """The diagnosis of one run, and its curves, while the log is read."""

    reporter: Reporter
    further: FurtherLosses | None = None
    """The log's other losses, where it has any."""
    telling: frozenset[str] = frozenset()
    """Metrics without which a row of such a log is not looked at."""
    curves: Mapping[str, Sketch] = field(default_factory=lambda: {name: Sketch() for name in SKETCHED})
    first: int = -1
    last: int = -1

    @property
    def report(self) -> Report:
        report = self.reporter.report()
        if self.further is None:
            return report
        known = frozenset(finding.kind for finding in report.findings if finding.severity != "info")
        return replace(report, findings=(*report.findings, *self.further.findings(known)))

    def observe(self, row: Row) -> None:
        if self.further is not None:
            self.further.observe(row)
            values = {name: value for name, value in row.values.items() if name not in self.further.columns}
            if self.telling.isdisjoint(values):
                return
            row = Row(row.step, values, row.resumed)
        self.reporter.observe(row)
        if self.first < 0:
            self.first = row.step
        self.last = row.step
        values = row.values
        for name, curve in self.curves.items():
            if name in values:
                curve.add(row.step, values[name])


@dataclass(frozen=True, kw_only=True)
class LogDiagnosis:
    log: Log
    runs: Mapping[str, RunDiagnosis]
    """By name; a log that holds one run may give it none."""


AsText = Callable[[LogDiagnosis], str]


def diagnose_logs(
    names: Sequence[str],
    runs: Path,
    as_text: AsText,
    *,
    given: Mapping[str, str],
    fail_on: frozenset[str],
    pass_on: TextIO | None,
    chosen: Sequence[str] = (),
) -> int:
    """Prints the diagnosis of each log as soon as it is read, and returns the exit status.

    Of a log that holds several runs those that are `chosen`, or all.

    It is 2 if a log could not be read, otherwise 1 if a log has a finding of `fail_on`, otherwise 0. What comes from
    standard input is written to `pass_on`. 130 after Ctrl-C, which ends with the diagnosis of what was read by then.
    """
    status = 0
    progress = ReadingProgress(keeps=True)
    for name in names:
        try:
            if name == STANDARD_INPUT:
                diagnosis = _diagnose_input(runs, given, fail_on, pass_on, chosen)
            else:
                diagnosis = diagnose_log(name, runs, given, chosen=chosen, progress=progress)
        except (ReadError, StoreError) as error:
            click.echo(f"{PROGRAM}: {visible(str(error))}", err=True)
            status = 2
            continue
        click.echo(as_text(diagnosis), color=False if os.environ.get("NO_COLOR") else None)
        if progress.ended_early:
            click.echo(f"{PROGRAM}: {progress.ended_early[0]}", err=True)
            return 130
        if status == 0 and fail_on & raised(diagnosis):
            status = 1
    return status


def diagnose_log(
    name: str,
    runs: Path,
    given: Mapping[str, str],
    file: Path | None = None,
    *,
    chosen: Sequence[str] = (),
    progress: ReadingProgress | None = None,
) -> LogDiagnosis:
    """The diagnosis of the run or the log of that name, or of a file that is called so.

    Raises ReadError or StoreError where there is no such log, nothing in it is one, or it lacks a run that is `chosen`.
    """
    origin = file or log_origin(name, runs)
    with closing(open_log(name, origin, given)) as log:
        own = _own_run(origin, progress) if log.format == "run folder" else None
        return LogDiagnosis(log=log, runs={"": own} if own else _runs_in(log, chosen, progress))


def _diagnose_input(
    runs: Path, given: Mapping[str, str], fail_on: frozenset[str], pass_on: TextIO | None, chosen: Sequence[str]
) -> LogDiagnosis:
    """The diagnosis of what comes before the input ends, or Ctrl-C. Failures are printed to stderr when found."""
    printed: set[tuple[str, str, int]] = set()
    wanted = fail_on | {"failure"}

    def print_failures(file: Path) -> None:
        with suppress(ReadError, StoreError):  # as long as nothing in it is a log
            for run, found in diagnose_log(STANDARD_INPUT, runs, given, file).runs.items():
                for finding in found.reporter.found_so_far:
                    key = (run, finding.kind, finding.onset)
                    if key not in printed and {finding.kind, finding.severity} & wanted:
                        printed.add(key)
                        click.echo(_alert(finding), err=True)

    pass_on = None if sys.stdin.isatty() else pass_on  # which has echoed what was typed
    with kept_input(cast("BufferedReader", sys.stdin.buffer), pass_on, print_failures) as file:
        return diagnose_log(STANDARD_INPUT, runs, given, file, chosen=chosen)


def _alert(finding: Finding) -> str:
    words = f"{finding.title or finding.kind} since step {finding.onset}, known at step {finding.detected}"
    return f"{PROGRAM}: {finding.severity}: {visible(words)}: {visible(finding.evidence)}"


def _runs_in(log: Log, chosen: Sequence[str], progress: ReadingProgress | None) -> dict[str, RunDiagnosis]:
    facts, signals, roles = log.facts, tuple(log.columns), log.roles
    found: dict[str, RunDiagnosis] = {}
    others: dict[str, None] = {}
    rows = log.rows(losses=bool(roles))
    if progress is not None:
        rows = progress.rows(rows, f"diagnosing {log.file}", lambda _: log.share_read)
    for run, row in rows:
        if chosen and run not in chosen:
            others[run] = None
            continue
        diagnosis = found.get(run)
        if diagnosis is None:
            if len(found) == _MOST_RUNS:
                raise ReadError(f"{log.file}: holds more than {_MOST_RUNS} runs; diagnose it in parts")
            further = FurtherLosses(roles, facts) if roles else None
            reporter = Reporter(facts, signals=signals)
            diagnosis = found[run] = RunDiagnosis(reporter=reporter, further=further, telling=log.plan.telling)
        diagnosis.observe(row)
    if progress is not None and progress.ended_early:
        if not found:
            raise KeyboardInterrupt
        return found
    if missing := [run for run in chosen if run not in found]:
        raise ReadError(no_such_run(log.file, missing[0], [*found, *others]))
    if not found:
        raise ReadError(f"{log.file}: no entry has both a step and a loss; name them: --map step=NAME --map loss=NAME")
    return found


def raised(diagnosis: LogDiagnosis) -> set[str]:
    """Kinds and severities of what was found; a failure is a warning too."""
    findings = [finding for run in diagnosis.runs.values() for finding in run.report.findings]
    severities = {finding.severity for finding in findings}
    return {finding.kind for finding in findings} | severities | ({"warning"} if "failure" in severities else set())


def own_reporter(folder: Path) -> Reporter | None:
    """By the settings of a run folder, or by what an attached loop says of itself; None where it has neither."""
    if not (folder / EVENTS).is_file():
        return None
    if described := run_description(folder):
        steps = next((event.steps for event in first_events(folder) if isinstance(event, RunStarted)), None)
        return Reporter(RunFacts(steps=steps, chance=described.chance_loss))
    if not (folder / CONFIG).is_file():
        return None
    try:
        return Reporter(config=read_config(folder))
    except ConfigError:
        return None  # the numbers are a log all the same


def told_events(folder: Path, what: str, progress: ReadingProgress | None) -> Iterator[AnyEvent]:
    """The events of a run that count."""
    events = surviving_events(folder, sys.maxsize)
    if progress is None:
        return events
    stored = line_count(folder)
    return progress.rows(events, f"{what} {folder.name}", lambda count: count / stored)


def _own_run(folder: Path, progress: ReadingProgress | None) -> RunDiagnosis | None:
    """The diagnosis of a run folder, from its events: unlike rows they hold settings, layers and changes."""
    reporter = own_reporter(folder)
    if reporter is None:
        return None
    own = RunDiagnosis(reporter=reporter)
    for event in told_events(folder, "diagnosing", progress):
        match event:
            case StepFinished():
                own.observe(row_of(event))
            case Evaluated():
                own.observe(Row(event.step, {"val_loss": event.val_loss}))
            case _:
                own.reporter.observe_event(event)
    return own
