"""Several runs on disk as the runs of a comparison: read, and read on while they train."""

from collections.abc import Sequence
from pathlib import Path

from ...engine.config import ConfigError
from ...engine.storage.run_folder import StoreError
from ..view.comparison import LETTERS, ComparedRun
from .followed_run import FollowedRun

UNREADABLE = (ConfigError, StoreError, OSError)


class ComparedRuns:
    """Letters go by the order of the paths; `read` blocks, so a thread calls it."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._letters = dict(zip(dict.fromkeys(paths), LETTERS, strict=False))
        self._followed: dict[Path, FollowedRun] = {}
        self._trouble: list[str] = []
        self._unreadable: set[Path] = set()

    def read(self) -> bool:
        """Whether there was anything new. A run that cannot be read is left out from then on."""
        news = False
        for path in [path for path in self._letters if path not in self._unreadable]:
            try:
                if path not in self._followed:
                    self._followed[path] = FollowedRun(path)
                news |= self._followed[path].read_on()
            except UNREADABLE as error:
                self._unreadable.add(path)
                self._followed.pop(path, None)
                self._trouble.append(str(error))
        return news

    def runs(self) -> tuple[ComparedRun, ...]:
        return tuple(run.compared(self._letters[path]) for path, run in self._followed.items())

    def new_trouble(self) -> list[str]:
        """Why runs are left out, each reported once."""
        trouble, self._trouble = self._trouble, []
        return trouble

    @property
    def are_over(self) -> bool:
        return all(run.is_over for run in self._followed.values())
