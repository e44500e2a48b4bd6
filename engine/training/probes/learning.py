"""Probes that train: can the model learn one batch by heart, and do larger models learn more."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from ...config import RunConfig
from ...events import StepFinished
from ...experiments.probe_verdicts import MEMORISED, cannot_tell, capacity_verdict, overfit_verdict
from ...experiments.probes import ProbeAnswer
from ..trainer import Trainer
from .one_batch import OneBatch
from .passes import gradient_norms
from .run_copy import RunCopy

MOST_STEPS = 200
"""On one batch; a healthy model of 64 numbers a token needs 50."""
MEMORISED_SEQUENCES = 4
"""In the batch, at most."""
CAPACITY_STEPS = 100


def overfit(run: RunCopy) -> ProbeAnswer:
    """From random weights."""
    trainer = run.untrained(usual_settings(run.config))
    trainer.batches = OneBatch(trainer.batches, trainer.settings.batch)
    losses: list[float] = []
    for _ in run.told(range(MOST_STEPS), MOST_STEPS):
        losses.append(_train_step(trainer))
        if losses[-1] < MEMORISED:
            break
    return overfit_verdict(losses)


def usual_settings(config: RunConfig) -> dict[str, Any]:
    """With which any model of this kind learns a batch, so that neither lr nor regularisation is in question."""
    lr = min(3e-3 * 64 / config.model.width, 1e-2)  # Adam's usual one, and less for wider models (Yang et al. 2022)
    return {
        "model.dropout": 0.0,
        "model.init_scale": 1.0,
        "optimizer.kind": "adamw",
        "optimizer.beta1": 0.9,
        "optimizer.beta2": 0.99,
        "optimizer.eps": 1e-8,
        "optimizer.bias_correction": True,
        "optimizer.weight_decay": 0.0,
        "optimizer.clip": 1.0,
        "schedule.kind": "constant",
        "schedule.lr": lr,
        "schedule.min_lr": lr / 10,
        "schedule.warmup_steps": 10,
        "schedule.batch_scaling": "none",
        "training.batch": min(config.training.batch, MEMORISED_SEQUENCES),
        "training.accumulation": 1,
        "training.processes": 1,
    }


def capacity(run: RunCopy) -> ProbeAnswer:
    """From random weights, on the same batches, with the settings of the run."""
    model, schedule = run.config.model, run.config.schedule
    larger = {
        "two layers more": {"model.layers": model.layers + 2},
        "twice the width": {"model.width": 2 * model.width},
    }
    faster = {"schedule.lr": 2 * schedule.lr, "schedule.min_lr": 2 * schedule.min_lr}
    steps = min(CAPACITY_STEPS, run.config.training.steps)
    of_all = (2 + len(larger)) * steps
    told = run.told(range(of_all), of_all)
    control = run.untrained({})
    losses = _losses(control, islice(told, steps))
    if not all(norm != 0 for norm in gradient_norms(control).values()):
        return cannot_tell("capacity", "some parameters get no gradient (`gradients`): mend that first")
    of_larger = {name: _losses(run.untrained(changes), islice(told, steps)) for name, changes in larger.items()}
    return capacity_verdict(losses, of_larger, _losses(run.untrained(faster), islice(told, steps)))


def _losses(trainer: Trainer, steps: Iterator[int]) -> list[float]:
    return [_train_step(trainer) for _ in steps]


def _train_step(trainer: Trainer) -> float:
    return next(event.loss for event in trainer.advance() if isinstance(event, StepFinished) and event.loss is not None)
