"""The options that subcommands share, and the config keys that those of `train` and the screen stand for."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from ..text import visible

PROGRAM = "tinygpt-tui"
DEFAULT_PRESET = "baseline"
FAIL_ON_SEVERITIES = ("warning", "failure")
"""What --fail-on takes beside kinds of findings; a failure is a warning too."""

_Command = TypeVar("_Command", bound=Callable[..., Any])

_KEYS = {
    "steps": "training.steps",
    "data": "data.path",
    "glob": "data.glob",
    "seed": "training.seed",
    "device": "training.device",
    "threads": "training.threads",
    "processes": "training.processes",
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


class OneOf(click.ParamType):
    """A text for which there are words to complete it with; what it may be is checked by the command."""

    def __init__(self, name: str, words: Callable[[str], Iterable[str]]) -> None:
        self.name = name
        self._words = words
        """The completions of a text, and others."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self._words(incomplete) if word.startswith(incomplete)]


ascii_option = click.option("--ascii", "is_ascii", is_flag=True, help="Draw without braille and box characters.")
run_name_option = click.option(
    "--name", help="What the run's folder is called; a number is added if there is one of that name."
)
events_as_json = click.option("--json", "as_json", is_flag=True, help="Print every event as a JSON line.")


def runs_option(command: _Command) -> _Command:
    help = "Where the runs are kept; the user's data folder unless this or TINYGPT_TUI_RUNS says otherwise."
    return click.option("--runs", metavar="DIR", envvar="TINYGPT_TUI_RUNS", help=help)(command)


def set_option(help: str) -> Callable[[_Command], _Command]:
    """--set SECTION.KEY=VALUE, repeatable, as `assignments`."""
    words = OneOf("assignment", config_words)
    return click.option("--set", "assignments", multiple=True, type=words, metavar="SECTION.KEY=VALUE", help=help)


def kinds_option(name: str, help: str) -> Callable[[_Command], _Command]:
    """Kinds and severities of findings, separated by commas."""
    return click.option(name, "kinds", type=OneOf("kinds", kind_words), default=None, metavar="KINDS", help=help)


def webhook_option(command: _Command) -> _Command:
    """--webhook URL, which is checked."""
    help = "Without a screen: post each such finding to this address, as JSON; nothing else is sent anywhere."
    return click.option("--webhook", metavar="URL", callback=_web_address, help=help)(command)


def _web_address(_: click.Context, option: click.Parameter, url: str | None) -> str | None:
    """UsageError where nothing can be posted to it."""
    from urllib.parse import urlsplit

    try:
        if url is None or (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
            return url
    except ValueError:
        pass
    raise click.UsageError(f"--webhook {visible(url or '')}: must be an address that begins with https:// or http://")


def map_option(command: _Command) -> _Command:
    """--map NAME=COLUMN, repeatable, as `assignments`."""
    help, words = "Which column holds what; repeatable.", OneOf("column", column_words)
    option = click.option("--map", "assignments", multiple=True, type=words, metavar="NAME=COLUMN", help=help)
    return option(command)


def chosen_runs_option(command: _Command) -> _Command:
    """--run NAME, repeatable, as `chosen`."""
    help = "Of the runs in a log this one alone; repeatable."
    return click.option("--run", "chosen", multiple=True, metavar="NAME", help=help)(command)


def preset_options(command: _Command) -> _Command:
    options = (
        click.argument("preset", required=False, type=PresetName(), metavar="[PRESET|FILE.toml]"),
        set_option("Set any key; repeatable."),
        click.option("--steps", metavar="N", help="Optimizer steps to train."),
        click.option("--data", metavar="PATH", type=click.Path(), help="A file or a folder of text to train on."),
        click.option("--glob", metavar="PATTERN", help="Which files of the folder, such as '**/*.md'."),
        click.option("--seed", metavar="N", help="Another seed, another run."),
        click.option("--device", metavar="auto|cpu|cuda|mps", help="Where to train."),
        click.option("--threads", metavar="N|auto", help="Threads to train with, in each process."),
        click.option("--processes", metavar="N", help="Processes that share the rows of each batch."),
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


def option_at_fault(message: str, assignments: Iterable[str], **shortcuts: str | None) -> str:
    """The option that set the config key in a message, as it was typed; empty if none did. See `overrides`."""
    typed = [(text.partition("=")[0].strip(), f"--set {text}: ") for text in [*assignments][::-1]]
    typed += [(_KEYS[name], f"--{name} {text}: ") for name, text in shortcuts.items() if text is not None]
    return next((option for key, option in typed if key in message), "")


def _file(incomplete: str) -> Any:
    """Files complete a word too; first of all items, for bash drops those that came before it."""
    from click.shell_completion import CompletionItem

    return CompletionItem(incomplete, type="file")


def config_words(incomplete: str) -> list[str]:
    """`section.key=` of every config key; once that is typed, the values of the key if it has a list of them."""
    from dataclasses import is_dataclass
    from typing import get_type_hints

    from ...engine.config import RunConfig
    from ...engine.schedule import SCHEDULES

    sections = {name: hint for name, hint in get_type_hints(RunConfig).items() if is_dataclass(hint)}
    hints = {
        f"{name}.{key}": hint for name, section in sections.items() for key, hint in get_type_hints(section).items()
    }
    key, equals, _ = incomplete.partition("=")
    if not equals:
        return ["title=", *(f"{key}=" for key in hints)]
    values = list(SCHEDULES) if key == "schedule.kind" else _values(hints.get(key))
    return [f"{key}={value}" for value in values]


def kind_words(incomplete: str) -> list[str]:
    """What --fail-on takes: kinds and severities of findings, separated by commas."""
    from ...engine.diagnostics.catalogue import CATALOGUE

    before, comma, _ = incomplete.rpartition(",")
    return [f"{before}{comma}{kind}" for kind in (*CATALOGUE, *FAIL_ON_SEVERITIES)]


def column_words(incomplete: str) -> list[str]:
    """`NAME=` of every name that --map takes. The columns are not known here."""
    from ...engine.readers.log import MAPPABLE

    return [] if "=" in incomplete else [f"{name}=" for name in MAPPABLE]


def _values(hint: Any) -> list[str]:
    """What a Literal, a bool or a union with one of them may be."""
    if hint is bool:
        return ["true", "false"]
    return [value for each in get_args(hint) for value in ([each] if isinstance(each, str) else _values(each))]


def _preset_names() -> list[str]:
    from ...engine.presets import own_folder, preset_names

    return preset_names(own_folder())
