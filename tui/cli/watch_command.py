"""The command `watch`: anybody's log on the run screen while it grows, or without a screen and with a command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from .options import LogName, ascii_option, kinds_option, map_option, runs_folder, runs_option, webhook_option
from .streams import can_show_screen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader

    from ..navigation import LogFolder, OpenLog, OpenRun
    from .alarms import Wanted

_INPUT = "-"


@click.command("watch")
@click.argument("log", type=LogName(), metavar="LOG|FOLDER|-")
@map_option
@click.option("--run", "run", default=None, metavar="NAME", help="One of the runs in the log; the latest without.")
@click.option("--headless", is_flag=True, help="Without a screen: findings are printed as they are found.")
@kinds_option("--on", "With --headless: findings that count, such as failure or nan,divergence.")
@click.argument("alarm", required=False, metavar="[COMMAND]")
@webhook_option
@click.option("--until-end", is_flag=True, help="With --headless: end when no log has been written for a minute.")
@ascii_option
@runs_option
def watch_log(
    log: str,
    alarm: str | None,
    assignments: tuple[str, ...],
    run: str | None,
    headless: bool,
    kinds: str | None,
    webhook: str | None,
    until_end: bool,
    is_ascii: bool,
    runs: str | None,
) -> int:
    """Show the log of another program on the screen, and follow it while it grows.

    \b
    tinygpt-tui watch metrics.csv                       any log that `diagnose` reads
    tinygpt-tui watch runs/                             a list of the logs in a folder, new ones appear
    python train.py | tinygpt-tui watch -               what another program prints
    tinygpt-tui watch log.csv --headless --on failure 'notify-send "$(cat)"'
    tinygpt-tui watch runs/ --headless --on warning --webhook https://example.org/hook

    With --headless, COMMAND is run by the shell once for every finding of KINDS, with the finding as JSON on its
    standard input; --webhook posts the same JSON, which has the log's name as `log` and a line for people as `text`. A
    warning is printed where that fails. Of a folder all logs are followed, also those that appear later.

    Exit status: 0, 1 where such a finding came, 2 where a log cannot be read.
    """
    from .log_arguments import parsed_kinds, parsed_map

    given = parsed_map(assignments)
    if headless:
        from .alarms import Wanted

        wanted = Wanted(kinds=parsed_kinds(kinds or "failure", "--on"), command=alarm, webhook=webhook)
        return _watch_headless(log, given, wanted, run=run, until_end=until_end, runs=runs)
    if kinds or alarm or webhook or until_end:
        raise click.UsageError("--on, --webhook, --until-end and a COMMAND are for --headless")
    if not can_show_screen():
        raise click.UsageError("the screen needs a terminal; --headless watches without one")
    from ..navigation import LogFolder

    if log == _INPUT:
        return _watch_input(given, is_ascii=is_ascii, runs=runs)
    opened = opened_log(log, runs, given, run=run)
    if not isinstance(opened, LogFolder):
        return open_read(_live(opened), runs, is_ascii=is_ascii)
    from ..app import open_app

    return open_app(runs=runs_folder(runs), place=opened, ascii=is_ascii)


def open_read(wanted: OpenRun | OpenLog, runs: str | None, *, is_ascii: bool) -> int:
    """The screen with something that is read; where that is long, it is read while the screen is imported."""
    from ..open_run import reading_of

    wanted = replace(wanted, reading=reading_of(wanted))
    from ..app import open_app

    return open_app(runs=runs_folder(runs), opened=wanted, ascii=is_ascii)


def _watch_headless(
    log: str, given: Mapping[str, str], wanted: Wanted, *, run: str | None, until_end: bool, runs: str | None
) -> int:
    from ...engine.readers.stores import is_one_run
    from ...engine.storage.run_folder import EVENTS
    from .headless import watch_headless
    from .headless_folder import watch_folder

    path = _origin(log, runs)
    if not path.is_dir() or (path / EVENTS).exists() or is_one_run(path):
        return watch_headless(log, path, given, wanted, run=run, until_end=until_end)
    _require_one_log(log, run)
    return watch_folder(path, given, wanted, until_end=until_end)


def opened_log(
    log: str, runs: str | None, given: dict[str, str], *, run: str | None = None
) -> OpenLog | LogFolder | OpenRun:
    """What a name stands for; an OpenRun is a run folder of ours. UsageError where there is nothing there."""
    from ..navigation import LogFolder, OpenLog, OpenRun

    path = _origin(log, runs)
    if not path.exists():
        raise click.UsageError(f"{log}: there is no such file or folder")
    if not path.is_dir():
        return OpenLog(path, path.name or log, run=run, columns=given)
    from ...engine.readers.stores import is_one_run  # nearly all readers, which no screen waits for
    from ...engine.storage.run_folder import EVENTS

    if (path / EVENTS).exists():
        return OpenRun(path)
    if is_one_run(path):
        return OpenLog(path, path.name or log, run=run, columns=given)
    _require_one_log(log, run)
    return LogFolder(path, given)  # with one log too: others may appear


def _require_one_log(folder: str, run: str | None) -> None:
    if run is not None:
        raise click.UsageError(f"--run {run}: {folder} is a folder of logs; name one of them")


def _origin(log: str, runs: str | None) -> Path:
    from .log_arguments import log_origin

    return Path(_INPUT) if log == _INPUT else log_origin(log, runs_folder(runs))


def _live(log: OpenRun | OpenLog) -> OpenRun | OpenLog:
    """A named pipe is followed as it is written, as standard input is."""
    from ..navigation import OpenLog

    if not isinstance(log, OpenLog) or not log.path.is_fifo():
        return log
    from ...engine.following.piped_input import PipedInput

    piped = PipedInput(log.path)
    return replace(log, path=piped.path, piped=piped)


def _watch_input(given: dict[str, str], *, is_ascii: bool, runs: str | None) -> int:
    """Keys come from the terminal, because standard input is the log."""
    from ...engine.following.piped_input import PipedInput
    from ..app import open_app
    from ..navigation import OpenLog

    if sys.stdin.isatty():
        raise click.UsageError("- is what another program prints: `python train.py | tinygpt-tui watch -`")
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise click.UsageError(f"the screen needs a terminal for its keys: {error.strerror}") from None
    stream = cast("BufferedReader", os.fdopen(os.dup(0), "rb"))
    os.dup2(terminal, 0)
    piped = PipedInput(stream)
    log = OpenLog(piped.path, "standard input", columns=given, piped=piped)
    status = open_app(runs=runs_folder(runs), opened=log, ascii=is_ascii)
    if not piped.has_ended:
        click.echo("the program goes on, and what it prints is printed here; Ctrl-C ends both", err=True)
        piped.pass_on(to_stdout)
    return status


def to_stdout(data: bytes) -> None:
    from .piped_log import passable

    sys.stdout.write(passable(data.decode(errors="replace")))
    sys.stdout.flush()
