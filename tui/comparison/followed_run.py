"""A run on disk that is read to its end and read on while it trains, as one of a comparison."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ...engine.config import RunConfig
from ...engine.events import RunDescribed
from ...engine.storage.event_log import Transcript
from ...engine.storage.run_folder import EVENTS, find_worker, open_file
from ...engine.storage.run_store import read_config, run_description
from ...engine.vocabulary import CHANCE_LOSS
from ..view.comparison import MEAN_SPAN, ComparedRun
from ..view.run_view import RunView

_CHUNK = 1 << 20


class FollowedRun:
    """ConfigError or StoreError, from the constructor and from `read_on`, where the run cannot be read."""

    def __init__(self, path: Path) -> None:
        about = run_description(path) or read_config(path)
        is_described = isinstance(about, RunDescribed)
        self.path = path
        self.is_over = False
        self._fresh = RunView.of(RunConfig() if is_described else about)
        self._view = self._fresh
        self._settings = dict[str, object](about.settings) if is_described else flat_settings(about)
        self._transcript = Transcript()
        self._offset = 0

    def read_on(self, tell: Callable[[float], None] = lambda share: None) -> bool:
        """Read what has been written since; whether there was anything. A log that is shorter is read anew.

        `tell` is called meanwhile, with how much of it is read.
        """
        was_over, before = self.is_over, self._offset
        self.is_over = find_worker(self.path) is None  # before the last bytes are read
        if not os.path.lexists(self.path / EVENTS):
            return False
        with os.fdopen(open_file(self.path / EVENTS, os.O_RDONLY), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size < self._offset:
                self._view, self._transcript, self._offset = self._fresh, Transcript(), 0
            file.seek(self._offset)
            while data := file.read(_CHUNK):
                self._offset += len(data)
                tell(min(self._offset / size, 1.0))
                self._view = self._view.after_all(self._transcript.feed(data))
        return self._offset != before or self.is_over != was_over

    @property
    def may_grow(self) -> bool:
        return not self.is_over

    def close(self) -> None:
        """No file is open between two reads."""

    def compared(self, letter: str) -> ComparedRun:
        """What has been read so far."""
        return compared_view(self._view, self.path.name, letter, self._settings, is_over=self.is_over)


def compared_view(
    view: RunView,
    name: str,
    letter: str,
    settings: dict[str, object],
    *,
    is_over: bool,
    span: int = MEAN_SPAN,
) -> ComparedRun:
    changes = ", ".join(f"{change.summary} after step {change.step}" for change in view.changes)
    return ComparedRun(
        letter=letter,
        name=name,
        curves=view.curves,
        evaluations=view.evaluations,
        settings=settings | ({"changed live": changes} if changes else {}),
        is_over=is_over,
        nan_steps=view.nan_steps,
        chance_loss=view.described.chance_loss if view.described else CHANCE_LOSS,
        span=span,
    )


def flat_settings(config: RunConfig) -> dict[str, object]:
    """By `section.key`; without the words of the lesson and the title, which change nothing about the training."""
    flat: dict[str, object] = {}
    for section, values in asdict(config).items():
        if section == "lesson":
            continue
        if isinstance(values, dict):
            flat |= {f"{section}.{key}": value for key, value in values.items()}  # pyright: ignore[reportUnknownVariableType]
    return flat
