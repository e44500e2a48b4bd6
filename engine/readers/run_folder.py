"""Our own runs: the events that count, as entries."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..events import Evaluated, LayersMeasured, RunStarted, StepFinished
from ..storage.event_log import surviving_events
from ..storage.run_folder import EVENTS, StoreError
from .format import Format
from .record import Record
from .source import ReadError


@dataclass(frozen=True)
class RunFolder(Format):
    path: Path
    name: str = "run folder"

    @classmethod
    def recognise(cls, path: Path) -> "RunFolder | None":
        """Also what may not be looked into: to open it says why."""
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
                        yield {
                            "step": event.step,
                            "total_steps": total,
                            "loss": event.loss,
                            "lr": event.lr,
                            "grad_norm": event.grad_norm,
                            "param_norm": event.param_norm,
                            "update_ratio": event.update_ratio,
                            "tokens_per_s": event.tokens_per_s,
                        }
                    case Evaluated():
                        yield {"step": event.step, "val_loss": event.val_loss}
                    case LayersMeasured():
                        yield {"step": event.step, "max_attention_logit": event.max_attention_logit}
                    case _:
                        continue
        except StoreError as error:
            raise ReadError(str(error)) from None
