"""Watches all logs of a folder without a screen, those that appear later among them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import click

from ...engine.following.log_folder import logs_in
from ..text import visible
from .alarms import Wanted
from .headless import HeadlessLog, status_at_end
from .options import PROGRAM

_LIST_S = 2.0
"""Between two looks at which logs there are."""
MOST_FOLLOWED = 200
"""Each is an open file, of which a process may have some hundreds."""


class HeadlessFolder:
    is_over = False
    """Another log may appear."""

    def __init__(self, folder: Path, given: Mapping[str, str], wanted: Wanted) -> None:
        self._folder = folder
        self._given = given
        self._wanted = wanted
        self._logs: dict[Path, HeadlessLog] = {}
        self._listed_at = -_LIST_S
        self._are_left_out = False

    @property
    def status(self) -> int:
        """That of the worst log."""
        return max((log.status for log in self._logs.values()), default=0)

    @property
    def is_still(self) -> bool:
        """Whether all are over as far as can be told; a folder without a log is waited for."""
        return bool(self._logs) and all(log.is_still for log in self._logs.values())

    def turn(self) -> bool:
        """Look at each log; whether there is more to be diagnosed in one of them."""
        if (now := time.monotonic()) - self._listed_at >= _LIST_S:
            self._listed_at = now
            self._take_up_new()
        are_behind = [log.turn() for log in self._logs.values()]
        return any(are_behind)

    def close(self) -> None:
        for log in self._logs.values():
            log.close()

    def _take_up_new(self) -> None:
        """The newest, where there are more than can be followed."""
        new = [found for found in logs_in(self._folder) if found.path not in self._logs]
        space = MOST_FOLLOWED - len(self._logs)
        for found in new[:space]:
            self._logs[found.path] = HeadlessLog(
                found.name, found.path, self._given, self._wanted, prefix=f"{found.name}: "
            )
        if new[space:] and not self._are_left_out:
            self._are_left_out = True
            _print(f"{self._folder}: holds more than {MOST_FOLLOWED} logs; the newest are watched")


def watch_folder(folder: Path, given: Mapping[str, str], wanted: Wanted, *, until_end: bool) -> int:
    """The exit status: the worst of all logs."""
    if not logs_in(folder):
        _print(f"waiting: {folder}: is a folder without a log")
    return status_at_end(HeadlessFolder(folder, given, wanted), until_end=until_end)


def _print(words: str) -> None:
    click.echo(f"{PROGRAM}: {visible(words)}", err=True)
