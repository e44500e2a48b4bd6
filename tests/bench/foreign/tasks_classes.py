"""Classification by a small perceptron, logged once an epoch or every few steps."""

import math
from dataclasses import replace
from random import Random

from .classifier import Setup, classified
from .trained_run import BROKEN, LogRow, Task, TrainedRun

STUCK = (("stall", "slow", "vanishing_gradients"),)


def _classes(draw: Random) -> Setup:
    classes = draw.choice((2, 10, 100))
    samples = 4000 if classes < 100 else 8000
    return Setup(
        classes=classes, samples=samples, noise=draw.choice((1.4, 2.0)), mislabelled=draw.choice((0.0, 0.1)), lr=5e-4
    )


def _at_epoch(rows: list[LogRow], epoch: int) -> int:
    return next(i for i, row in enumerate(rows) if row["epoch"] >= epoch)


def few_epochs(draw: Random) -> TrainedRun:
    """4 to 9 epochs of a run that goes well."""
    setup = replace(
        _classes(draw), epochs=draw.randint(4, 9), samples=8000, schedule=draw.choice(("constant", "cosine"))
    )
    return TrainedRun(rows=classified(setup, draw), by_epoch=True)


def many_epochs(draw: Random) -> TrainedRun:
    """20 to 40 epochs with a decaying rate: falls, then flattens where the mislabelled samples hold it."""
    setup = replace(
        _classes(draw), epochs=draw.randint(20, 40), samples=8000, mislabelled=0.1, schedule="cosine", lr=1e-3
    )
    setup = replace(setup, hidden=24, noise=1.2, batch=100, classes=draw.choice((2, 10)))
    return TrainedRun(rows=classified(setup, draw), by_epoch=True)


def thousand_classes(draw: Random) -> TrainedRun:
    """A thousand classes, from ln 1000 down, a row every few steps."""
    setup = Setup(
        classes=1000, samples=20000, noise=0.4, epochs=3, batch=50, lr=4e-3, log_every=draw.choice((5, 10, 20))
    )
    return TrainedRun(rows=classified(replace(setup, schedule="cosine"), draw))


def classes_by_steps(draw: Random) -> TrainedRun:
    """A run that goes well, a row every few steps, an evaluation an epoch."""
    setup = replace(_classes(draw), epochs=8, samples=8000, log_every=draw.choice((1, 5, 10)), schedule="cosine")
    return TrainedRun(rows=classified(replace(setup, has_validation=draw.random() < 0.6), draw))


def smoothed_mixup(draw: Random) -> TrainedRun:
    """MixUp and label smoothing: the training loss stays above the validation loss, by design."""
    setup = Setup(
        noise=1.4,
        samples=3000,
        lr=1e-3,
        hidden=32,
        mixup=True,
        smoothing=0.1,
        epochs=draw.randint(10, 30),
        schedule="cosine",
    )
    return TrainedRun(rows=classified(setup, draw), by_epoch=True)


def small_batches(draw: Random) -> TrainedRun:
    """Batches of four: noisy losses, each of one batch, on a curve that falls."""
    setup = Setup(
        noise=1.2, samples=6000, batch=4, lr=5e-4, epochs=1, has_validation=False, log_every=draw.choice((1, 2))
    )
    return TrainedRun(rows=classified(setup, draw))


def overfit_few_samples(draw: Random) -> TrainedRun:
    """A few hundred samples for a wide network: the training loss goes to nothing, the validation loss rises."""
    setup = Setup(classes=draw.choice((2, 10)), samples=400, noise=2.0, mislabelled=0.1, hidden=256, batch=20, lr=2e-3)
    rows = classified(replace(setup, epochs=draw.randint(15, 40)), draw)
    return TrainedRun(rows=rows, must=(("overfitting",),), by_epoch=True, onset=_least(rows))


def overfit_by_steps(draw: Random) -> TrainedRun:
    """The same, with a training row every few steps and a validation an epoch."""
    setup = Setup(classes=100, samples=1500, noise=1.0, mislabelled=0.1, hidden=256, batch=25, lr=2e-3, epochs=25)
    rows = classified(replace(setup, log_every=draw.choice((5, 10, 20))), draw)
    return TrainedRun(rows=rows, must=(("overfitting",),), onset=_least(rows))


def _least(rows: list[LogRow]) -> int:
    """The row with the lowest validation loss."""
    losses = [row.get("val_loss", math.inf) for row in rows]
    return losses.index(min(losses))


