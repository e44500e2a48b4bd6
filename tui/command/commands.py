"""What the `tinygpt-tui` command can be told; every heavy import is inside the subcommand that needs it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..safe_text import visible
from .learn_commands import course, exercise
from .preset_commands import presets
from .run_options import (
    DEFAULT_PRESET,
    PROGRAM,
    LogName,
    PresetName,
    RunName,
    option_at_fault,
    overrides,
    preset_options,
    runs_folder,
    runs_option,
)

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
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille and box characters.")
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
@click.option("--json", "as_json", is_flag=True, help="Print every event as a JSON line.")
def train(
    preset: str | None,
    runs: str | None,
    name: str | None,
    as_json: bool,
    assignments: tuple[str, ...],
    **given: str | None,
) -> int:
    """Train a preset (baseline, if none is named) or a TOML file, and tell how it goes.

    Ctrl-C stops the run with a checkpoint; pressed again, it ends the run at once.
    """
    from datetime import UTC, datetime

    from ...engine.store import create
    from .hosting import host

    id, config = _planned(preset or DEFAULT_PRESET, overrides(assignments, **given))
    path = create(runs_folder(runs), config, id if name is None else name, datetime.now(UTC))
    return host(path, config, as_json=as_json, is_new=True)


@command.command()
@click.argument("run", type=RunName())
@click.option("--steps", metavar="N", help="Train up to this step, where the run was to end earlier.")
@click.option("--json", "as_json", is_flag=True, help="Print every event as a JSON line.")
@runs_option
def resume(run: str, steps: str | None, as_json: bool, runs: str | None) -> int:
    """Go on with a run from its latest checkpoint."""
    from ...engine.config import ConfigError
    from ...engine.folder import find_worker
    from ...engine.store import find_run, read_config, write_config
    from .hosting import host

    path = find_run(runs_folder(runs), run)
    config = read_config(path)
    if worker := find_worker(path):
        raise click.UsageError(f"{path.name} is training already (process {worker.pid}); `{PROGRAM} attach` follows it")
    if steps is not None:
        try:
            config = config.with_values({"training.steps": steps})
        except ConfigError as error:
            raise ConfigError(f"--steps {steps}: {error}") from None
        write_config(path, config)
    return host(path, config, as_json=as_json, is_new=False)


@command.command()
@click.argument("run", type=RunName())
@click.option("--text", "as_text", is_flag=True, help="Follow in text, even on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print every event as a JSON line.")
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille and box characters.")
@runs_option
def attach(run: str, as_text: bool, as_json: bool, is_ascii: bool, runs: str | None) -> int:
    """Look at a run while it trains, or at what is left of it; Ctrl-C leaves it as it is."""
    from ...engine.store import find_run

    path = find_run(runs_folder(runs), run)
    if sys.stdout.isatty() and not (as_text or as_json):
        from ..app import open_app

        return open_app(runs=runs_folder(runs), preset=None, overrides={}, ascii=is_ascii, run=path)
    from .hosting import look

    return look(path, as_json=as_json)


@command.command()
@click.argument("run", type=RunName())
@runs_option
def stop(run: str, runs: str | None) -> int:
    """End a run with a checkpoint, from which it can be resumed."""
    from ...engine.store import find_run
    from .ask import stop_run

    path = find_run(runs_folder(runs), run)
    end = stop_run(path)
    click.echo(f"{path.name}: {end.reason} at step {end.step}" if end else f"{path.name}: the worker is gone")
    return 0 if end and end.reason in ("stopped", "finished") else 1


@command.command()
@click.argument("run", type=RunName())
@click.option("--prompt", default=None, help="What the text begins with.")
@click.option("--tokens", type=click.IntRange(1, 65_536), default=200, show_default=True, help="Bytes to write.")
@click.option("--temperature", type=click.FloatRange(0, 100), help="0 always takes the likeliest byte.")
@click.option("--top-k", type=click.IntRange(1, 259), help="How many of the likeliest bytes may come next.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="For a run that is not training.")
@runs_option
def sample(
    run: str, prompt: str | None, tokens: int, temperature: float | None, top_k: int | None, seed: int, runs: str | None
) -> int:
    """Let a run's model write: as it is now, or as its latest checkpoint has it."""
    from ...engine.events import Sample
    from ...engine.folder import find_worker
    from ...engine.store import find_run, read_config
    from .ask import live_sample, stored_sample

    path = find_run(runs_folder(runs), run)
    usual = read_config(path).instruments
    wanted = Sample(
        prompt=usual.sample_prompt if prompt is None else prompt,
        tokens=tokens,
        temperature=usual.temperature if temperature is None else temperature,
        top_k=top_k or usual.top_k,
    )
    text = live_sample(path, wanted) if find_worker(path) else stored_sample(path, wanted, seed)
    click.echo(visible(f"{wanted.prompt}{text}", keep_lines=True))
    return 0


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@runs_option
def runs(as_json: bool, runs: str | None) -> int:
    """List the runs: state, step, loss, findings, size."""
    from ...engine.store import list_runs
    from .run_table import json_row, table

    folder = runs_folder(runs)
    found = list_runs(folder)
    if as_json:
        for summary in found:
            click.echo(json_row(summary))
    elif found:
        click.echo(table(found))
    else:
        click.echo(f"no runs in {folder} yet; `{PROGRAM} train` makes one")
    return 0


for each in (presets, course, exercise):
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
    """Say what is wrong with a run, and why: one of ours by name, or a log that another trainer wrote.

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
    tell = json_line if as_json else page_for(sys.stdout, is_ascii=is_ascii)
    return diagnose_logs(logs, runs_folder(runs), tell, given=given, fail_on=kinds)


@command.command()
@click.argument("names", nargs=-1, required=True, type=RunName(), metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@runs_option
def rm(names: tuple[str, ...], yes: bool, runs: str | None) -> int:
    """Delete runs, with their checkpoints."""
    from ...engine.store import find_run, remove

    paths = [find_run(runs_folder(runs), name) for name in names]
    for path in paths:
        if yes or click.confirm(f"Delete {path}?", err=True):
            remove(path)
    return 0


@command.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a script that completes commands, presets and runs; such as eval "$(tinygpt-tui completion bash)"."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    source = script(command, {}, PROGRAM, "_TINYGPT_TUI_COMPLETE").source()
    # in bash no space follows a key, but its value
    click.echo(source.replace("COMPREPLY+=($value)", "COMPREPLY+=($value); [[ $value == *= ]] && compopt -o nospace"))
    return 0


def _planned(preset: str, values: dict[str, str]) -> tuple[str, RunConfig]:
    from ...engine.config import ConfigError
    from ...engine.presets import planned

    try:
        return planned(preset, values, Path.cwd())
    except ConfigError as error:
        raise ConfigError(option_at_fault(str(error), values) + str(error)) from None
