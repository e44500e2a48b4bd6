"""What to do about a word that names no command, preset or run: the error names what was probably meant."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from ..text import visible
from .options import PROGRAM, runs_folder

_NEAR = 0.7
"""Of difflib's ratio from 0 to 1: `trian` is 0.8 from `train`, `compare` is 0.62 from `course`."""


def require_preset(word: str, rest: Sequence[str], commands: Collection[str]) -> None:
    """Refuses what stands in the place of a command, with the words after it, unless it is a preset."""
    if is_preset(word):
        return
    log = next((name for name in rest if log_format(name)), "")
    hint = f"; {_reads(log)}" if log else ""
    raise click.UsageError(_instead_of_preset(word) or _run_hint(word) or _nearest(word, commands) + hint)


def command_for_file(word: str) -> str:
    """The command that opens a path where a preset could stand: a log, or a run; empty for anything else."""
    if is_preset(word) or not (format := log_format(word)):
        return ""
    return "attach" if format == "run folder" else "watch"


def require_preset_or_unknown(word: str) -> None:
    """Refuses a log, a text or a run folder in the place of a preset. Unknown words are left to `find_preset`."""
    if not is_preset(word) and (message := _instead_of_preset(word)):
        raise click.UsageError(message)


def run_path(runs: str | None, name: str) -> Path:
    """A run by name or path. Where it is a log, the error names `diagnose`."""
    from ...engine.storage.run_folder import StoreError
    from ...engine.storage.run_store import find_run

    try:
        return find_run(runs_folder(runs), name)
    except StoreError:
        if log_format(name):
            raise click.UsageError(f"{name} is a log and not a run; {_reads(name)}") from None
        raise


def latest_run_path(runs: str | None, name: str) -> Path:
    """A run as `run_path` finds it; where there are only runs `<name>-<n>`, the newest, which stderr names."""
    from ...engine.storage.run_folder import is_run
    from ...engine.storage.run_store import numbered_runs

    folder = runs_folder(runs)
    found = [] if "/" in name or is_run(folder / name) else numbered_runs(folder, name)
    if not found:
        return run_path(runs, name)
    click.echo(f"{PROGRAM}: {visible(found[-1].name)} is the latest run of that name", err=True)
    return found[-1]


def is_preset(word: str) -> bool:
    """Whether it is the name or the title of a preset, or a TOML file, which need not exist."""
    from ...engine.presets import Preset, own_folder, preset_names, read_presets

    wanted, own = word.strip().casefold(), own_folder()
    if wanted.endswith(".toml") or wanted in (name.casefold() for name in preset_names(own)):
        return True
    return any(isinstance(each, Preset) and each.config.title.casefold() == wanted for each in read_presets(own))


def log_format(name: str) -> str:
    """The format of the log that a file or a folder is; empty if there is none, or it is no log."""
    path = Path(name).expanduser()
    if not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        return ""
    from ...engine.readers.log import open_log
    from ...engine.readers.source import ReadError

    try:
        log = open_log(name, path)
    except ReadError:
        return ""
    log.close()
    return log.format


def _instead_of_preset(word: str) -> str:
    """What a path is that exists and is no preset; empty if there is no such path."""
    path = Path(word).expanduser()
    if not path.exists():
        return ""
    from ...engine.readers.free_text import FreeText

    format = log_format(word)
    if format == "run folder":
        return f"{word} is a run and not a preset; `{PROGRAM} attach {shlex.quote(_with_slash(word))}` opens it"
    trains = f"`{PROGRAM} train --data {shlex.quote(word)}` trains on its text"
    if format == FreeText().name:  # any text with numbers in it
        return f"{word} is a text and not a preset; {_reads(word)} if it is a log, and {trains}"
    if format:
        return f"{word} is a log and not a preset; {_reads(word)}"
    return f"{word} is a {'folder' if path.is_dir() else 'file'} and not a preset; {trains}"


def _run_hint(word: str) -> str:
    from ...engine.storage.run_folder import StoreError
    from ...engine.storage.run_store import find_run

    try:
        find_run(runs_folder(None), word)
    except StoreError:
        return ""
    return f"{word} is a run and not a preset; `{PROGRAM} attach {shlex.quote(word)}` opens it"


def _nearest(word: str, commands: Collection[str]) -> str:
    from difflib import get_close_matches

    from ...engine.presets import own_folder, preset_names

    close = get_close_matches(word.casefold(), [*commands, *preset_names(own_folder())], n=1, cutoff=_NEAR)
    if not close:
        lists = f"`{PROGRAM} --help` lists the commands, and `{PROGRAM} presets` the presets"
        return f"there is no command and no preset {word!r}; {lists}"
    kind = "command" if close[0] in commands else "preset"
    return f"there is no {kind} {word!r}; did you mean {close[0]}?"


def _reads(log: str) -> str:
    return f"`{PROGRAM} diagnose {shlex.quote(log)}` reads it"


def _with_slash(folder: str) -> str:
    """A run's folder as `attach` takes it: a word without a slash would be a name."""
    return folder if "/" in folder else f"./{folder}"
