"""Runs on disk: create, find, rename and remove them; the folder of a run is the run."""

import errno
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from difflib import get_close_matches
from itertools import chain, count
from pathlib import Path

import platformdirs

from ..config import RunConfig
from ..events import RunDescribed, RunEnded
from ..toml_tables import LONGEST_CONFIG
from .event_log import first_events, tail_events
from .origin import rename_parents
from .own_files import CREATED, created, delete_own_files, is_own_run
from .relation import rename_related
from .run_folder import CONFIG, EVENTS, StoreError, is_run, open_file, printable, run_folders, unoccupied

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


def default_runs_folder(environment: Mapping[str, str] = os.environ) -> Path:
    if chosen := environment.get("TINYGPT_TUI_RUNS"):
        return Path(chosen)
    return platformdirs.user_data_path("tinygpt-tui") / "runs"


def create(runs: Path, config: RunConfig, name: str | None, now: datetime, *, numbered: bool = True) -> Path:
    """A new run folder, ready for a worker; named `<name>-<n>`, by its title where no name is given.

    Without `numbered` it is named `<name>`, and gets a number from 2 on only if there is such a run.
    """
    stem = _slug(config.title) if name is None else _checked(name)
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        run = _new_folder(runs, stem, numbered=numbered)
        _write(run / CONFIG, f"{CREATED.decode()}{now.isoformat(timespec='seconds')}\n\n{config.to_toml()}")
    except OSError as error:
        raise StoreError(f"{runs}: no run can be created there: {error.strerror}; try another --runs") from None
    return run


def create_described(runs: Path, name: str) -> Path:
    """A new run folder for an attached loop, `<name>-<n>`; its first event describes it."""
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _new_folder(runs, _slug(name), numbered=True)
    except OSError as error:
        raise StoreError(f"{runs}: no run can be created there: {error.strerror}") from None


def open_described(runs: Path, name: str) -> Path | None:
    """The newest of the runs `<name>-<n>` that describe themselves, where it has no end yet."""
    for run in reversed(numbered_runs(runs, _slug(name))):
        if run_description(run) is not None:
            latest = tail_events(run)
            return None if latest and isinstance(latest[-1], RunEnded) else run
    return None


def numbered_runs(runs: Path, name: str) -> list[Path]:
    """The runs `<name>-<n>`, the newest last."""
    found = [run for run in run_folders(runs) if re.fullmatch(rf"{re.escape(name)}-\d+", run.name)]
    return sorted(found, key=lambda run: int(run.name.rpartition("-")[2]))


def run_description(run: Path) -> RunDescribed | None:
    """What a run is that is none of the tiny GPT, from its first event; None for one that has a configuration."""
    if os.path.lexists(run / CONFIG) or not os.path.lexists(run / EVENTS):
        return None
    return next((event for event in first_events(run)[:1] if isinstance(event, RunDescribed)), None)


def read_config(run: Path) -> RunConfig:
    """ConfigError or StoreError, each naming the file, where it does not start a run."""
    if run_description(run) is not None:
        raise StoreError(f"{run.name}: is a loop of another program, which alone can train or sample it")
    file = open_file(run / CONFIG, os.O_RDONLY)
    size = os.fstat(file).st_size
    os.close(file)
    if size > LONGEST_CONFIG:
        raise StoreError(f"{run / CONFIG}: is {size} bytes long, so it is no run's configuration")
    return RunConfig.from_toml(run / CONFIG)


def write_config(run: Path, config: RunConfig) -> None:
    """Replace the configuration, whole or not at all."""
    try:
        _write(run / CONFIG, f"{CREATED.decode()}{created(run).isoformat(timespec='seconds')}\n\n{config.to_toml()}")
    except OSError as error:
        why = f"cannot be written: {error.strerror}; copy the run to a folder of yours, and name that with --runs"
        raise StoreError(f"{run / CONFIG}: {why}") from None


