"""What tests of screens need: wait until something holds, and read what is shown."""

import asyncio
from collections.abc import Callable

from textual.app import App
from textual.pilot import Pilot

PATIENCE_S = 60
"""Far more than anything takes, for a machine may have eight other things to do."""


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await pilot.pause()


def shown(app: App[None]) -> str:
    """The text of the screen, line by line."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in lines[:height])[: (width + 1) * height]
