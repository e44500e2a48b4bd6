"""Several runs of ours and of other programs' logs as the runs of a comparison: read, and read on while they grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.config import ConfigError
from ...engine.readers.source import ReadError
from ...engine.storage.run_folder import StoreError
from ..navigation import OpenLog
from ..view.comparison import LETTERS, ComparedRun
from .followed_run import FollowedRun

if TYPE_CHECKING:
    from .followed_log import FollowedLogRun

UNREADABLE = (ConfigError, StoreError, ReadError, OSError)


class ComparedRuns:
    """Letters go by their order; a path is a run folder. `read` blocks, so a thread calls it."""

    def __init__(self, wanted: Sequence[Path | OpenLog]) -> None:
        self._wanted = [run for place, run in enumerate(wanted) if run not in wanted[:place]][: len(LETTERS)]
        self._names = distinct_names([_name(run) for run in self._wanted])
        self._followed: dict[int, FollowedRun | FollowedLogRun] = {}
        """By the place of their letter."""
        self._trouble: list[str] = []
        self._unreadable: set[int] = set()

    def read(self, tell: Callable[[float], None] = lambda share: None) -> bool:
        """Whether there was anything new. A run that cannot be read is left out from then on.

        `tell` is called meanwhile, with how much of all of them is read.
        """
        news = False
        for place, run in enumerate(self._wanted):
            if place in self._unreadable:
                continue
            try:
                if place not in self._followed:
                    self._followed[place] = _followed(run, self._names[place])
                of = len(self._wanted)
                news |= self._followed[place].read_on(lambda share, place=place, of=of: tell((place + share) / of))
            except UNREADABLE as error:
                self._unreadable.add(place)
                if left := self._followed.pop(place, None):
                    left.close()
                self._trouble.append(str(error))
        return news

    def runs(self) -> tuple[ComparedRun, ...]:
        return tuple(run.compared(LETTERS[place]) for place, run in self._followed.items())

    def new_trouble(self) -> list[str]:
        """Why runs are left out, each reported once."""
        trouble, self._trouble = self._trouble, []
        return trouble

    @property
    def are_over(self) -> bool:
        return not any(run.may_grow for run in self._followed.values())

    def close(self) -> None:
        for run in self._followed.values():
            run.close()


def _followed(run: Path | OpenLog, name: str) -> FollowedRun | FollowedLogRun:
    if isinstance(run, Path):
        return FollowedRun(run)
    from .followed_log import FollowedLogRun  # all readers, which the screen of a run does not wait for

    return FollowedLogRun(run, name)


def distinct_names(names: Sequence[str]) -> list[str]:
    """Paths without the folders at the beginning, and the parts at the end, that all of them share."""
    parts = [name.split("/") for name in names]
    if len(set(names)) < 2:
        return [*names]
    first = _shared(parts)
    parts = [each[first:] for each in parts]
    last = _shared([each[::-1] for each in parts])
    return ["/".join(each[: len(each) - last]) for each in parts]


def _shared(parts: Sequence[Sequence[str]]) -> int:
    """How many parts all begin with, short of a whole one."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*parts, strict=False))
    return min(len([*alike]), min(map(len, parts)) - 1)


def _name(run: Path | OpenLog) -> str:
    if isinstance(run, Path):
        return run.name
    return f"{run.name}/{run.run}" if run.run else run.name
