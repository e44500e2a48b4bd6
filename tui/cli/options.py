"""The options that subcommands share, and the config keys that those of `train` and the screen stand for."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..text import visible

PROGRAM = "tinygpt-tui"
DEFAULT_PRESET = "baseline"

_Command = TypeVar("_Command", bound=Callable[..., Any])

_KEYS = {
    "steps": "training.steps",
    "data": "data.path",
    "glob": "data.glob",
    "seed": "training.seed",
    "device": "training.device",
    "threads": "training.threads",
}
_TEXTS = ("data.path", "data.glob")
"""Keys whose value is text whatever it looks like; a folder may be called 2024."""


class PresetName(click.ParamType):
    name = "preset"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        presets = [CompletionItem(name) for name in _preset_names() if name.startswith(incomplete)]
        return [_file(incomplete), *presets]


class RunName(click.ParamType):
    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        folder = runs_folder(ctx.params.get("runs"))
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [CompletionItem(name) for name in names if name.startswith(incomplete) and name == visible(name)]


class LogName(RunName):
    """A run, or any file."""

    name = "log"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        return [_file(incomplete), *super().shell_complete(ctx, param, incomplete)]


class Assignment(click.ParamType):
    """A key of the configuration, and its value."""

    name = "assignment"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(f"{key}=") for key in _config_keys() if key.startswith(incomplete)]


ascii_option = click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille and box characters.")
events_as_json = click.option("--json", "as_json", is_flag=True, help="Print every event as a JSON line.")


def runs_option(command: _Command) -> _Command:
    help = "Where the runs are kept; the user's data folder unless this or TINYGPT_TUI_RUNS says otherwise."
    return click.option("--runs", metavar="DIR", envvar="TINYGPT_TUI_RUNS", help=help)(command)


def preset_options(command: _Command) -> _Command:
    options = (
        click.argument("preset", required=False, type=PresetName(), metavar="[PRESET|FILE.toml]"),
        click.option(
            "--set",
            "assignments",
            multiple=True,
            type=Assignment(),
            metavar="SECTION.KEY=VALUE",
            help="Set any key; repeatable.",
        ),
        click.option("--steps", metavar="N", help="Optimizer steps to train."),
        click.option("--data", metavar="PATH", type=click.Path(), help="A file or a folder of text to train on."),
        click.option("--glob", metavar="PATTERN", help="Which files of the folder, such as '**/*.md'."),
        click.option("--seed", metavar="N", help="Another seed, another run."),
        click.option("--device", metavar="auto|cpu|cuda|mps", help="Where to train."),
        click.option("--threads", metavar="N|auto", help="Threads to train with."),
    )
    for option in reversed(options):
        command = option(command)
    return runs_option(command)


def runs_folder(runs: str | None) -> Path:
    if runs:
        return Path(runs).expanduser()
    from ...engine.storage.run_store import default_runs_folder

    return default_runs_folder()


def overrides(assignments: Iterable[str], **shortcuts: str | None) -> dict[str, str]:
    """Config keys and their values as TOML; a later `--set` wins over an earlier one, and over a shortcut."""
    values: dict[str, str] = {}
    for name, text in shortcuts.items():
        if text is not None:
            key = _KEYS[name]
            values[key] = json.dumps(text, ensure_ascii=False) if key in _TEXTS else text
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"--set {assignment}: write section.key=value, as in --set schedule.lr=3e-4")
        values[key.strip()] = text.strip()
    return values


def option_at_fault(message: str, values: dict[str, str]) -> str:
    """The option that a message about config keys speaks of, as it was typed; empty if it is none of them."""
    shortcuts = {key: name for name, key in _KEYS.items()}
    for key, text in values.items():
        if key in message:
            return f"--{shortcuts[key]} {text}: " if key in shortcuts else f"--set {key}={text}: "
    return ""


def _file(incomplete: str) -> Any:
    """Files complete a word too; first of all items, for bash drops those that came before it."""
    from click.shell_completion import CompletionItem

    return CompletionItem(incomplete, type="file")


def _config_keys() -> list[str]:
    from dataclasses import asdict

    from ...engine.config import RunConfig

    sections = {name: keys for name, keys in asdict(RunConfig()).items() if isinstance(keys, dict)}
    return ["title", *(f"{section}.{key}" for section, keys in sections.items() for key in keys)]


def _preset_names() -> list[str]:
    from ...engine.presets import own_folder, preset_names

    return preset_names(own_folder())
