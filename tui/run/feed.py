"""Follows a run: folds its events into a view, and publishes the view as often as redrawing may cost."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from ...engine.arrivals import Arrival, LinesPrinted, LogRead
from ...engine.client.run import Run
from ...engine.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    LayersMeasured,
    RunEnded,
    SampleGenerated,
    StepFinished,
    TimeSpent,
)
from ...engine.finished_steps import FinishedSteps
from ...engine.readers.step_columns import StepColumns
from ...engine.storage.run_store import StoreError, run_description
from ..throttle import Throttle
from ..view.run_view import RunView, was_read

_MANY = 500
"""Events in one batch from which they are folded in a thread: the keyboard stays quick while a long run is read."""
_MANY_ROWS = 2000
_COLUMNS = (StepColumns, FinishedSteps)
_FREQUENT = {
    StepColumns,
    FinishedSteps,
    LogRead,
    LinesPrinted,
    StepFinished,
    TimeSpent,
    LayersMeasured,
    CheckpointSaved,
    Evaluated,
    SampleGenerated,
}
"""Events that can wait for the next publication; the others are published at once."""


def first_view(run: Run) -> RunView:
    """Before its events have come: of its configuration, or of the description that an attached loop begins with."""
    view = RunView.of(run.config)
    try:
        described = run_description(run.path) if run.path is not None else None
    except StoreError:
        return view  # the events tell why the run cannot be read
    return view if described is None else view.after(described)


def _folded(view: RunView, batch: Sequence[Arrival]) -> RunView:
    view = view.after_all(batch)
    view.curves.rows.continue_means()
    return view


class RunFeed:
    """`publish` gets each view that is due; `set_timer` calls back after so many seconds."""

    def __init__(
        self,
        run: Run,
        pace: Throttle,
        *,
        publish: Callable[[RunView], None],
        set_timer: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self.newest = first_view(run)
        """The view of every event so far, published or not."""
        self.preview = self.newest.after_all(getattr(run, "beginning", ()))
        """With the first steps, where those were read before: the panels that it has are shown from the beginning."""
        self.newest_at = 0.0
        """Seconds since 1970 at which the latest event came about."""
        self.is_closed = False
        """From then on nothing is published: the screen's widgets are removed while the run may still send events."""
        self._run = run
        self._pace = pace
        self._publish_view = publish
        self._set_timer = set_timer
        self._is_waiting = False

    async def follow(self, on_events: Callable[[Sequence[Arrival]], None]) -> None:
        """Publish until the run's events end; a run whose events end without a `RunEnded` has died.

        `on_events` gets the batches that hold anything besides steps.
        """
        async for batch in self._run.batches():
            kinds = {*map(type, batch)}  # a long run comes in thousands of batches of steps alone
            rows = 0 if kinds.isdisjoint(_COLUMNS) else sum(len(each) for each in batch if isinstance(each, _COLUMNS))
            before = self.newest
            if len(batch) > _MANY or rows > _MANY_ROWS:
                self.newest = await asyncio.to_thread(_folded, self.newest, batch)
            else:
                self.newest = self.newest.after_all(batch)
            self.newest_at = getattr(batch[-1], "time", self.newest_at)
            if not kinds <= {StepFinished, FinishedSteps}:
                on_events(batch)
            is_whole = was_read(before, self.newest)
            if not is_whole and (len(batch) > _MANY or kinds <= _FREQUENT):
                self._publish_soon()  # a stored past comes in many batches, each with findings
            else:
                self._publish()
        if self.is_closed:
            return  # the events ended because the screen was left
        if self.newest.end is None:
            detail = "it was interrupted: its process is gone and said no last word"
            self.newest = self.newest.after(RunEnded(step=self.newest.step, reason="died", detail=detail))
        self._publish()

    def add(self, event: AnyEvent) -> None:
        """Show an event that the run itself has not sent."""
        self.newest = self.newest.after(event)
        self._publish()

    def _publish_soon(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._set_timer(self._pace.wait_s(), partial(self._publish, in_turn=True))

    def _publish(self, *, in_turn: bool = False) -> None:
        if self.is_closed:
            return
        self._is_waiting = False
        self._pace.drawn(in_turn=in_turn)
        self._publish_view(self.newest)
