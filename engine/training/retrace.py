"""Computing a run's past again: the same steps, with the changes that were made live at their steps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch

from ..events import Event, SettingsChanged
from .trainer import Trainer


class Past(Protocol):
    """See `experiments.journal.Journal`."""

    @property
    def changes(self) -> Sequence[SettingsChanged]: ...
    @property
    def planned_steps(self) -> Sequence[tuple[int, int]]: ...
    @property
    def processes(self) -> Sequence[tuple[int, int, int]]: ...


def retrace(trainer: Trainer, past: Past, until: int) -> Iterator[list[Event]]:
    """Go on from where the trainer is, up to a step; yields the events of each."""
    trainer.replay(change for change in past.changes if change.step >= trainer.step)
    while trainer.step < until:
        _plan(trainer, past.planned_steps)
        _share(trainer, past.processes)
        yield trainer.advance()


def _plan(trainer: Trainer, planned_steps: Sequence[tuple[int, int]]) -> None:
    """A run that was given a later end had a schedule of another shape before."""
    training = trainer.config.training
    steps = next((steps for since, steps in reversed(planned_steps) if since <= trainer.step), training.steps)
    if steps != training.steps:
        trainer.config = replace(trainer.config, training=replace(training, steps=steps))


def _share(trainer: Trainer, processes: Sequence[tuple[int, int, int]]) -> None:
    """A run may have gone on in another number of processes."""
    training = trainer.config.training
    earlier = ((count, threads) for since, count, threads in reversed(processes) if since <= trainer.step)
    count, threads = next(earlier, (training.processes, training.threads))
    if (count, threads) != (training.processes, training.threads):
        trainer.config = replace(trainer.config, training=replace(training, processes=count, threads=threads))
        trainer.gradients.compute_in_turn(count)
        torch.set_num_threads(int(threads))
