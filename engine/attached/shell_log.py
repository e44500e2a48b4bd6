"""Rows of a loop that is no Python program: each call of `tinygpt-tui log` appends one to a run folder.

Nothing stays in memory between two calls, so the findings of a row need the rows before it: they are read again.
"""

from collections.abc import Mapping
from pathlib import Path

from ..diagnostics.diagnosis import Diagnosis
from ..diagnostics.run_statistics import RunFacts
from ..events import Evaluated, Event, RunDescribed, RunEnded, RunStarted, StepFinished
from ..hosting.interfaces import with_findings
from ..storage.event_log import EventLog, all_events, tail_events
from ..storage.run_folder import EVENTS, unoccupied
from ..storage.run_store import create_described, open_described
from .step_row import step_row

MOST_REPLAYED = 1 << 20
"""Bytes of a log that are read again for each row, 40 ms of work; in a longer one findings wait for the end."""


def append_row(
    runs: Path,
    name: str,
    numbers: Mapping[str, float],
    *,
    step: int | None = None,
    steps: int | None = None,
    is_last: bool = False,
) -> tuple[Path, bool]:
    """Append one step to the newest run of that name that has not ended, or to a new one, and whether it is new.

    StoreError or OSError where that cannot be.

    `val_loss` among the numbers is an evaluation. Without a number the step follows the last one. `is_last` ends the
    run, after its last step if there is one.
    """
    known = open_described(runs, name)
    is_new = known is None
    run = known or create_described(runs, name)
    with unoccupied(run):
        log = EventLog(run)
        try:
            fresh: list[Event] = _opening(name, steps) if is_new else []
            last = 0 if is_new else _last_step(run)
            here = step if step is not None else last + 1 if numbers.keys() - {"val_loss"} else last
            fresh += _row(here, numbers)
            if is_last:
                fresh.append(RunEnded(step=here, reason="finished"))
            diagnosis = _diagnosis(run, is_last=is_last)
            for event in fresh:
                log.append(*([event] if diagnosis is None else with_findings(event, diagnosis)))
        finally:
            log.close()
    return run, is_new


def _opening(name: str, steps: int | None) -> list[Event]:
    return [RunDescribed(title=name, kind="loop"), RunStarted(step=0, steps=steps, pid=0)]


def _row(step: int, numbers: Mapping[str, float]) -> list[Event]:
    values = {**numbers}
    val_loss = values.pop("val_loss", None)
    row: list[Event] = [step_row(step, values)] if values else []
    return row if val_loss is None else [*row, Evaluated(step=step, val_loss=val_loss)]


def _last_step(run: Path) -> int:
    rows = [event for event in tail_events(run) if isinstance(event, StepFinished | Evaluated)]
    return rows[-1].step if rows else 0


def _diagnosis(run: Path, *, is_last: bool) -> Diagnosis | None:
    """Of the rows so far; None where they are too many to be read for one row."""
    if (run / EVENTS).stat().st_size > MOST_REPLAYED and not is_last:
        return None
    stored = list(all_events(run))
    steps = next((event.steps for event in stored if isinstance(event, RunStarted)), None)
    diagnosis = Diagnosis(facts=RunFacts(steps=steps))
    for event in stored:
        diagnosis.observe(event)
    return diagnosis
