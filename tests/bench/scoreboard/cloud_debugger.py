"""Built-in rules of Amazon SageMaker Debugger, at their defaults.

https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html; the numbers are from the page of each rule
(loss-not-decreasing, overfit, overtraining, vanishing-gradient, exploding-tensor).
"""

import math
from collections.abc import Iterator
from statistics import fmean

from .rule import Log, Rule, series

DECREASE_STEPS = 10
OVERFIT_RATIO = 0.1
TRAIN_PATIENCE, VALIDATION_PATIENCE, IMPROVEMENT = 5, 10, 0.1
MEAN_GRADIENT = 1e-7


def loss_not_decreasing(rows: Log, _: int) -> Iterator[int]:
    """Every ten steps: the loss is not lower than it was at least ten steps before."""
    checked: tuple[int, float] | None = None
    for step, loss in series(rows, "loss"):
        if checked is not None and step < checked[0] + DECREASE_STEPS:
            continue
        if checked is not None and not loss < checked[1]:
            yield step
        checked = step, loss


def overfit(rows: Log, _: int) -> Iterator[int]:
    """At an evaluation: the validation loss is a tenth above the mean training loss since the one before."""
    losses: list[float] = []
    for row in rows:
        if "loss" in row.values:
            losses.append(row.values["loss"])
        if "val_loss" in row.values and losses:
            mean = fmean(losses)
            losses.clear()
            if row.values["val_loss"] - mean > OVERFIT_RATIO * mean:
                yield row.step


def overtraining(rows: Log, _: int) -> Iterator[int]:
    """Neither loss has a new optimum, by 0.1, within its patience, in steps at which it was saved."""
    names = ("loss", "val_loss") if any("val_loss" in row.values for row in rows) else ("loss",)
    best = dict.fromkeys(names, math.inf)
    waited = dict.fromkeys(names, 0)
    patience = {"loss": TRAIN_PATIENCE, "val_loss": VALIDATION_PATIENCE}
    for row in rows:
        for name in names:
            if name in row.values:
                is_better = row.values[name] < best[name] - IMPROVEMENT
                waited[name] = 0 if is_better else waited[name] + 1
                best[name] = row.values[name] if is_better else best[name]
        if all(waited[name] > patience[name] for name in names):
            yield row.step


def vanishing_gradient(rows: Log, parameters: int) -> Iterator[int]:
    """The mean absolute gradient, which is at most the norm over the root of how many there are."""
    return (step for step, norm in series(rows, "grad_norm") if norm / math.sqrt(parameters) < MEAN_GRADIENT)


def exploding_tensor(rows: Log, _: int) -> Iterator[int]:
    names = ("loss", "grad_norm")
    return (row.step for row in rows if any(not math.isfinite(row.values.get(name, 0.0)) for name in names))


DEBUGGER = (
    Rule(
        name="LossNotDecreasing",
        meant=frozenset({"stall", "slow", "divergence", "oscillation"}),
        steps=loss_not_decreasing,
    ),
    Rule(name="Overfit", meant=frozenset({"overfitting"}), steps=overfit),
    Rule(name="Overtraining", meant=frozenset({"overfitting"}), steps=overtraining),
    Rule(name="VanishingGradient", meant=frozenset({"vanishing_gradients"}), steps=vanishing_gradient),
    Rule(name="ExplodingTensor", meant=frozenset({"nan", "exploding_gradients"}), steps=exploding_tensor),
)
