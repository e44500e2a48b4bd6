"""Makes the README's picture: a real run on the real screen, its learning rate halved by a key while it trains."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from tinygpt_tui.engine.presets import planned
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.navigation import StartRun
from tinygpt_tui.tui.panels.plot_panel import PlotPanel
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.view.run_view import RunView

PICTURE = Path(__file__).parents[2] / "screen.svg"
SIZE = (120, 36)
RATE = "0.03"
"""Thirty times the baseline's: the loss rattles, and the diagnosis says why."""
HALVED_AFTER = 400
TAKEN_AFTER = 700
PATIENCE_S = 60


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.02)


def view_of(app: TinyGPTApp) -> RunView | None:
    return app.screen.view if isinstance(app.screen, RunScreen) else None


async def take_picture(app: TinyGPTApp, pilot: Pilot[None]) -> str:
    """Halve the rate and take the picture, each once the screen has come so far; then stop the run."""
    await until(lambda: (view := view_of(app)) and view.step >= HALVED_AFTER)
    await pilot.press("[")
    await until(lambda: (view := view_of(app)) and view.changes and view.step >= TAKEN_AFTER)
    for plot in app.screen.query(PlotPanel):
        plot.redraw()  # each draws in its own rhythm; in a picture they show the same step
    await pilot.pause()
    picture = app.export_screenshot(simplify=True)
    await pilot.press("x")
    await until(lambda: (view := view_of(app)) and view.end)
    return picture


async def picture_of_a_run() -> str:
    """Leaves neither a run nor a worker behind."""
    with tempfile.TemporaryDirectory() as folder:
        runs, (_, config) = Path(folder) / "runs", planned("baseline", {"schedule.lr": RATE}, Path.cwd())
        app = TinyGPTApp(runs, settings_file=Path(folder) / "settings.toml", destination=StartRun(config))
        try:
            async with app.run_test(size=SIZE) as pilot:
                return await take_picture(app, pilot)
        finally:
            for run in runs.glob("*"):
                if worker := find_worker(run):
                    os.kill(worker.pid, signal.SIGTERM)
                await until(lambda run=run: find_worker(run) is None)


def main() -> None:
    os.environ.pop("NO_COLOR", None)
    PICTURE.write_text(asyncio.run(picture_of_a_run()), encoding="utf-8")


if __name__ == "__main__":
    main()