def config_keeper(run: Path) -> Callable[[], None]:
    """A function that writes the configuration again where it has been deleted: without it no run can be resumed."""
    text = (run / CONFIG).read_text(encoding="utf-8")

    def keep() -> None:
        if not os.path.lexists(run / CONFIG):
            with suppress(OSError):  # no space, or no folder any more: the log finds that out
                _write(run / CONFIG, text)

    return keep


def find_run(runs: Path, name_or_path: str) -> Path:
    """A run by its name in `runs`, or by a path, which has a slash in it."""
    explicit = "/" in name_or_path
    if explicit and is_run(folder := Path(name_or_path).expanduser()):
        return Path(os.path.abspath(folder))  # noqa: PTH100, a link remains one
    if not explicit and _NAME.fullmatch(name_or_path) and is_run(runs / name_or_path):
        return runs / name_or_path
    names = [run.name for run in run_folders(runs)]
    close = get_close_matches(name_or_path, names, n=3)
    known = "`tinygpt-tui runs` lists those that there are" if names else "there are no runs in it yet"
    hint = f"did you mean {' or '.join(close)}?" if close else known
    raise StoreError(f"there is no run {printable(name_or_path)!r} in {runs}; {hint}")


def require_in(runs: Path, run: Path) -> None:
    """StoreError where a run does not lie in the folder of runs."""
    if run.parent.resolve() != runs.resolve():
        raise StoreError(f"{run}: does not lie in {runs}, so it is not removed; name its folder with --runs")


def remove(run: Path) -> list[Path]:
    """Delete a run, unless a worker is at work in it; what this program did not make is left there, and returned."""
    if run.is_symlink() or not is_run(run):
        raise StoreError(f"{run}: is no run folder, so it is not removed")
    try:
        with unoccupied(run):
            if not is_own_run(run):
                raise StoreError(f"{run}: is no run folder that this program made, so it is not removed")
            return delete_own_files(run)
    except OSError as error:
        raise StoreError(f"{run}: cannot be removed: {_why_not(error)}") from None


def renamed(run: Path, name: str) -> Path:
    """Give a run's folder another name, unless a worker is at work in it; the runs that are compared with it follow."""
    if run.is_symlink() or not is_run(run):
        raise StoreError(f"{run}: is no run folder, so it is not renamed")
    target = run.with_name(_checked(name))
    if os.path.lexists(target):
        raise StoreError(f"{run.parent} has a {printable(name)!r} already; choose another name")
    try:
        with unoccupied(run):
            run.rename(target)
    except OSError as error:
        raise StoreError(f"{run}: cannot be renamed: {_why_not(error)}") from None
    rename_related(runs := run_folders(run.parent), run.name, name)
    rename_parents(runs, run.name, name)
    return target


def _why_not(error: OSError) -> str:
    """The system's message, and a remedy."""
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return f"{error.strerror}; ask its owner to, or leave it and keep your own runs elsewhere with --runs"
        case errno.EROFS:
            return f"{error.strerror}; what is mounted there has to be made writable first"
        case _:
            return str(error.strerror)


def _new_folder(runs: Path, stem: str, *, numbered: bool) -> Path:
    taken = [int(number) for run in run_folders(runs) if (number := run.name.removeprefix(f"{stem}-")).isdecimal()]
    numbers = (f"{stem}-{number}" for number in count(max(taken, default=0 if numbered else 1) + 1))
    for name in chain(() if numbered else (stem,), numbers):
        run = runs / name
        try:
            run.mkdir(mode=0o700)
            return run
        except FileExistsError:
            continue
    raise AssertionError("numbers do not end")


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False, encoding="utf-8") as file:
        fresh = Path(file.name)
        try:
            file.write(text)
            file.close()
            fresh.replace(path)
        except BaseException:
            fresh.unlink()
            raise


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        rule = "may have letters, digits, '-', '_' and '.', at most 64, and must not begin with '.'"
        raise StoreError(f"a run's name {rule}; {printable(name)!r} is none")
    return name


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or "run"
