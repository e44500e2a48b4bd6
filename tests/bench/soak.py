"""A simulated day of redraws of a plot, four a second, while its run goes on: memory must stay flat.

python tests/bench/soak.py            # 345 600 redraws, at the speed of the machine
python tests/bench/soak.py 20000
"""

import asyncio
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from itertools import count

from textual.app import App, ComposeResult

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import StepFinished
from tinygpt_tui.tui.panels.loss import LossPanel
from tinygpt_tui.tui.panels.plot_panel import PlotPanel
from tinygpt_tui.tui.run.process_memory import resident_bytes
from tinygpt_tui.tui.view.run_view import RunView

A_DAY = 4 * 86_400
REPORTS = 20
FRAME_EVERY = 50
"""Redraws after which what is drawn is also painted on the screen."""
STEPS = 20_000


class OnePlot(App[None]):
    def __init__(self, plot: PlotPanel) -> None:
        super().__init__()
        self.plot = plot

    def compose(self) -> ComposeResult:
        yield self.plot


def views() -> Iterator[RunView]:
    """A run at ever later steps; it begins again when it is long, for its columns must not grow for ever."""
    chance = random.Random(0)
    while True:
        view = RunView.of(RunConfig(title="Soak"))
        for step in range(1, STEPS + 1):
            view = view.after(_row(step, 2 + 3.5 * math.exp(-step / 150) + chance.gauss(0, 0.1)))
            yield view


def _row(step: int, loss: float) -> StepFinished:
    return StepFinished(
        step=step,
        time=float(step),
        loss=math.nan if step % 997 == 0 else loss,
        lr=1e-3,
        tokens=256 * step,
        tokens_per_s=6e4,
        grad_norm=0.8,
        clipped=False,
        grad_max=0.05,
        grad_min=1e-9,
        param_norm=20.0,
        update_ratio=1e-3,
    )


async def soak(redraws: int, size: tuple[int, int] = (80, 20)) -> list[int]:
    """Resident bytes of this process, at every twentieth of the redraws."""
    app, memory, every = OnePlot(LossPanel()), [], max(redraws // REPORTS, 1)
    began = time.monotonic()
    async with app.run_test(size=size) as pilot:
        for number, view in zip(count(1), views(), strict=False):
            app.plot.view = view
            app.plot.redraw()
            if number % FRAME_EVERY == 0:
                await pilot.pause()
            if number % every == 0:
                memory.append(resident_bytes(os.getpid()) or 0)
                print(f"{number:>7} redraws  {time.monotonic() - began:6.0f} s  {memory[-1] / 1e6:.1f} MB", flush=True)
            if number == redraws:
                return memory
    return memory


if __name__ == "__main__":
    asyncio.run(soak(int(sys.argv[1]) if len(sys.argv) > 1 else A_DAY))
