"""One training loop for all tasks that minimise one loss: it logs what a common trainer logs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .trained_run import LogRow

ROWS_AFTER_NAN = 6
"""Rows that are logged after the loss is no number."""

Batch = tuple[Tensor, Mapping[str, float]]
"""The loss of one batch and its other metrics. A metric that is an int is a setting and never averaged."""


@dataclass(frozen=True, kw_only=True)
class Training:
    parameters: Sequence[Tensor]
    batch: Callable[[int], Batch]
    """Called with the step, from 1."""
    steps: int
    lr: Callable[[int], float]
    log_every: int = 1
    evaluate: Callable[[], LogRow] | None = None
    eval_every: int = 0
    optimizer: str = "adam"
    weight_decay: float = 0.0
    columns: tuple[str, ...] = ()
    """Of lr and grad_norm, those that are logged."""
    averaged: bool = False
    """A row is the mean over the steps since the last one, not the last batch's value."""
    epoch_steps: int = 0
    """Steps of one epoch, where epochs are counted."""
    clip: float = math.inf
    first_step: int = 1
    on_gradients: Callable[[int, Sequence[Tensor]], LogRow] | None = None
    """May change the gradients in place, and returns metrics; a metric `skipped` of 1 leaves out the update."""


def fit(training: Training) -> list[LogRow]:
    optimizer = _optimizer(training)
    rows: list[LogRow] = []
    window: list[LogRow] = []
    nan_rows = 0
    for step in range(training.first_step, training.first_step + training.steps):
        window.append(_step(training, optimizer, step))
        if step % training.log_every == 0:
            row = _row(training, window, step)
            rows.append(row)
            window.clear()
            nan_rows += not math.isfinite(row["loss"])
            if nan_rows >= ROWS_AFTER_NAN:
                break
    return rows


def _optimizer(training: Training) -> torch.optim.Optimizer:
    parameters, decay = list(training.parameters), training.weight_decay
    if training.optimizer == "adam":
        return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=decay)
    momentum = 0.9 if training.optimizer == "momentum" else 0.0
    return torch.optim.SGD(parameters, lr=1e-3, momentum=momentum, weight_decay=decay)


def _step(training: Training, optimizer: torch.optim.Optimizer, step: int) -> LogRow:
    lr = training.lr(step)
    for group in optimizer.param_groups:
        group["lr"] = lr
    loss, metrics = training.batch(step)
    optimizer.zero_grad()
    gradients: list[Tensor] = []
    if loss.requires_grad:
        loss.backward()
        gradients = [p.grad for p in training.parameters if p.grad is not None]
    logged: LogRow = {"loss": loss.item(), **metrics}
    if training.on_gradients:
        logged.update(training.on_gradients(step, gradients))
    norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients))
    if norm > training.clip:
        for gradient in gradients:
            gradient.mul_(training.clip / norm)
    if not logged.get("skipped"):
        optimizer.step()
    measured = {"lr": lr, "grad_norm": norm}
    return logged | {name: measured[name] for name in training.columns}


def _row(training: Training, window: Sequence[LogRow], step: int) -> LogRow:
    row: LogRow = {"step": step}
    if training.epoch_steps:
        row["epoch"] = step / training.epoch_steps
        if training.log_every == training.epoch_steps:
            row["epoch"] = step // training.epoch_steps
    for name, last in window[-1].items():
        is_mean = training.averaged and not isinstance(last, int) and name != "lr"
        row[name] = sum(other[name] for other in window) / len(window) if is_mean else last
    if training.evaluate and step % training.eval_every == 0:
        with torch.no_grad():
            row.update(training.evaluate())
    return row


def cosine(peak: float, steps: int, warmup: int = 0, floor: float = 0.0) -> Callable[[int], float]:
    """lr by step: linear warm-up, then half a cosine down to floor x peak."""

    def lr(step: int) -> float:
        if step <= warmup:
            return peak * step / warmup
        share = min((step - warmup) / max(steps - warmup, 1), 1.0)
        return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2)

    return lr


def constant(lr: float) -> Callable[[int], float]:
    return lambda step: lr
