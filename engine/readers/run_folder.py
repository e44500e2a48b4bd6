"""Our own runs: the events that count, as entries."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..events import Evaluated, LayersMeasured, RunStarted, StepFinished
from ..metrics import EACH_STEP, METRICS, step_values
from ..storage.event_log import surviving_events
from ..storage.run_folder import EVENTS, StoreError
from .format import Format
from .record import Record
from .source import ReadError

_READ = [name for name in EACH_STEP if METRICS[name].columns]
"""What is looked for in any log: that of a run of our own gives no more than another tool's."""


@dataclass(frozen=True)
class RunFolder(Format):
    path: Path
    name: str = "run folder"

    @classmethod
    def recognise(cls, path: Path) -> "RunFolder | None":
        """Also a folder without read permission: opening it raises the reason."""
        try:
            return cls(path) if path.is_dir() and (path / EVENTS).exists() else None
        except PermissionError:
            return cls(path)

    def records(self, chunks: Iterable[bytes] = ()) -> Iterator[Record]:
        total: int | None = None
        try:
            for event in surviving_events(self.path, sys.maxsize):
                match event:
                    case RunStarted():
                        total = event.steps
                    case StepFinished():
                        values = step_values(event)
                        yield {"step": event.step, "total_steps": total, **{name: values.get(name) for name in _READ}}
                    case Evaluated():
                        yield {"step": event.step, "val_loss": event.val_loss}
                    case LayersMeasured():
                        yield {"step": event.step, "max_attention_logit": event.max_attention_logit}
                    case _:
                        continue
        except StoreError as error:
            raise ReadError(str(error)) from None
