"""A made-up language and a small model of it."""

from dataclasses import replace
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .loop import Batch, Training, cosine, fit
from .trained_run import LogRow

CONTEXT = 3
"""Symbols that a prediction is made from."""


class Language:
    """Symbols that follow each other with probabilities which depend on the last two."""

    def __init__(self, symbols: int = 40, length: int = 200) -> None:
        logits = 2.0 * torch.randn(symbols, symbols) + torch.randn(symbols)
        second = torch.randn(symbols, symbols)
        text = torch.randint(symbols, (2, 150))
        for _ in range(length):
            noise = -torch.log(-torch.log(torch.rand(150, symbols)))
            text = torch.cat([text, (logits[text[-1]] + second[text[-2]] + noise).argmax(1)[None]])
        self.text = text.T.flatten()

    def part(self, start: float, end: float) -> Tensor:
        return self.text[int(start * len(self.text)) : int(end * len(self.text))]


class SequenceModel(nn.Module):
    """Predicts a symbol from the three before it."""

    def __init__(self, symbols: int, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, 16)
        self.hidden = nn.Linear(CONTEXT * 16, width)
        self.out = nn.Linear(width, symbols)

    def forward(self, text: Tensor) -> Tensor:
        """(batch, length) -> the loss of each prediction, (batch x (length - CONTEXT))."""
        windows = text.unfold(1, CONTEXT, 1)[:, :-1]
        hidden = torch.tanh(self.hidden(self.embedding(windows).flatten(2)))
        return F.cross_entropy(self.out(hidden).flatten(0, 1), text[:, CONTEXT:].flatten(), reduction="none")


class SequenceTask:
    """A model, a text to learn and one to evaluate on."""

    def __init__(self, draw: Random, *, symbols: int = 40, share: float = 0.8, width: int = 64) -> None:
        torch.manual_seed(draw.getrandbits(31))
        language = Language(symbols)
        self.train, self.validation = language.part(0.0, share), language.part(0.8, 1.0)
        self.model = SequenceModel(symbols, width)

    def drawn(self, batch: int = 16, length: int = 16, text: Tensor | None = None) -> Tensor:
        text = self.train if text is None else text
        starts = torch.randint(len(text) - length, (batch,))
        return text[starts[:, None] + torch.arange(length)]

    def batch(self, step: int) -> Batch:
        return self.model(self.drawn()).mean(), {}

    def evaluate(self) -> LogRow:
        return {"val_loss": self.model(self.validation[:2048].view(-1, 64)).mean().item()}


def trained(task: SequenceTask, draw: Random, **changes: object) -> list[LogRow]:
    """A run as most people set it up, with changes."""
    steps = int(str(changes.get("steps", 1200)))
    columns = [name for name, share in (("lr", 0.7), ("grad_norm", 0.6)) if draw.random() < share]
    usual = Training(
        parameters=list(task.model.parameters()),
        batch=task.batch,
        steps=steps,
        lr=cosine(5e-3, steps, steps // 20),
        log_every=draw.choice((1, 5, 10)),
        evaluate=task.evaluate if draw.random() < 0.6 else None,
        eval_every=100,
        columns=tuple(columns),
        averaged=draw.random() < 0.5,
    )
    return fit(replace(usual, **changes))
