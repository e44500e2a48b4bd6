"""The probe of the data: the batches of the run as it was trained on them, drawn again without training."""

from torch import Tensor

from ...experiments.data_check import CheckedBatches, data_verdict, repetition
from ...experiments.probes import ProbeAnswer
from ..trainer import Trainer
from .run_copy import RunCopy

MOST_CHECKED = 1000
"""Steps whose batches are drawn again."""


def data(run: RunCopy) -> ProbeAnswer:
    return data_verdict(_checked(run), repetition(run.corpus.train, run.corpus.val))


def _checked(run: RunCopy) -> CheckedBatches:
    """Faults and what a person changed live are a matter of the step, so no weight is needed."""
    trainer = run.untrained()
    trainer.replay(run.journal.changes)
    first, last = run.began, max(run.step, run.began + 1)
    wrong, share = [], 0.0
    inputs_BT = targets_BT = None
    for step in range(first, min(last, first + MOST_CHECKED)):
        trainer.step = step
        trainer.replay()
        inputs_BT, targets_BT = _batch(trainer)
        if differing := (targets_BT[:, :-1] != inputs_BT[:, 1:]).float().mean().item():
            share = share if wrong else differing
            wrong.append(step + 1)
    assert inputs_BT is not None and targets_BT is not None
    return CheckedBatches(
        steps=min(last - first, MOST_CHECKED),
        wrong=tuple(wrong),
        share=share,
        inputs=bytes(inputs_BT[0].tolist()),
        targets=bytes(targets_BT[0].tolist()),
    )


def _batch(trainer: Trainer) -> tuple[Tensor, Tensor]:
    """The last of the accumulated ones."""
    settings = trainer.settings
    drawn = [trainer.batches.draw(settings.batch) for _ in range(settings.accumulation)]
    return trainer.faults.batches(trainer.step + 1, drawn)[-1]
