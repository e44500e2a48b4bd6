"""The runs that pages of the course train for their live figures; pages with the same run share it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from ...engine.client.run import ClientError
from ...engine.config import ConfigError
from ...engine.presets import find_preset
from ...engine.storage.run_store import StoreError
from ..exercises.temporary_runs import TemporaryRuns, views
from ..formatting import setting
from ..open_run import Opener
from ..view.run_view import RunView
from .figure_panel import CourseFigure
from .pages import Page

RunKey = tuple[str, tuple[tuple[str, object], ...]]
"""The preset of a live figure and what it sets otherwise."""
_GROUP = "live"
_MOST_NAMED = 2
"""Changed settings in the title of a run."""


class PageRuns:
    """Shows a page's figure and trains its run, one at a time."""

    def __init__(self, figure: CourseFigure, open: Opener, warn: Callable[[str], None]) -> None:
        self._figure = figure
        self._runs = TemporaryRuns(open)
        self._warn = warn
        self._views: dict[RunKey, RunView] = {}
        self._shown: RunKey | None = None
        self._training: RunKey | None = None

    def show(self, page: Page) -> None:
        key = self._shown = run_key(page)
        self._figure.page = page
        self._figure.view = self._views.get(key)
        self.train(page)

    def train(self, page: Page) -> None:
        """Let the page's run train, unless it does already or has ended."""
        key = run_key(page)
        seen = self._views.get(key)
        if page.train and key != self._training and (seen is None or seen.end is None):
            self._training = key
            self._figure.run_worker(self._train(page, key), group=_GROUP, exclusive=True)

    def stop(self) -> None:
        """The processors are wanted for something else, or the screen is left."""
        self._training = None
        self._figure.workers.cancel_group(self._figure, _GROUP)

    async def close(self) -> None:
        await self._runs.close()

    async def _train(self, page: Page, key: RunKey) -> None:
        try:
            _, config = await asyncio.to_thread(find_preset, page.train)
            title = run_title(config.title, page.changes)
            run = await self._runs.start(replace(config.with_changes(page.changes), title=title))
        except (ConfigError, StoreError, ClientError) as error:
            self._warn(str(error))
            return
        try:
            async for view in views(run):
                self._views[key] = view
                if self._shown == key:
                    self._figure.view = view
        finally:
            if self._training == key:
                self._training = None
            self._runs.discard(run)


def run_key(page: Page) -> RunKey:
    return page.train, tuple(sorted(page.changes.items()))


def run_title(preset: str, changes: Mapping[str, object]) -> str:
    """The preset's, and how the run differs from it, such as `Baseline, lr 0.003`."""
    named = [
        f"{key.rpartition('.')[2]} {setting(value) if isinstance(value, float) else value}"
        for key, value in list(changes.items())[:_MOST_NAMED]
    ]
    more = f" and {len(changes) - _MOST_NAMED} more" if len(changes) > _MOST_NAMED else ""
    return ", ".join([preset, *named]) + more
