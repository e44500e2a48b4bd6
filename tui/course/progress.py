"""How far a person has come in the course: one small TOML file, written when a page is turned or a question answered.

A file that cannot be read is set aside under another name, with one message, and the course starts afresh.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path

import tomli_w

from ...engine.toml_tables import build


class ProgressError(ValueError):
    """Progress that cannot be kept; the message names the file and what can be done."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    page: str = ""
    """The id of the page that was open; empty before the first visit."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """The latest choice, counted from 1, by the id of the page."""

    def turned_to(self, page: str) -> "Progress":
        return replace(self, page=page)

    def answered(self, page: str, choice: int) -> "Progress":
        return replace(self, answers={**self.answers, page: choice})


def load(path: Path) -> tuple[Progress, str]:
    """The progress in a file, none where there is no file, and a message about one that was set aside."""
    try:
        return build(Progress, tomllib.loads(path.read_bytes().decode()), ""), ""
    except FileNotFoundError:
        return Progress(), ""
    except OSError as error:
        return Progress(), f"{path}: cannot be read: {error.strerror}; the course starts at its first page"
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8 or of ours
        return Progress(), f"{path}: {' '.join(str(error).split())}; {_set_aside(path)}; the course starts afresh"


def save(progress: Progress, path: Path) -> None:
    """Write the file beside its place, then put it there: a reader sees the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(tomli_w.dumps(asdict(progress)), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise ProgressError(f"{path}: cannot be written: {error.strerror}; progress is not remembered") from None


class KeptProgress:
    """Progress and its file; trouble with the file is reported once to `warn`, and the course goes on without it."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self.progress, self._trouble = load(path)

    def report(self) -> None:
        """Warn of what was wrong when the file was read."""
        if self._trouble:
            self._warn(self._trouble)

    def keep(self, progress: Progress) -> None:
        self.progress = progress
        try:
            save(progress, self._path)
        except ProgressError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._warn(self._trouble)


def _set_aside(path: Path) -> str:
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    kept = next(name for name in names if not name.exists())
    try:
        path.rename(kept)
    except OSError as error:
        return f"it could not be moved away: {error.strerror}"
    return f"it is kept as {kept.name}"
