"""A run of another program's log that is read to its end and on as it grows, as one of a comparison."""

import time
from collections.abc import Callable

from ...engine.config import RunConfig
from ...engine.events import RunDescribed
from ...engine.following.chosen_run import ChosenRun
from ...engine.following.shown_run import OVER_S
from ...engine.readers.log import Log
from ...engine.readers.settings import settings_of
from ..navigation import OpenLog
from ..view.comparison import MEAN_SPAN, ComparedRun
from ..view.run_view import RunView
from .followed_run import compared_view

_ROWS_A_SPAN = 20
"""The mean of a loss is over at most this part of a log: one row may be an epoch."""


class FollowedLogRun:
    """ReadError from `read_on`, where it cannot be read, or not any more."""

    may_grow = True
    """However long it has not been written."""

    def __init__(self, log: OpenLog, name: str) -> None:
        self._name = name
        self._path = log.path
        self._settings: dict[str, object] = {}
        self._settings_are_of: Log | None = None
        self._chosen = ChosenRun(log.name, log.path, run=log.run, given=log.columns)
        self._view = RunView.of(RunConfig()).after(RunDescribed(title=name, kind="log"))

    def read_on(self, tell: Callable[[float], None] = lambda share: None) -> bool:
        """Read what has been written since; whether there was anything.

        `tell` is called meanwhile, with how much of it is read; 0 where that is not known.
        """
        was_over, rows = self.is_over, len(self._view.curves)
        before = self._view.curves
        for batch in self._chosen.look():
            self._view = self._view.after_all(batch)
            tell(self._chosen.share_read or 0.0)
        if (log := self._chosen.log) is not None and log is not self._settings_are_of:
            self._settings_are_of = log
            self._settings = dict(settings_of(log, self._path, self._chosen.name))
        return self._view.curves is not before or len(self._view.curves) != rows or self.is_over != was_over

    def close(self) -> None:
        self._chosen.close()

    @property
    def is_over(self) -> bool:
        """As far as can be told: nothing was written for some time."""
        return time.time() - self._chosen.read.written_at > OVER_S

    def compared(self, letter: str) -> ComparedRun:
        """What has been read so far."""
        span = max(min(MEAN_SPAN, len(self._view.curves) // _ROWS_A_SPAN), 1)
        return compared_view(self._view, self._name, letter, self._settings, is_over=self.is_over, span=span)
