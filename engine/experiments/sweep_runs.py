"""Trains the cells of a sweep, at most one a core, as runs in a temporary folder that are deleted one by one."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..client.live_run import LiveRun
from ..client.opening import start
from ..client.run import ClientError
from ..events import AnyEvent, Evaluated, RunEnded, StepFinished
from ..storage.run_reaper import delete
from ..storage.run_store import create
from .arms import usable_processors
from .sweep import SweepPlan, final_loss

CellState = Literal["waiting", "training", "ended", "failed"]


class SweepCell:
    """One short run of a sweep."""

    def __init__(self) -> None:
        self.state: CellState = "waiting"
        self.why = ""
        """Of one that failed."""
        self.losses: list[float] = []
        self.val_losses: list[float] = []

    @property
    def step(self) -> int:
        return len(self.losses)

    @property
    def is_over(self) -> bool:
        return self.state in ("ended", "failed")

    @property
    def loss(self) -> float:
        """So far; NaN before the first evaluation and where it diverged."""
        return final_loss(self.losses, self.val_losses)

    def note(self, event: AnyEvent) -> None:
        match event:
            case StepFinished(loss=float() as loss):
                self.losses.append(loss)
            case Evaluated() if event.step:
                self.val_losses.append(event.val_loss)
            case RunEnded(reason="failed" | "died"):
                self.state, self.why = "failed", event.detail
            case _:
                pass


class Sweep:
    def __init__(self, plan: SweepPlan, told: Callable[[], None] = lambda: None) -> None:
        self.plan = plan
        self.cells = [SweepCell() for _ in plan.cells]
        self._told = told

    @property
    def losses(self) -> list[float]:
        return [cell.loss if cell.state != "failed" else math.nan for cell in self.cells]

    @property
    def steps(self) -> int:
        """That all cells together have trained."""
        return sum(cell.step for cell in self.cells)

    async def run(self, folder: Path) -> None:
        """Until every cell has ended. The folder is the sweep's own; a cancelled one leaves nothing in it."""
        free = asyncio.Semaphore(max(usable_processors() // self.plan.config.training.cores, 1))

        async def train(place: int) -> None:
            async with free:
                await self._train(place, folder / f"cell-{place}")

        async with asyncio.TaskGroup() as group:
            for place in range(len(self.cells)):
                group.create_task(train(place))

    async def _train(self, place: int, path: Path) -> None:
        cell = self.cells[place]
        run: LiveRun | None = None
        try:
            config = self.plan.short(place)
            create(path.parent, config, path.name, datetime.now(UTC), numbered=False)
            cell.state = "training"
            run = await start(path)
            async for batch in run.batches():
                for event in batch:
                    cell.note(event)
                self._told()
        except ClientError as error:
            cell.state, cell.why = "failed", str(error)
        finally:
            if run is not None:
                await run.close()
            await asyncio.to_thread(delete, path)
        if cell.state == "training":
            cell.state = "ended"
        self._told()
