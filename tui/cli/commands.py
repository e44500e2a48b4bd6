"""The subcommands of `tinygpt-tui`; every heavy import is inside the subcommand that needs it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .checkpoint_commands import checkpoints, resume
from .experiment_commands import fork_run, prove, replay_run
from .export_commands import export, plot
from .learn_commands import course, exercise
from .log_command import log_row
from .lr_range_command import lr_range
from .options import (
    DEFAULT_PRESET,
    PROGRAM,
    LogName,
    ascii_option,
    chosen_runs_option,
    events_as_json,
    kinds_option,
    map_option,
    option_at_fault,
    overrides,
    preset_options,
    run_name_option,
    runs_folder,
    runs_option,
)
from .preset_commands import presets
from .probe_command import probe_run
from .root_command import SCREEN, CommandOrPreset, ScreenCommand
from .run_command import run_program
from .run_commands import attach_run, compare, rm, runs, sample, stop
from .serve_command import serve_screens
from .streams import can_show_screen
from .suggestions import require_preset_or_unknown
from .sweep_command import sweep_preset
from .watch_command import watch_log

if TYPE_CHECKING:
    from ...engine.config import RunConfig


@click.group(cls=CommandOrPreset, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PROGRAM)
def command() -> None:
    """Train a tiny GPT in the terminal, and see what happens.

    \b
    tinygpt-tui                  open the screen
    tinygpt-tui lr-too-high      open it and start a preset; with the options of `train`, except --json
    tinygpt-tui train            train without a screen
    tinygpt-tui course           learn how training behaves, page by page

    Exit status: 0 finished or stopped, 1 ended badly, 2 bad input, 130 after Ctrl-C.
    """


@command.command(SCREEN, cls=ScreenCommand, hidden=True)
@preset_options
@run_name_option
@ascii_option
@click.option("--json", "as_json", is_flag=True, hidden=True)
def screen(
    preset: str | None,
    runs: str | None,
    name: str | None,
    is_ascii: bool,
    as_json: bool,
    assignments: tuple[str, ...],
    **given: str | None,
) -> int:
    """Open the screen: on its list of presets and runs, or straight in a preset.

    `tinygpt-tui --help` lists the commands that work without it.
    """
    values = overrides(assignments, **given)
    if (values or name is not None) and preset is None:
        preset = DEFAULT_PRESET
    if preset is not None:
        _planned(preset, assignments, given)
    if as_json:
        raise click.UsageError(f"the screen has no --json; `{_train_instead()}` prints events and needs no screen")
    if not can_show_screen():
        if preset is None:
            click.echo(command.get_help(click.Context(command, info_name=PROGRAM)))
            return 0
        raise click.UsageError(f"the screen needs a terminal; `{_train_instead()}` trains without one")
    from ..app import open_app

    return open_app(runs=runs_folder(runs), preset=preset, overrides=values, name=name, ascii=is_ascii)


@command.command()
@preset_options
@run_name_option
@events_as_json
def train(
    preset: str | None,
    runs: str | None,
    name: str | None,
    as_json: bool,
    assignments: tuple[str, ...],
    **given: str | None,
) -> int:
    """Train a preset or a TOML file, in text. The baseline, if none is named.

    Ctrl-C stops the run with a checkpoint; pressed again, it ends the run at once.
    """
    from datetime import UTC, datetime

    from ...engine.storage.run_store import create
    from .follow import host

    id, config = _planned(preset or DEFAULT_PRESET, assignments, given)
    path = create(runs_folder(runs), config, id if name is None else name, datetime.now(UTC), numbered=name is None)
    return host(path, config, as_json=as_json, is_new=True)


for each in (
    watch_log, run_program, serve_screens,
    presets, course, exercise, resume, fork_run, prove, lr_range, sweep_preset, replay_run, probe_run, attach_run,
    compare, stop, sample, checkpoints, runs, rm, plot, export, log_row,
):  # fmt: skip
    command.add_command(each)


@command.command()
@click.argument("logs", nargs=-1, required=True, type=LogName(), metavar="LOG...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and log.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), help="github: annotations in CI.")
@chosen_runs_option
@map_option
@kinds_option("--fail-on", "Exit 1 if one of these was found, such as nan,divergence or warning.")
@click.option("--quiet", is_flag=True, help="Do not pass on what comes from standard input.")
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille.")
@runs_option
def diagnose(
    logs: tuple[str, ...],
    as_json: bool,
    form: str | None,
    chosen: tuple[str, ...],
    assignments: tuple[str, ...],
    kinds: str | None,
    quiet: bool,
    is_ascii: bool,
    runs: str | None,
) -> int:
    """Report what is wrong with a run, and why. One of ours by name, or a log that another trainer wrote.

    \b
    tinygpt-tui diagnose metrics.csv trainer_state.json train.log
    tinygpt-tui diagnose --map loss=my_col --json log.csv
    python train.py | tinygpt-tui diagnose - --fail-on nan,divergence

    CSV and TSV, JSON lines, JSON documents and free text are read, whatever wrote them.

    With -, what comes is passed on at once (to stderr with --json), a failure is reported on stderr as soon as it is
    found, and the diagnosis follows when the input ends, or after Ctrl-C.

    Exit status: 0, 1 where --fail-on found something, 2 where a log cannot be read; the others are still diagnosed.
    """
    from .diagnose import diagnose_logs
    from .diagnosis_text import json_line, page_for
    from .github_text import github_annotations
    from .log_arguments import parsed_kinds, parsed_map

    given, fail_on = parsed_map(assignments), parsed_kinds(kinds, "--fail-on")
    form = "json" if as_json else form
    as_text = {"json": json_line, "github": github_annotations}.get(form or "text") or page_for(
        sys.stdout, is_ascii=is_ascii
    )
    pass_on = None if quiet else sys.stderr if form in ("json", "github") else sys.stdout
    return diagnose_logs(logs, runs_folder(runs), as_text, given=given, fail_on=fail_on, pass_on=pass_on, chosen=chosen)


@command.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a script that completes what is typed.

    Commands, presets, keys and runs; in zsh after compinit.

    \b
    eval "$(tinygpt-tui completion bash)"
    """
    from .completion import completion_script

    click.echo(completion_script(shell, command))
    return 0


def _planned(preset: str, assignments: Sequence[str], given: Mapping[str, str | None]) -> tuple[str, RunConfig]:
    from ...engine.config import ConfigError
    from ...engine.presets import planned

    require_preset_or_unknown(preset)
    try:
        return planned(preset, overrides(assignments, **given), Path.cwd())
    except ConfigError as error:
        raise ConfigError(option_at_fault(str(error), assignments, **given) + str(error)) from None


def _train_instead() -> str:
    """The command line that was typed, as `train` takes it."""
    return shlex.join([PROGRAM, "train", *(word for word in sys.argv[1:] if word != "--ascii")])
