"""A small perceptron that learns to tell classes apart, with the faults that a setup names."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .loop import Batch, Training, constant, cosine, fit
from .trained_run import LogRow


@dataclass(frozen=True, kw_only=True)
class Setup:
    classes: int = 10
    samples: int = 4000
    noise: float = 1.0
    """Spread of a class about its centre; the centres are one apart in each of 16 dimensions."""
    mislabelled: float = 0.0
    """Share of labels, in both sets, that are drawn anew."""
    epochs: int = 20
    lr: float = 2e-3
    batch: int = 50
    hidden: int = 64
    schedule: str = "constant"
    optimizer: str = "adam"
    log_every: int = 0
    """Steps between two rows; 0: one row an epoch."""
    has_validation: bool = True
    smoothing: float = 0.0
    mixup: bool = False
    is_shuffled: bool = True
    """Samples are drawn in random order; otherwise class after class."""
    frozen: bool = False
    nan_from: int = 0
    """The validation loss is computed as 0 log 0 from this epoch on."""
    dead_from: int = 0
    """From this epoch on all weights are zero, so that no gradient passes."""


class Samples:
    """Points about the centres of classes, and their labels."""

    def __init__(self, setup: Setup) -> None:
        self._centres = torch.randn(setup.classes, 16)
        self._setup = setup
        self.train = self._drawn(setup.samples)
        self.validation = self._drawn(1000)

    def _drawn(self, count: int) -> tuple[Tensor, Tensor]:
        setup = self._setup
        labels = torch.randint(setup.classes, (count,))
        points = self._centres[labels] + setup.noise * torch.randn(count, 16)
        wrong = torch.rand(count) < setup.mislabelled
        labels = torch.where(wrong, torch.randint(setup.classes, (count,)), labels)
        if not setup.is_shuffled:
            labels, order = labels.sort()
            points = points[order]
        return points, labels


class Classifier:
    """A perceptron in training: batches for the loop, and what an evaluation reports."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._samples = Samples(setup)
        head = nn.Linear(setup.hidden, setup.classes)
        self.net = nn.Sequential(nn.Linear(16, setup.hidden), nn.ReLU(), head)
        if setup.frozen:
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
            self.net.requires_grad_(False)
        self.epoch_steps = setup.samples // setup.batch
        self._order = torch.arange(setup.samples)
        self._epoch = 0

    def batch(self, step: int) -> Batch:
        setup, place = self._setup, (step - 1) % self.epoch_steps
        if place == 0:
            self._begin_epoch((step - 1) // self.epoch_steps + 1)
        chosen = self._order[place * setup.batch : (place + 1) * setup.batch]
        points, labels = self._samples.train[0][chosen], self._samples.train[1][chosen]
        if not setup.mixup:
            logits = self.net(points)
            loss = F.cross_entropy(logits, labels, label_smoothing=setup.smoothing)
        else:
            share, other = torch.rand(1), torch.randperm(len(labels))
            logits = self.net(share * points + (1 - share) * points[other])
            losses = [F.cross_entropy(logits, y, label_smoothing=setup.smoothing) for y in (labels, labels[other])]
            loss = share[0] * losses[0] + (1 - share[0]) * losses[1]
        return loss, {"acc": (logits.argmax(1) == labels).float().mean().item()}

    def _begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        if self._setup.is_shuffled:
            self._order = torch.randperm(self._setup.samples)
        if self._setup.dead_from == epoch:
            with torch.no_grad():
                for parameter in self.net.parameters():
                    parameter.zero_()
            self.net[0].requires_grad_(False)
            self.net[2].weight.requires_grad_(False)

    def evaluate(self) -> LogRow:
        points, labels = self._samples.validation
        logits = self.net(points)
        loss = F.cross_entropy(logits, labels).item()
        if self._setup.nan_from and self._epoch >= self._setup.nan_from:
            empty = torch.zeros(1)
            loss += (empty * empty.log()).item()
        return {"val_loss": loss, "val_acc": (logits.argmax(1) == labels).float().mean().item()}


def classified(setup: Setup, draw: Random) -> list[LogRow]:
    """The rows of one run; which columns are logged beside the losses is drawn."""
    torch.manual_seed(draw.getrandbits(31))
    task = Classifier(setup)
    steps = setup.epochs * task.epoch_steps
    lr = constant(setup.lr) if setup.schedule == "constant" else cosine(setup.lr, steps, steps // 20)
    columns = [name for name, share in (("lr", 0.5), ("grad_norm", 0.3)) if draw.random() < share]
    rows = fit(
        Training(
            parameters=list(task.net.parameters()),
            batch=task.batch,
            steps=steps,
            lr=lr,
            log_every=setup.log_every or task.epoch_steps,
            evaluate=task.evaluate if setup.has_validation else None,
            eval_every=task.epoch_steps,
            optimizer=setup.optimizer,
            columns=tuple(columns),
            averaged=not setup.log_every or draw.random() < 0.5,
            epoch_steps=task.epoch_steps,
        )
    )
    if draw.random() < 0.3:
        rows = [{name: value for name, value in row.items() if not name.endswith("acc")} for row in rows]
    return rows
