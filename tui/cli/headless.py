"""Watches a log without a screen: what is found is printed, and a command of the person's is run for it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import cast

import click

from ...engine.arrivals import Arrival, LogRead, Noticed, StartedOver
from ...engine.events import FindingOpened, encode
from ...engine.following.piped_input import PipedInput
from ...engine.following.shown_run import OVER_S, ShownRun
from ...engine.readers.source import ReadError
from ..text import visible
from .options import PROGRAM

_LOOK_S = 0.2
_LISTED = 12
_ALARM_S = 600.0
"""Seconds that the person's command may take."""

Raise = Callable[[FindingOpened], None]


class Alarms:
    """What was found of the kinds that a person asked for; each episode counts once, also when a log is read anew."""

    def __init__(self, wanted: frozenset[str], raise_alarm: Raise) -> None:
        self._wanted = wanted
        self._raise = raise_alarm
        self._known: set[tuple[str, int]] = set()

    @property
    def any(self) -> bool:
        return bool(self._known)

    def look_at(self, arrival: Arrival) -> None:
        if not isinstance(arrival, FindingOpened) or (arrival.kind, arrival.onset) in self._known:
            return
        severities = {arrival.severity} | ({"warning"} if arrival.severity == "failure" else set())
        if self._wanted & {arrival.kind, *severities}:
            self._known.add((arrival.kind, arrival.onset))
            self._raise(arrival)


def watch_headless(
    name: str,
    path: Path,
    given: Mapping[str, str],
    wanted: frozenset[str],
    command: str | None,
    *,
    run: str | None,
    until_end: bool,
    piped: PipedInput | None = None,
) -> int:
    """`piped` is what a program prints, where that is not standard input."""
    if str(path) == "-":
        piped = PipedInput(cast("BufferedReader", sys.stdin.buffer))
    shown = ShownRun(name, piped.path if piped else path, run=run, given=given)
    alarms = Alarms(wanted, lambda finding: _alarm(finding, command))
    try:
        _follow(shown, alarms, piped, run, until_end=until_end)
    except ReadError as error:
        click.echo(f"{PROGRAM}: {visible(str(error))}", err=True)
        return 2
    except KeyboardInterrupt:
        pass
    finally:
        shown.close()
    return int(alarms.any)


def _follow(shown: ShownRun, alarms: Alarms, piped: PipedInput | None, run: str | None, *, until_end: bool) -> None:
    """Returns when the input or the log has ended."""
    names_runs = run is None
    known, changed_at, state = shown.read, time.monotonic(), ""
    while True:
        shown.is_over = shown.is_over or bool(piped and piped.has_ended)
        for line in piped.new_lines() if piped else ():
            click.echo(visible(line))
        for batch in shown.look():
            _tell(batch)
        if (words := _state_words(shown.read)) != state:
            state = words
            click.echo(f"{PROGRAM}: {visible(words)}", err=True)
        if names_runs and len(shown.read.runs) > 1:
            names_runs = False
            _tell_runs(shown.read.runs)
        is_behind = True
        while is_behind:
            found = shown.diagnose_some()
            _tell(found)
            for arrival in found:
                alarms.look_at(arrival)
            is_behind = shown.has_backlog
        if (shown.read.rows, shown.read.written_at) != (known.rows, known.written_at):
            known, changed_at = shown.read, time.monotonic()
        # the clock by which the file was written may be ahead of ours
        still_s = max(time.time() - shown.read.written_at, time.monotonic() - changed_at)
        if shown.is_over or (until_end and still_s > OVER_S):
            return
        time.sleep(_LOOK_S)


def _state_words(read: LogRead) -> str:
    """What there is to be watched, or why there is nothing yet."""
    if read.waiting or not read.format:
        return f"waiting: {read.waiting}" if read.waiting else ""
    return f"watching {read.format}: {', '.join(read.columns) or 'no metric that is known'}"


def _tell_runs(runs: tuple[str, ...]) -> None:
    names = ", ".join(run or "the first" for run in runs[:_LISTED])
    click.echo(f"{PROGRAM}: the log holds {len(runs)} runs, and --run takes another: {visible(names)}", err=True)


def _tell(arrivals: list[Arrival]) -> None:
    for arrival in arrivals:
        match arrival:
            case FindingOpened():
                words = f"{arrival.title or arrival.kind} since step {arrival.onset}: {arrival.evidence}"
                click.echo(f"{PROGRAM}: {arrival.severity}: {visible(words)}", err=True)
            case Noticed(words=words) | StartedOver(why=words) if words:
                click.echo(f"{PROGRAM}: {visible(words)}", err=True)
            case _:
                pass


def _alarm(finding: FindingOpened, command: str | None) -> None:
    if command is None:
        return
    try:
        ended = subprocess.run(command, shell=True, input=encode(finding) + b"\n", timeout=_ALARM_S, check=False)
        if ended.returncode:
            click.echo(f"{PROGRAM}: {visible(command)}: ended with status {ended.returncode}", err=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        click.echo(f"{PROGRAM}: {visible(command)}: {error}", err=True)
