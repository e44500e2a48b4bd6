"""The command `run`: a program is started and watched, on the screen or without one."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click

from .options import ascii_option, kinds_option, map_option, runs_folder, runs_option, webhook_option

if TYPE_CHECKING:
    from ...engine.following.child_program import ChildProgram


@click.command("run", context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@map_option
@click.option("--headless", is_flag=True, help="Without a screen, as where there is no terminal.")
@kinds_option("--on", "Without a screen: findings that --alarm is for, such as nan,divergence; failure without.")
@click.option("--alarm", metavar="COMMAND", help="Without a screen: run by the shell for each such finding.")
@webhook_option
@ascii_option
@runs_option
def run_program(
    command: tuple[str, ...],
    assignments: tuple[str, ...],
    headless: bool,
    kinds: str | None,
    alarm: str | None,
    webhook: str | None,
    is_ascii: bool,
    runs: str | None,
) -> int:
    """Run a program and watch what it prints, as `COMMAND 2>&1 | tinygpt-tui watch -` does.

    \b
    tinygpt-tui run -- python train.py --lr 3e-4
    tinygpt-tui run --headless --on nan --alarm 'notify-send "$(cat)"' -- ./train.sh

    A Trainer of Hugging Face or Lightning in it is attached by itself: it is a run that can be paused and changed.
    TINYGPT_TUI_ATTACH=0 keeps it from that. Exit status: that of the program.
    """
    from ...engine.following.child_program import ChildProgram
    from .alarms import Wanted
    from .log_arguments import parsed_kinds, parsed_map

    given = parsed_map(assignments)
    wanted = Wanted(kinds=parsed_kinds(kinds or "failure", "--on"), command=alarm, webhook=webhook)
    is_headless = headless or not sys.stdout.isatty()
    if not is_headless and (kinds or alarm or webhook):
        raise click.UsageError("--on, --alarm and --webhook are for --headless")
    try:
        program = ChildProgram(command)
    except OSError as error:
        raise click.UsageError(f"{command[0]}: {error.strerror}") from None
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    if is_headless:
        from .headless import watch_headless

        watch_headless(command[0], program.output.path, given, wanted, run=None, until_end=False, piped=program.output)
    else:
        _watch_on_screen(program, " ".join(command), given, is_ascii=is_ascii, runs=runs)
    return _exit_status(program)


def _watch_on_screen(
    program: ChildProgram, name: str, given: dict[str, str], *, is_ascii: bool, runs: str | None
) -> None:
    from ..app import open_app
    from ..navigation import OpenLog

    log = OpenLog(program.output.path, name, columns=given, program=program)
    open_app(runs=runs_folder(runs), opened=log, ascii=is_ascii)
    if program.is_running:
        click.echo("the program goes on, and what it prints is printed here; Ctrl-C ends it", err=True)


def _exit_status(program: ChildProgram) -> int:
    """Meanwhile what it prints is passed on, and Ctrl-C, which reaches it too, waits for its end."""
    from .watch_command import to_stdout

    while True:
        try:
            program.output.pass_on(to_stdout)
            return program.exit_status()
        except KeyboardInterrupt:
            program.end()
