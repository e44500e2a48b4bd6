"""When a followed run is shown: what is read piece by piece waits for its turn, and the whole of it does not."""

from collections.abc import AsyncIterator, Sequence

import numpy as np

from tinygpt_tui.engine.arrivals import Arrival, LogRead
from tinygpt_tui.engine.events import RunEnded
from tinygpt_tui.engine.readers.step_columns import StepColumns
from tinygpt_tui.tui.run.feed import RunFeed
from tinygpt_tui.tui.throttle import Throttle
from tinygpt_tui.tui.view.run_view import RunView

from .scripted_run import ScriptedRun, started, steps


class ReadRun(ScriptedRun):
    """Hands out what was read in these batches."""

    def __init__(self, batches: Sequence[Sequence[Arrival]]) -> None:
        super().__init__()
        self._batches = batches

    async def batches(self) -> AsyncIterator[list[Arrival]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        for batch in self._batches:
            yield [*batch]


async def published(batches: Sequence[Sequence[Arrival]]) -> list[RunView]:
    """What is shown while no time passes, so that no turn is due after the first."""
    views: list[RunView] = []
    throttle = Throttle(1.0, lambda: 100.0, lambda: 0.0)
    throttle.drawn()
    feed = RunFeed(ReadRun(batches), throttle, publish=views.append, set_timer=lambda delay, then: None)
    await feed.follow(lambda events: None)
    return views[:-1]  # the end of the batches is shown whatever came before


def rows(start: int, end: int) -> StepColumns:
    place = np.arange(start, end, dtype="f8")
    return StepColumns(steps=place, columns={"loss": 3 - 0.001 * place})


async def test_a_log_is_shown_as_soon_as_it_was_read_to_its_end_and_then_in_turn() -> None:
    read, more = LogRead(columns={"loss": "loss"}), LogRead(columns={"loss": "loss"}, rows=900)
    grown = LogRead(columns={"loss": "loss"}, rows=950)
    shown = await published([[read], [rows(0, 500)], [rows(500, 900)], [more], [rows(900, 950)], [grown]])
    assert [view.step for view in shown] == [899]


async def test_a_stored_run_is_shown_as_soon_as_its_end_was_read_however_many_events_came_with_it() -> None:
    run = ScriptedRun()
    past = [started(run.config), *steps(run.config, [3.0] * 600)]
    shown = await published(
        [past, [*steps(run.config, [2.9] * 600, first=601), RunEnded(step=1200, reason="finished")]]
    )
    assert [view.step for view in shown] == [1200]
