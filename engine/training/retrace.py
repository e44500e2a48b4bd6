"""Computing a run's past again: the same steps, with the changes that were made live at their steps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..events import Event, SettingsChanged
from .trainer import Trainer


def retrace(
    trainer: Trainer, changes: Sequence[SettingsChanged], planned_steps: Sequence[tuple[int, int]], until: int
) -> Iterator[list[Event]]:
    """Go on from where the trainer is, up to a step; yields the events of each. See `experiments.journal.Journal`."""
    trainer.replay(change for change in changes if change.step >= trainer.step)
    while trainer.step < until:
        _plan(trainer, planned_steps)
        yield trainer.advance()


def _plan(trainer: Trainer, planned_steps: Sequence[tuple[int, int]]) -> None:
    """A run that was given a later end had a schedule of another shape before."""
    training = trainer.config.training
    steps = next((steps for since, steps in reversed(planned_steps) if since <= trainer.step), training.steps)
    if steps != training.steps:
        trainer.config = replace(trainer.config, training=replace(training, steps=steps))
