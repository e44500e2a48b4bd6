"""The process that trains a stored run again and compares: `python -m tinygpt_tui.engine.training.replaying RUN`."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ..corpus import load_corpus
from ..events import StepFinished
from ..experiments.journal import read_journal, stored_losses
from ..experiments.replay import ReplayReport
from ..storage.run_folder import CHECKPOINTS, StoreError
from ..storage.run_store import read_config
from ..storage.run_summary import summarise
from ..storage.stored_checkpoints import find_checkpoint
from .auto_settings import resolve
from .report_lines import write_reports
from .retrace import retrace
from .snapshot import restore
from .trainer import Trainer

REPORT_EVERY_S = 0.2


def reports(run: Path) -> Iterator[ReplayReport]:
    """One now and then, and the last one at the first difference or the end."""
    config = resolve(read_config(run))
    losses = stored_losses(run)
    first = next(losses, None)
    if first is None:
        raise StoreError(f"{run.name}: has no step that could be replayed")
    last = summarise(run).step
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    if first[0] > 1:  # a fork; its parent has what came before
        restore(find_checkpoint(run / CHECKPOINTS, str(first[0] - 1)).path, trainer)
    journal = read_journal(run)
    equal, steps, told = 0, last - first[0] + 1, 0.0
    expected = first
    for events in retrace(trainer, journal, last):
        now = next(event.loss for event in events if isinstance(event, StepFinished))
        if expected is None or expected[0] != trainer.step:
            raise StoreError(f"{run.name}: its log has no loss of step {trainer.step}")
        if now is None or not is_same(expected[1], now):
            yield ReplayReport(equal=equal, steps=steps, differs_at=trainer.step, was=expected[1], now=now or 0.0)
            return
        equal += 1
        if time.monotonic() - told > REPORT_EVERY_S:
            told = time.monotonic()
            yield ReplayReport(equal=equal, steps=steps)
        expected = next(losses, None)
    yield ReplayReport(equal=equal, steps=steps)


def is_same(was: float, now: float) -> bool:
    """To the last bit; JSON has one NaN only."""
    return was == now or (was != was and now != now)


if __name__ == "__main__":
    write_reports(reports(Path(sys.argv[1])), ReplayReport)