def labels_shuffled(draw: Random) -> TrainedRun:
    """All labels are drawn at random: the loss is at ln(classes), the accuracy at one in so many."""
    setup = Setup(classes=draw.choice((2, 10, 100)), samples=10000, mislabelled=1.0, hidden=8, batch=100, lr=1e-3)
    setup = replace(setup, epochs=draw.randint(7, 25), has_validation=draw.random() < 0.7)
    return TrainedRun(rows=classified(setup, draw), must=STUCK, by_epoch=True)


def labels_shuffled_by_steps(draw: Random) -> TrainedRun:
    """The same, a row every few steps."""
    setup = Setup(classes=draw.choice((10, 100, 1000)), samples=20000, mislabelled=1.0, hidden=8, lr=1e-3, epochs=2)
    return TrainedRun(rows=classified(replace(setup, log_every=draw.choice((2, 5))), draw), must=STUCK)


def frozen_network(draw: Random) -> TrainedRun:
    """Everything is frozen and the head is zero: exactly ln(classes) in each row."""
    setup = Setup(classes=draw.choice((2, 10, 100, 1000)), frozen=True, epochs=draw.randint(6, 15))
    return TrainedRun(rows=classified(setup, draw), must=STUCK, by_epoch=True)


def dead_network(draw: Random) -> TrainedRun:
    """Goes well for some epochs, then all units are dead: at ln(classes) from there to the end."""
    setup = Setup(dead_from=draw.randint(5, 8), epochs=draw.randint(14, 24), classes=draw.choice((10, 100)))
    rows = classified(setup, draw)
    may = ("vanishing_gradients", "stall", "divergence", "spike", "exploding_gradients")
    return TrainedRun(
        rows=rows,
        must=(("divergence", "stall", "vanishing_gradients"),),
        may=may,
        by_epoch=True,
        onset=_at_epoch(rows, setup.dead_from),
    )


def rate_too_low(draw: Random) -> TrainedRun:
    """A rate a few hundred times too low: falls, steadily, and ends where it should have been after an epoch."""
    setup = Setup(lr=draw.choice((3e-6, 1e-5)), samples=8000, epochs=draw.randint(8, 16), noise=1.0)
    return TrainedRun(rows=classified(setup, draw), must=(("slow", "stall"),), by_epoch=True)


def rate_too_low_by_steps(draw: Random) -> TrainedRun:
    """The same, a row every few steps."""
    setup = Setup(
        lr=1e-5, samples=8000, epochs=8, noise=1.0, classes=draw.choice((10, 100)), log_every=draw.choice((5, 10))
    )
    return TrainedRun(rows=classified(setup, draw), must=(("slow", "stall"),))


def rate_too_high(draw: Random) -> TrainedRun:
    """A rate so high that the loss goes up by orders of magnitude, to NaN where the run lasts."""
    optimizer, lr = draw.choice((("momentum", 1.5), ("momentum", 4.0), ("sgd", 6.0)))
    setup = Setup(lr=lr, optimizer=optimizer, epochs=draw.randint(6, 12), hidden=128)
    rows = classified(replace(setup, log_every=draw.choice((0, 0, 5))), draw)
    must = (("divergence", "nan", "stall", "oscillation", "exploding_gradients"),)
    return TrainedRun(rows=rows, must=must, may=BROKEN, by_epoch=rows[0]["epoch"] == 1)


def nan_in_validation(draw: Random) -> TrainedRun:
    """Only the validation loss is NaN, from some epoch on."""
    setup = replace(_classes(draw), epochs=draw.randint(8, 20), samples=8000, nan_from=draw.randint(3, 6))
    rows = classified(setup, draw)
    return TrainedRun(rows=rows, must=(("nan",),), by_epoch=True, onset=_at_epoch(rows, setup.nan_from))


def unshuffled_classes(draw: Random) -> TrainedRun:
    """Class after class, unshuffled: each is learnt by heart and the last one forgotten, a sawtooth."""
    setup = Setup(classes=draw.choice((5, 10)), samples=4000, is_shuffled=False, has_validation=False, epochs=6)
    setup = replace(setup, noise=2.2, hidden=16, batch=40, lr=5e-3)
    rows = classified(replace(setup, log_every=draw.choice((1, 2))), draw)
    return TrainedRun(rows=rows, must=(("oscillation", "spike"),), may=BROKEN)


TASKS: tuple[Task, ...] = (
    few_epochs,
    many_epochs,
    thousand_classes,
    classes_by_steps,
    smoothed_mixup,
    small_batches,
    overfit_few_samples,
    overfit_by_steps,
    labels_shuffled,
    labels_shuffled_by_steps,
    frozen_network,
    dead_network,
    rate_too_low,
    rate_too_low_by_steps,
    rate_too_high,
    nan_in_validation,
    unshuffled_classes,
)
