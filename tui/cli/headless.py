"""Watches logs without a screen: what is found is printed, and passed on where a person wants to hear of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Protocol, cast

import click

from ...engine.arrivals import Arrival, LogRead, Noticed, StartedOver
from ...engine.events import FindingOpened
from ...engine.following.piped_input import PipedInput
from ...engine.following.shown_run import OVER_S, ShownRun
from ...engine.readers.source import ReadError
from ..text import visible
from .alarms import Wanted, finding_words
from .options import PROGRAM

_NEXT_LOOK_S = 0.2
"""Between two looks at a log."""
_LISTED = 12


class HeadlessLog:
    """A log that is followed in lines of text; they begin with `prefix`."""

    def __init__(
        self,
        name: str,
        path: Path,
        given: Mapping[str, str],
        wanted: Wanted,
        *,
        run: str | None = None,
        piped: PipedInput | None = None,
        prefix: str = "",
    ) -> None:
        self._shown = ShownRun(name, path, run=run, given=given)
        self._alarms = wanted.alarms(name)
        self._piped = piped
        self._prefix = prefix
        self._names_runs = run is None
        self._known, self._changed_at, self._state = self._shown.read, time.monotonic(), ""
        self._is_unreadable = False

    @property
    def status(self) -> int:
        return 2 if self._is_unreadable else int(self._alarms.any)

    @property
    def is_over(self) -> bool:
        """Whether what writes it is known to have ended, or it cannot be read."""
        return self._shown.is_over or self._is_unreadable

    @property
    def is_still(self) -> bool:
        """Whether it is over as far as can be told."""
        # the clock by which the file was written may be ahead of ours
        still_s = max(time.time() - self._shown.read.written_at, time.monotonic() - self._changed_at)
        return self.is_over or still_s > OVER_S

    def close(self) -> None:
        self._shown.close()

    def turn(self) -> bool:
        """Look at what has come; whether there is more to be diagnosed."""
        if self._is_unreadable:
            return False
        try:
            return self._look()
        except ReadError as error:
            self._is_unreadable = True
            self.close()
            self._print(str(error))
            return False

    def _look(self) -> bool:
        shown = self._shown
        shown.is_over = shown.is_over or bool(self._piped and self._piped.has_ended)
        for line in self._piped.new_lines() if self._piped else ():
            click.echo(visible(line))
        for batch in shown.look():
            self._tell(batch)
        if (words := _state_words(shown.read)) != self._state:
            self._state = words
            self._print(words)
        if self._names_runs and len(shown.read.runs) > 1:
            self._names_runs = False
            self._print(_runs_words(shown.read.runs))
        self._tell(shown.diagnose_some())
        if (shown.read.rows, shown.read.written_at) != (self._known.rows, self._known.written_at):
            self._known, self._changed_at = shown.read, time.monotonic()
        return shown.has_backlog

    def _tell(self, arrivals: list[Arrival]) -> None:
        for arrival in arrivals:
            match arrival:
                case FindingOpened():
                    self._print(finding_words(arrival))
                case Noticed(words=words) | StartedOver(why=words) if words:
                    self._print(words)
                case _:
                    pass
            self._alarms.look_at(arrival)

    def _print(self, words: str) -> None:
        """Errors begin with the log's name by themselves."""
        click.echo(f"{PROGRAM}: {visible(self._prefix + words.removeprefix(self._prefix))}", err=True)


def watch_headless(
    name: str,
    path: Path,
    given: Mapping[str, str],
    wanted: Wanted,
    *,
    run: str | None,
    until_end: bool,
    piped: PipedInput | None = None,
) -> int:
    """The exit status. `piped` is what a program prints, where that is not standard input."""
    if str(path) == "-":
        piped = PipedInput(cast("BufferedReader", sys.stdin.buffer))
    elif piped is None and path.is_fifo():
        piped = PipedInput(path)
    log = HeadlessLog(name, piped.path if piped else path, given, wanted, run=run, piped=piped)
    return status_at_end(log, until_end=until_end)


class Followed(Protocol):
    """A log, or all of a folder."""

    @property
    def status(self) -> int: ...
    @property
    def is_over(self) -> bool: ...
    @property
    def is_still(self) -> bool: ...
    def turn(self) -> bool: ...
    def close(self) -> None: ...


def status_at_end(followed: Followed, *, until_end: bool) -> int:
    """Takes turns until it is over, or with `until_end` still, or Ctrl-C; the exit status."""
    try:
        while True:
            if not followed.turn():
                if followed.is_over or (until_end and followed.is_still):
                    break
                time.sleep(_NEXT_LOOK_S)
    except KeyboardInterrupt:
        pass
    finally:
        followed.close()
    return followed.status


def _state_words(read: LogRead) -> str:
    """What there is to be watched, or why there is nothing yet."""
    if read.waiting or not read.format:
        return f"waiting: {read.waiting}" if read.waiting else ""
    return f"watching {read.format}: {', '.join(read.columns) or 'no metric that is known'}"


def _runs_words(runs: tuple[str, ...]) -> str:
    names = ", ".join(run or "the first" for run in runs[:_LISTED])
    return f"the log holds {len(runs)} runs, and --run takes another: {names}"
