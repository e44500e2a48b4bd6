"""Runs on disk: create, list, find and remove them; the folder of a run is the run."""

import errno
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import chain, count
from pathlib import Path
from typing import Literal

import platformdirs

from ..config import ConfigError, RunConfig
from ..events import (
    Accepted,
    Evaluated,
    FindingClosed,
    FindingOpened,
    PreparationBegan,
    Refused,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    StepFinished,
    StorageBlocked,
    StoredEvent,
)
from ..toml_tables import LONGEST_CONFIG
from .event_log import Transcript, drop_superseded, first_events, marked_events, restart_steps, tail_events
from .origin import read_origin, rename_parents
from .own_files import CREATED, delete_own_files, is_own_run, own_files
from .relation import read_relation, rename_related
from .run_folder import CONFIG, EVENTS, StoreError, find_worker, is_watched, open_file, printable, unoccupied

StoredState = Literal["starting", "running", "paused", "finished", "stopped", "failed", "interrupted", "damaged"]

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_TAIL = 1 << 16
_ENDS: dict[str, StoredState] = {
    "finished": "finished",
    "stopped": "stopped",
    "nan": "failed",
    "failed": "failed",
    "died": "failed",
}


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One row of the list of runs."""

    name: str
    path: Path
    state: StoredState
    why: str = ""
    """What is damaged."""
    title: str = ""
    created: datetime
    step: int = 0
    steps: int = 0
    loss: float | None = None
    val_loss: float | None = None
    findings: int = 0
    """Opened in the course of the run."""
    is_failing: bool = False
    """Whether a failure is open."""
    bytes: int = 0
    pid: int | None = None
    """Of the worker, while there is one."""
    parent: str = ""
    """The run that this one is a fork of; empty where it is none."""
    forked_at: int = 0
    """The last step that a fork shares with its parent."""
    fix: str = ""
    """The title of the fix that a fork has and its parent has not."""
    watched: bool = False
    """Whether anything follows it: a screen, a `train` or an `attach`."""


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
    numbered = [run for run in _run_folders(runs) if re.fullmatch(rf"{re.escape(_slug(name))}-\d+", run.name)]
    for run in sorted(numbered, key=lambda run: int(run.name.rpartition("-")[2]), reverse=True):
        if run_description(run) is not None:
            latest = tail_events(run, _TAIL)
            return None if latest and isinstance(latest[-1], RunEnded) else run
    return None


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
        _write(run / CONFIG, f"{CREATED.decode()}{_created(run).isoformat(timespec='seconds')}\n\n{config.to_toml()}")
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


def list_runs(runs: Path) -> list[RunSummary]:
    """Every run in a folder, the newest first, damaged ones too; quick however long the runs are."""
    summaries = [summarise(run) for run in _run_folders(runs)]
    return sorted(summaries, key=lambda summary: summary.created, reverse=True)


def summarise(run: Path) -> RunSummary:
    """A run's row, from its configuration and the end of its events."""
    empty = RunSummary(name=run.name, path=run, state="damaged", created=_created(run), bytes=_bytes(run))
    try:
        title, steps = _title_and_steps(run)
        worker, latest, findings, origin = find_worker(run), _latest(run), _alarms(run), read_origin(run)
    except (ConfigError, StoreError, OSError) as error:
        return replace(empty, why=printable(str(error)))
    return replace(
        empty,
        state=_state(latest, worker is not None),
        title=title,
        step=next((event.step for event in reversed(latest) if not isinstance(event, RunDescribed)), 0),
        steps=steps,
        loss=next((event.loss for event in reversed(latest) if isinstance(event, StepFinished)), None),
        val_loss=next((event.val_loss for event in reversed(latest) if isinstance(event, Evaluated)), None),
        findings=len(findings),
        is_failing=any(finding.severity == "failure" for finding, is_open in findings if is_open),
        pid=worker.pid if worker else None,
        parent=printable(origin.parent) if origin else "",
        forked_at=origin.step if origin else 0,
        fix=read_relation(run).fix if origin else "",
        watched=worker is not None and is_watched(run),
    )


def find_run(runs: Path, name_or_path: str) -> Path:
    """A run by its name in `runs`, or by a path, which has a slash in it."""
    explicit = "/" in name_or_path
    if explicit and _is_run(folder := Path(name_or_path).expanduser()):
        return Path(os.path.abspath(folder))  # noqa: PTH100, a link remains one
    if not explicit and _NAME.fullmatch(name_or_path) and _is_run(runs / name_or_path):
        return runs / name_or_path
    names = [run.name for run in _run_folders(runs)]
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
    if run.is_symlink() or not _is_run(run):
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
    if run.is_symlink() or not _is_run(run):
        raise StoreError(f"{run}: is no run folder, so it is not renamed")
    target = run.with_name(_checked(name))
    if os.path.lexists(target):
        raise StoreError(f"{run.parent} has a {printable(name)!r} already; choose another name")
    try:
        with unoccupied(run):
            run.rename(target)
    except OSError as error:
        raise StoreError(f"{run}: cannot be renamed: {_why_not(error)}") from None
    rename_related(runs := _run_folders(run.parent), run.name, name)
    rename_parents(runs, run.name, name)
    return target


