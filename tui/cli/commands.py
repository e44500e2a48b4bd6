"""What the `tinygpt-tui` command can be told; every heavy import is inside the subcommand that needs it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .learn_commands import course, exercise
from .options import (
    DEFAULT_PRESET,
    PROGRAM,
    LogName,
    PresetName,
    ascii_option,
    events_as_json,
    option_at_fault,
    overrides,
    preset_options,
    runs_folder,
    runs_option,
)
from .preset_commands import presets
from .run_commands import attach_run, resume, rm, runs, sample, stop

if TYPE_CHECKING:
    from ...engine.config import RunConfig


class CommandOrPreset(click.Group):
    """What is no subcommand is a preset, or an option of the screen."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_group = args[:1] in (["--help"], ["-h"], ["--version"]) or (not args and ctx.resilient_parsing)
        if not asks_for_group and args[:1] not in [[name] for name in self.commands]:
            args = ["screen", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        presets = PresetName().shell_complete(ctx, self.params[0], incomplete)
        return presets + super().shell_complete(ctx, incomplete)


@click.group(cls=CommandOrPreset, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PROGRAM)
def command() -> None:
    """Train a tiny GPT in the terminal, and see what happens.

    \b
    tinygpt-tui                  open the screen
    tinygpt-tui lr-too-high      open it and start a preset; with the same options as `train`
    tinygpt-tui train            train without a screen
    tinygpt-tui course           learn how training behaves, page by page

    Exit status: 0 finished or stopped, 1 ended badly, 2 bad input.
    """


@command.command(hidden=True)
@preset_options
@ascii_option
def screen(
    preset: str | None, runs: str | None, is_ascii: bool, assignments: tuple[str, ...], **given: str | None
) -> int:
    """Open the screen: on its list of presets and runs, or straight in a preset."""
    values = overrides(assignments, **given)
    if values and preset is None:
        preset = DEFAULT_PRESET
    if preset is not None:
        _planned(preset, values)
    if not sys.stdout.isatty():
        if preset is None:
            click.echo(command.get_help(click.Context(command, info_name=PROGRAM)))
            return 0
        wanted = shlex.join([PROGRAM, "train", *sys.argv[1:]])
        raise click.UsageError(f"the screen needs a terminal; `{wanted}` trains without one")
    from ..app import open_app

    return open_app(runs=runs_folder(runs), preset=preset, overrides=values, ascii=is_ascii, run=None)


@command.command()
@preset_options
@click.option("--name", help="What the run's folder is called; a number is added.")
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

    id, config = _planned(preset or DEFAULT_PRESET, overrides(assignments, **given))
    path = create(runs_folder(runs), config, id if name is None else name, datetime.now(UTC))
    return host(path, config, as_json=as_json, is_new=True)


for each in (presets, course, exercise, resume, attach_run, stop, sample, runs, rm):
    command.add_command(each)


@command.command()
@click.argument("logs", nargs=-1, required=True, type=LogName(), metavar="LOG...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and log.")
@click.option("--map", "assignments", multiple=True, metavar="NAME=COLUMN", help="Say what a column is; repeatable.")
@click.option("--fail-on", metavar="KINDS", help="Exit 1 if one of these was found, as nan,divergence or warning.")
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille.")
@runs_option
def diagnose(
    logs: tuple[str, ...],
    as_json: bool,
    assignments: tuple[str, ...],
    fail_on: str | None,
    is_ascii: bool,
    runs: str | None,
) -> int:
    """Say what is wrong with a run, and why. One of ours by name, or a log that another trainer wrote.

    \b
    tinygpt-tui diagnose metrics.csv trainer_state.json train.log
    tinygpt-tui diagnose --map loss=my_col --json log.csv
    python train.py | tinygpt-tui diagnose - --fail-on nan,divergence

    CSV and TSV, JSON lines, JSON documents and free text are read, whatever wrote them.
    Exit status: 0, 1 where --fail-on found something, 2 where a log cannot be read; the others are still diagnosed.
    """
    from .diagnose import diagnose_logs, parsed_kinds, parsed_map
    from .diagnosis_text import json_line, page_for

    given, kinds = parsed_map(assignments), parsed_kinds(fail_on)
    as_text = json_line if as_json else page_for(sys.stdout, is_ascii=is_ascii)
    return diagnose_logs(logs, runs_folder(runs), as_text, given=given, fail_on=kinds)


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


def _planned(preset: str, values: dict[str, str]) -> tuple[str, RunConfig]:
    from ...engine.config import ConfigError
    from ...engine.presets import planned

    try:
        return planned(preset, values, Path.cwd())
    except ConfigError as error:
        raise ConfigError(option_at_fault(str(error), values) + str(error)) from None
