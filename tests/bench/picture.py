"""Makes the README's moving picture: a real run in the real program, and a finding whose fix one key applies.

A worker trains the preset "LR too high". Frames are taken while it trains, and in the picture each stays for as long as
is written here, so that a finding can be read; what they show is not changed.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from animation import Frame, animated
from textual.pilot import Pilot

from tinygpt_tui.engine.presets import planned
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.navigation import StartRun
from tinygpt_tui.tui.panels.plot_panel import PlotPanel
from tinygpt_tui.tui.run.screen import RunScreen
from tinygpt_tui.tui.view.run_view import RunView

PICTURE = Path(__file__).parents[2] / "demo.svg"
SIZE = (120, 36)
PRESET, FINDING = "lr-too-high", "divergence"
ONE_THREAD = {"training.threads": 1, "training.precision": "fp32", "training.compile": False}
"""The screen needs the other core."""
FRAME_S, READING_S = 0.2, 4.0
"""How long a frame stays in the picture."""
STEPS_A_FRAME = 10
"""After the fix; before it, every step that the screen shows is a frame."""
PATIENCE_S = 120


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.02)


class Camera:
    """Takes frames of the run screen."""

    def __init__(self, app: TinyGPTApp, pilot: Pilot[None]) -> None:
        self.frames: list[Frame] = []
        self._app = app
        self._pilot = pilot

    @property
    def view(self) -> RunView | None:
        return self._app.screen.view if isinstance(self._app.screen, RunScreen) else None

    async def take(self, caption: str, seconds: float) -> None:
        for plot in self._app.screen.query(PlotPanel):
            plot.redraw()  # each draws in its own rhythm; in a picture they show the same step
        await self._pilot.pause()
        self.frames.append(Frame(svg=self._app.export_screenshot(simplify=True), seconds=seconds, caption=caption))

    async def film(self, caption: str, steps: int, holds: Callable[[RunView], object]) -> None:
        """A frame every so many steps, until this holds."""
        due = 1
        async with asyncio.timeout(PATIENCE_S):
            while not ((view := self.view) and holds(view)):
                if view and view.step >= due:
                    due = view.step + steps
                    await self.take(caption, FRAME_S)
                await asyncio.sleep(0.02)

    async def press(self, key: str, holds: Callable[[RunView], object]) -> None:
        await self._pilot.press(key)
        await until(lambda: (view := self.view) and holds(view))


def is_found(view: RunView) -> bool:
    return any(episode.finding.kind == FINDING for episode in view.findings)


async def film_a_fix(camera: Camera) -> None:
    await camera.film(f"$ tinygpt-tui {PRESET}", 1, is_found)
    await camera.press("space", lambda view: view.state == "paused")
    await camera.take("The loss diverges, and the diagnosis says why. space pauses the run.", READING_S)
    await camera.press("f", lambda view: view.changes)
    await camera.take("f applies the first fix: the usual learning rate.", READING_S)
    await camera.press("space", lambda view: view.state != "paused")
    await camera.film("space goes on: the loss comes down.", STEPS_A_FRAME, lambda view: view.end)
    await camera.take("1000 steps later. a offers what to try next: a new run with the usual learning rate.", READING_S)


async def frames_of_a_run() -> tuple[list[Frame], str]:
    """Also the screen's background colour. Leaves neither a run nor a worker behind."""
    with tempfile.TemporaryDirectory() as folder:
        runs, (_, config) = Path(folder) / "runs", planned(PRESET, ONE_THREAD, Path.cwd())
        app = TinyGPTApp(runs, settings_file=Path(folder) / "settings.toml", destination=StartRun(config))
        try:
            async with app.run_test(size=SIZE) as pilot:
                camera = Camera(app, pilot)
                await film_a_fix(camera)
                return camera.frames, app.screen.styles.background.hex
        finally:
            for run in runs.glob("*"):
                if worker := find_worker(run):
                    os.kill(worker.pid, signal.SIGTERM)
                await until(lambda run=run: find_worker(run) is None)


def main() -> None:
    os.environ.pop("NO_COLOR", None)
    frames, background = asyncio.run(frames_of_a_run())
    PICTURE.write_text(animated(frames, background=background), encoding="utf-8")
    print(f"{PICTURE.name}: {len(frames)} frames, {PICTURE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
