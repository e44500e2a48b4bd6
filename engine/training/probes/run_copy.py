"""A copy of a run in memory, for experiments on it: the run's folder is read and never written."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from ...corpus import load_corpus
from ...experiments.journal import first_non_finite_step, read_journal
from ...experiments.probes import ProbeWork
from ...storage.run_folder import CHECKPOINTS, StoreError
from ...storage.run_store import read_config
from ...storage.run_summary import summarise
from ...storage.stored_checkpoints import CheckpointError, stored_checkpoints
from ..auto_settings import resolve
from ..retrace import retrace
from ..snapshot import restore
from ..trainer import Trainer

_TOLD_EVERY_S = 0.2

_Each = TypeVar("_Each")

UNMEASURED = {
    "instruments.evaluate_every": 0,
    "instruments.sample_every": 0,
    "instruments.layers_every": 0,
    "training.compile": False,
}
"""Nothing is measured besides the steps, and no compiler passes over hooks."""


class RunCopy:
    """ConfigError, CorpusError or StoreError where the run cannot be trained."""

    def __init__(self, run: Path, tell_work: Callable[[ProbeWork], None] = lambda _: None) -> None:
        self.run = run
        self._tell_work = tell_work
        self.config = resolve(read_config(run)).with_changes(UNMEASURED)
        self.corpus = load_corpus(self.config.data, context=self.config.model.context)
        self.journal = read_journal(run)
        self.began = self.journal.planned_steps[0][0] if self.journal.planned_steps else 0
        """The step after which its log begins: that of its parent, if it is a fork."""
        self.step = summarise(run).step
        self.bad_step = first_non_finite_step(run)
        """The first whose loss or gradient norm is not finite."""

    def untrained(self, changes: Mapping[str, Any] | None = None) -> Trainer:
        """At step 0, with other settings where that is asked for."""
        return Trainer(self.config.with_changes(changes or {}), self.corpus)

    def at(self, step: int) -> Trainer:
        """In the state that the run had after a step, computed again from the nearest checkpoint that can be read."""
        trainer = self.untrained()
        self._restore_nearest(trainer, step)
        deque(self.told(retrace(trainer, self.journal, step), step - trainer.step), maxlen=0)
        return trainer

    def told(self, steps: Iterable[_Each], of: int) -> Iterator[_Each]:
        """The same steps; every now and then it is reported how far they are."""
        began = told = time.monotonic()
        for done, step in enumerate(steps):
            if done == 0 or time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                self._tell_work(ProbeWork(done=done, of=of, spent_s=told - began))
            yield step

    @property
    def latest(self) -> Trainer:
        """In its last state from which a step is finite, about to draw that step's batch; without dropout.

        It is shared, so its weights must stay as they are.
        """
        trainer, draws = self._latest
        trainer.batches.generator.set_state(draws)
        return trainer

    @cached_property
    def _latest(self) -> tuple[Trainer, Tensor]:
        last = self.step if self.bad_step is None else max(self.bad_step - 2, self.began)
        trainer = self.at(last)
        trainer.apply(replace(trainer.settings, dropout=0.0))
        return trainer, trainer.batches.generator.get_state()

    def _restore_nearest(self, trainer: Trainer, step: int) -> None:
        for stored in reversed(stored_checkpoints(self.run / CHECKPOINTS)):
            if stored.step <= step:
                with suppress(CheckpointError):  # a run that trains may have deleted it meanwhile
                    restore(stored.path, trainer)
                    return
        if self.began:
            raise StoreError(f"{self.run.name}: none of its checkpoints up to step {step} can be read")
