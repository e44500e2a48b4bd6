"""Regression in the target's own units, and modular addition, which waits long before it learns."""

import math
from random import Random

import torch
from torch import nn
from torch.nn import functional as F

from .loop import Batch, Training, constant, cosine, fit
from .trained_run import BROKEN, LogRow, Task, TrainedRun

MODULUS = 23


def _regression(
    draw: Random, *, lr: float, optimizer: str, epochs: int, log_every: int, noise: float = 0.3
) -> list[LogRow]:
    """Targets of size 1e6 or so, never scaled: rows a few steps or, with log_every = 0, an epoch apart."""
    torch.manual_seed(draw.getrandbits(31))
    samples = 4000 if noise < 1 else 150
    points = torch.randn(samples + 500, 8)
    scale = draw.choice((1e3, 1e6))
    targets = scale * (2 + points @ torch.randn(8) + points[:, 0] * points[:, 1] + noise * torch.randn(len(points)))
    net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))

    def loss(inputs: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, float]:
        error = scale * net(inputs)[:, 0] - wanted
        return error.square().mean(), error.abs().mean().item()

    def batch(step: int) -> Batch:
        chosen = torch.randint(samples, (50,))
        value, mae = loss(points[chosen], targets[chosen])
        return value, {"mae": mae}

    def evaluate() -> LogRow:
        value, mae = loss(points[samples:], targets[samples:])
        return {"val_loss": value.item(), "val_mae": mae}

    epoch_steps, steps = samples // 50, epochs * samples // 50
    return fit(
        Training(
            parameters=list(net.parameters()),
            batch=batch,
            steps=steps,
            lr=cosine(lr, steps) if optimizer == "adam" else constant(lr / scale**2),
            log_every=log_every or epoch_steps,
            evaluate=evaluate if draw.random() < 0.8 or not log_every else None,
            eval_every=epoch_steps,
            optimizer=optimizer,
            columns=("lr",) if draw.random() < 0.4 else (),
            averaged=not log_every,
            epoch_steps=epoch_steps,
        )
    )


def regression_in_millions(draw: Random) -> TrainedRun:
    """Squared errors of 1e6 to 1e12, once an epoch, falling."""
    rows = _regression(draw, lr=2e-3, optimizer="adam", epochs=draw.randint(10, 60), log_every=0)
    return TrainedRun(rows=rows, by_epoch=True)


def regression_by_steps(draw: Random) -> TrainedRun:
    """The same, a row every few steps."""
    return TrainedRun(rows=_regression(draw, lr=2e-3, optimizer="adam", epochs=12, log_every=draw.choice((1, 5, 10))))


def regression_diverges(draw: Random) -> TrainedRun:
    """Gradient descent with a rate above two over the curvature: the loss grows geometrically."""
    rows = _regression(draw, lr=draw.choice((0.8, 1.5)), optimizer="sgd", epochs=1, log_every=1)
    return TrainedRun(rows=rows, must=(("divergence", "nan", "exploding_gradients"),), may=BROKEN)


def regression_overfits(draw: Random) -> TrainedRun:
    """A hundred and fifty noisy samples, learnt by heart: the validation error turns and rises."""
    rows = _regression(draw, lr=2e-2, optimizer="adam", epochs=draw.randint(60, 90), log_every=0, noise=2.0)
    losses = [row["val_loss"] for row in rows]
    return TrainedRun(rows=rows, must=(("overfitting",),), by_epoch=True, onset=losses.index(min(losses)))


class _Addition(nn.Module):
    """a + b modulo MODULUS from two embeddings."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(MODULUS, 64)
        self.layers = nn.Sequential(nn.Linear(128, width), nn.ReLU(), nn.Linear(width, MODULUS))

    def loss(self, pairs: torch.Tensor) -> tuple[torch.Tensor, float]:
        logits, sums = self.layers(self.embedding(pairs).flatten(1)), pairs.sum(1) % MODULUS
        return F.cross_entropy(logits, sums), (logits.argmax(1) == sums).float().mean().item()


def plateau_then_drop(draw: Random) -> TrainedRun:
    """Modular addition from fresh pairs: long at ln(classes), then a drop to nothing."""
    torch.manual_seed(draw.getrandbits(31))
    model = _Addition(128)

    def batch(step: int) -> Batch:
        loss, acc = model.loss(torch.randint(MODULUS, (64, 2)))
        return loss, {"acc": acc}

    columns = ("lr", "grad_norm") if draw.random() < 0.6 else ()
    every = draw.choice((5, 10))
    rows = fit(
        Training(
            parameters=list(model.parameters()),
            batch=batch,
            steps=2500,
            lr=constant(7e-4),
            log_every=every,
            columns=columns,
            averaged=True,
        )
    )
    return TrainedRun(rows=rows)


def grokking(draw: Random) -> TrainedRun:
    """Half of all pairs with weight decay: learnt by heart first, understood much later."""
    torch.manual_seed(draw.getrandbits(31))
    pairs = torch.cartesian_prod(torch.arange(MODULUS), torch.arange(MODULUS))
    pairs = pairs[torch.randperm(len(pairs))]
    model, half = _Addition(128), int(0.6 * len(pairs))

    def batch(step: int) -> Batch:
        loss, acc = model.loss(pairs[:half])
        return loss, {"acc": acc}

    def evaluate() -> LogRow:
        loss, acc = model.loss(pairs[half:])
        return {"val_loss": loss.item(), "val_acc": acc}

    rows = fit(
        Training(
            parameters=list(model.parameters()),
            batch=batch,
            steps=2500,
            lr=constant(2e-3),
            log_every=10,
            evaluate=evaluate,
            eval_every=50,
            weight_decay=1.0,
            columns=("lr",),
        )
    )
    return TrainedRun(rows=rows, may=("overfitting",) if math.isfinite(rows[-1]["loss"]) else BROKEN)


TASKS: tuple[Task, ...] = (
    regression_in_millions,
    regression_by_steps,
    regression_diverges,
    regression_overfits,
    plateau_then_drop,
    grokking,
)
