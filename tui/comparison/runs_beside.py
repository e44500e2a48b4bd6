"""The runs beside one: remembered in its folder, read from theirs, and read on while they train."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from ...engine.storage.relation import Relation, as_related, read_relation, related_runs, write_relation
from ..view.beside import OWN_LETTER, Beside
from ..view.comparison import MOST_RUNS, free_letter
from .compared_runs import UNREADABLE
from .followed_run import FollowedRun


class RunsBeside:
    """All of it blocks, so threads call it, one at a time."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._relation = read_relation(run)
        self._followed: dict[Path, tuple[str, FollowedRun]] = {}
        """With the letter, which a run keeps while others come and go."""

    @property
    def paths(self) -> list[Path]:
        """At most so many that each has a letter besides this run."""
        return related_runs(self._run, self._relation)[: MOST_RUNS - 1]

    @property
    def are_over(self) -> bool:
        """Whether none of those that can be read trains."""
        return all(followed.is_over for _, followed in self._followed.values())

    def choose(self, paths: Iterable[Path]) -> None:
        """Others; OSError where that cannot be remembered, and then they are beside the run all the same."""
        names = tuple(as_related(path, self._run.parent) for path in paths)[: MOST_RUNS - 1]
        # what was promised was promised against the first
        kept = self._relation if names[:1] == self._relation.runs[:1] else Relation()
        self._relation = msgspec.structs.replace(kept, runs=names)
        write_relation(self._run, self._relation)

    def read(self) -> Beside:
        """What there is of them by now; those that cannot be read are left out."""
        paths = self.paths
        self._followed = {path: each for path, each in self._followed.items() if path in paths}
        for path in paths:
            try:
                if path not in self._followed:
                    taken = [OWN_LETTER, *(letter for letter, _ in self._followed.values())]
                    self._followed[path] = free_letter(taken) or "", FollowedRun(path)
                self._followed[path][1].read_on()
            except UNREADABLE:
                self._followed.pop(path, None)
        runs = [self._followed[path] for path in paths if path in self._followed]
        is_main_there = bool(paths) and paths[0] in self._followed
        return Beside(
            runs=tuple(followed.compared(letter) for letter, followed in runs),
            fix=self._relation.fix if is_main_there else "",
            better_by=self._relation.better_by if is_main_there else None,
        )
