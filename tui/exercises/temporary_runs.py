"""Runs in a temporary folder, which are killed and deleted when their screen is left.

They are runs like any other, with a worker and a log; only who opens them differs. Should this process be killed, or
its terminal closed, a process beside it does the same.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.config import RunConfig
from ...engine.storage.run_reaper import delete, start_reaper
from ..navigation import StartRun
from ..view.run_view import RunView

if TYPE_CHECKING:
    from ...engine.client.run import Run
    from ..open_run import OpenedRun, Opener

_PUBLISHED_EVERY_S = 0.25


class TemporaryRuns:
    def __init__(self, open: Opener) -> None:
        self._open = open
        self._folder: Path | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        self._openings: set[asyncio.Future[OpenedRun]] = set()
        """Of the runs that were not discarded yet."""
        self._endings: set[asyncio.Task[None]] = set()

    async def start(self, config: RunConfig) -> OpenedRun:
        """A new run; as any opener it raises ConfigError, StoreError or ClientError."""
        if self._folder is None:
            self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tinygpt-tui-"))
            self._reaper = await asyncio.to_thread(start_reaper, self._folder)
        opening = asyncio.ensure_future(self._open(StartRun(config), self._folder))
        self._openings.add(opening)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._end(opening)
            raise

    def discard(self, run: OpenedRun) -> None:
        """Nobody looks at it any more."""
        for opening in [each for each in self._openings if _opened(each) is run]:
            self._end(opening)

    async def close(self) -> None:
        """Discard every run, and wait until all are gone."""
        for opening in list(self._openings):
            self._end(opening)
        while self._endings:
            await asyncio.gather(*self._endings, return_exceptions=True)
        if self._reaper is not None:
            await asyncio.to_thread(self._reaper.communicate)

    def _end(self, opening: asyncio.Future[OpenedRun]) -> None:
        if opening in self._openings:
            self._openings.remove(opening)
            ending = asyncio.create_task(_discarded(opening))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)


def _opened(opening: asyncio.Future[OpenedRun]) -> OpenedRun | None:
    is_open = opening.done() and not opening.cancelled() and opening.exception() is None
    return opening.result() if is_open else None


async def _discarded(opening: asyncio.Future[OpenedRun]) -> None:
    with suppress(ValueError, RuntimeError):  # it could not be opened, and the caller has the error
        run = await opening
        await run.close()
        if run.path is not None:
            await asyncio.to_thread(delete, run.path)


async def views(run: Run, now: Callable[[], float] = time.monotonic) -> AsyncIterator[RunView]:
    """The run as it grows, a few times a second, and as it was in the end."""
    view, published = RunView.of(run.config), 0.0
    yield view
    async for batch in run.batches():
        view = view.after_all(batch)
        if now() - published >= _PUBLISHED_EVERY_S:
            published = now()
            yield view
    yield view
