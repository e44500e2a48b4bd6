"""The LR range test of the run on the screen, from its last checkpoint by the cursor or now."""

import asyncio

from textual.widget import Widget

from ...engine.client.run import Run
from ...engine.config import ConfigError
from ...engine.experiments.lr_range_process import range_start
from ...engine.storage.run_folder import StoreError
from ..experiments.lr_range_screen import LrRangeScreen
from ..navigation import ForkRun, StartRun
from ..plots.viewport import Viewport
from .sending import warn


async def find_lr(screen: Widget, run: Run, viewport: Viewport, *, ascii: bool) -> ForkRun | StartRun | None:
    """The run that goes on with a suggested lr; None where none is adopted."""
    assert run.path is not None, "the key is offered for a run on disk"
    step = None if viewport.cursor is None else max(round(viewport.cursor), 0)
    try:
        start = await asyncio.to_thread(range_start, run.path, step)
    except (StoreError, ConfigError) as error:
        warn(screen, str(error))
        return None
    return await screen.app.push_screen_wait(LrRangeScreen(run.path, start, ascii=ascii))