def planned_steps(run: Path) -> int:
    """ConfigError or StoreError as for `read_config`; 0 where a run has no planned number."""
    return _title_and_steps(run)[1]


def _title_and_steps(run: Path) -> tuple[str, int]:
    """The steps are 0 where a run has no planned number."""
    described = run_description(run)
    if described is None:
        config = read_config(run)
        return config.title, config.training.steps
    started = next((event for event in first_events(run) if isinstance(event, RunStarted)), None)
    return described.title, (started.steps or 0) if started else 0


def _why_not(error: OSError) -> str:
    """The system's message, and a remedy."""
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return f"{error.strerror}; ask its owner to, or leave it and keep your own runs elsewhere with --runs"
        case errno.EROFS:
            return f"{error.strerror}; what is mounted there has to be made writable first"
        case _:
            return str(error.strerror)


def _state(latest: list[StoredEvent], at_work: bool) -> StoredState:
    for event in reversed(latest):
        match event:
            case RunEnded():
                return "starting" if at_work else _ENDS[event.reason]
            case RunPaused() if at_work:
                return "paused"
            case StepFinished() | RunResumed() | RunStarted() if at_work:
                return "running"
            case _:
                continue
    return "starting" if at_work else "interrupted"


def require_readable(run: Path) -> None:
    """StoreError where the log cannot be opened, or where none of the lines at its end is an event."""
    _latest(run)


def _latest(run: Path) -> list[StoredEvent]:
    """The last stored events, without superseded ones."""
    transcript = Transcript()
    tail = tail_events(run, _TAIL, transcript) if os.path.lexists(run / EVENTS) else []
    stored = [event for event in tail if not isinstance(event, PreparationBegan | StorageBlocked | Accepted | Refused)]
    if transcript.problems and not stored:
        raise StoreError(f"{run / EVENTS}: nothing at its end can be read; {transcript.problems[0].split(' ', 2)[2]}")
    return [*drop_superseded(stored, restart_steps(stored))]


def _alarms(run: Path) -> list[tuple[FindingOpened, bool]]:
    """Every alarm and whether it is open, without superseded ones."""
    marked = [*marked_events(run, "finding", "finding_closed", "started")] if os.path.lexists(run / EVENTS) else []
    remaining = [*drop_superseded(marked, restart_steps(marked))]
    closed = {event.id for event in remaining if isinstance(event, FindingClosed)}
    opened = [event for event in remaining if isinstance(event, FindingOpened) and event.is_alarm]
    return [(finding, finding.id not in closed) for finding in opened]


def _new_folder(runs: Path, stem: str, *, numbered: bool) -> Path:
    taken = [int(number) for run in _run_folders(runs) if (number := run.name.removeprefix(f"{stem}-")).isdecimal()]
    numbers = (f"{stem}-{number}" for number in count(max(taken, default=0 if numbered else 1) + 1))
    for name in chain(() if numbered else (stem,), numbers):
        run = runs / name
        try:
            run.mkdir(mode=0o700)
            return run
        except FileExistsError:
            continue
    raise AssertionError("numbers do not end")


def _run_folders(runs: Path) -> list[Path]:
    try:
        with os.scandir(runs) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False) and _is_run(entry))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{runs}: cannot be listed: {error.strerror}; try another --runs") from None


def _is_run(folder: os.PathLike[str]) -> bool:
    """Also a folder without read permission, such as another user's run: opening it raises the reason."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name in (CONFIG, EVENTS) for entry in entries)
    except PermissionError:
        return True
    except OSError:
        return False


def _created(run: Path) -> datetime:
    """The date of creation in its configuration, or else of the folder's last change."""
    try:
        with os.fdopen(open_file(run / CONFIG, os.O_RDONLY), "rb") as file:
            line = file.readline(100).decode().strip()
        created = datetime.fromisoformat(line.removeprefix(CREATED.decode())).astimezone(UTC)
        return created.replace(year=min(max(created.year, 1970), 9998))  # any time zone has a date for it
    except (OSError, ValueError, OverflowError):
        return datetime.fromtimestamp(run.lstat().st_mtime, UTC)


def _bytes(run: Path) -> int:
    size = 0
    with suppress(OSError):  # a worker thins its checkpoints meanwhile
        for file in own_files(run):
            with suppress(OSError):
                size += file.stat(follow_symlinks=False).st_size
    return size


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
