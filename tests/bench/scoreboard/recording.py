"""A case becomes the rows of its log: trained once, and read afterwards."""

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from tinygpt_tui.engine.config import DataConfig
from tinygpt_tui.engine.corpus import Corpus, load_corpus
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.events import Evaluated, Event, StepFinished
from tinygpt_tui.engine.metrics import step_values
from tinygpt_tui.engine.training.trainer import Trainer

from .case import Case

AFTER_NAN = 20
"""Steps that are trained on after the loss is no number: nothing more is to be learnt from them."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    case: Case
    seed: int
    rows: tuple[Row, ...]
    parameters: int

    @property
    def name(self) -> str:
        return f"{self.case.name}/{self.seed}"


def recording(case: Case, seed: int, *, folder: Path, again: bool = False) -> Recording:
    """The case's log, trained now if it is not in the folder; `again`: also if it is."""
    path = folder / f"{key(case, seed)}.json"
    if again or not path.exists():
        written = path.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(trained(case, seed)))
        written.rename(path)
    table = json.loads(path.read_text())
    rows = [Row(step, values) for step, values in table["rows"]]
    return Recording(case=case, seed=seed, rows=tuple(as_logged(case, rows)), parameters=table["parameters"])


def key(case: Case, seed: int) -> str:
    """Of all that decides the numbers but the engine's sources; the text is this Python's own library."""
    decides = (
        platform.python_version(),
        torch.__version__,
        sorted(case.keys(seed).items()),
        sorted(case.changes.items()),
    )
    return hashlib.sha256(repr(decides).encode()).hexdigest()[:24]


def trained(case: Case, seed: int) -> dict[str, object]:
    config = case.config(seed)
    run = Trainer(config, _corpus(config.data, config.model.context))
    rows: list[Row] = []
    left = AFTER_NAN
    while not run.finished and left:
        if run.step in case.changes:
            run.change(case.changes[run.step])
        new = merged(run.advance())
        rows += new
        left -= not math.isfinite(new[-1].values["loss"])
    return {"parameters": run.flat.weights.numel(), "rows": [(row.step, row.values) for row in rows]}


@cache
def _corpus(config: DataConfig, context: int) -> Corpus:
    return load_corpus(config, context=context)


def merged(events: Iterable[Event]) -> list[Row]:
    """A row a step, as a table has them."""
    values: dict[int, dict[str, float]] = {}
    for event in events:
        match event:
            case StepFinished():
                measured = step_values(event)
                values.setdefault(event.step, {}).update({name: measured[name] for name in ("loss", "lr", "grad_norm")})
            case Evaluated():
                values.setdefault(event.step, {})["val_loss"] = event.val_loss
            case _:
                pass
    return [Row(step, values[step]) for step in sorted(values)]


def as_logged(case: Case, rows: Sequence[Row]) -> Iterator[Row]:
    """The rows that the case's log holds."""
    if case.resumed:
        died, restored = case.resumed
        rows = [row for row in rows if row.step <= died] + [row for row in rows if row.step > restored]
    for row in rows:
        shown = {
            name: value if name == "lr" else value * case.unit
            for name, value in row.values.items()
            if name not in case.hidden and (name == "val_loss" or row.step % case.every == 0)
        }
        if shown and row.step >= case.logged_from:
            yield Row(row.step, shown)
