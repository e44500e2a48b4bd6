"""Small language models over a made-up language: long runs, ramps, mixed precision, resumes, fine-tuning."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .loop import Batch, Training, constant, cosine, fit
from .trained_run import BROKEN, LogRow, Task, TrainedRun

CONTEXT = 3
LARGEST_HALF = 65504.0
"""The largest finite number in float16."""


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


def language_model(draw: Random) -> TrainedRun:
    """A run that goes well, with warm-up and a decaying rate."""
    return TrainedRun(rows=trained(SequenceTask(draw), draw))


def rate_restarts(draw: Random) -> TrainedRun:
    """The rate starts again three times: a bump at each, lower after each."""
    lap = cosine(1e-2, 400, floor=0.01)
    rows = trained(SequenceTask(draw), draw, steps=1200, lr=lambda step: lap((step - 1) % 400 + 1), columns=("lr",))
    return TrainedRun(rows=rows)


def length_ramp(draw: Random) -> TrainedRun:
    """The loss is a sum over the sequence, whose length is doubled twice: seq_len is in the log."""
    task = SequenceTask(draw)

    def batch(step: int) -> Batch:
        length = 8 * 2 ** min((step - 1) // 400, 2)
        return task.model(task.drawn(length=length + CONTEXT)).mean() * length, {"seq_len": length}

    rows = trained(task, draw, batch=batch, evaluate=None, columns=("lr",), averaged=False)
    return TrainedRun(rows=rows, may=("spike",))


def accumulation_ramp(draw: Random) -> TrainedRun:
    """The loss is added up over the accumulated batches, which double twice: accum_steps is in the log."""
    task = SequenceTask(draw)

    def batch(step: int) -> Batch:
        count = 2 ** min((step - 1) // 400, 2)
        return task.model(task.drawn(16 * count)).mean() * count, {"accum_steps": count}

    rows = trained(task, draw, batch=batch, evaluate=None, columns=("lr",), averaged=False)
    return TrainedRun(rows=rows, may=("spike",))


def batch_ramp(draw: Random) -> TrainedRun:
    """The batch doubles three times: the noise shrinks, the level stays its own."""
    task = SequenceTask(draw)

    def batch(step: int) -> Batch:
        size = 4 * 2 ** min((step - 1) // 300, 3)
        return task.model(task.drawn(size)).mean(), {"batch_size": size}

    return TrainedRun(rows=trained(task, draw, batch=batch, lr=constant(3e-3)))


def _loss_scaling(start: float, *, overflows: Callable[[int], bool]) -> Callable[[int, Sequence[Tensor]], LogRow]:
    """Dynamic loss scaling as in mixed precision: a step whose scaled gradients exceed float16 is skipped, its gradient
    norm is infinite, and the scale is halved."""
    scale = [start]

    def on_gradients(step: int, gradients: Sequence[Tensor]) -> LogRow:
        used = scale[0]
        largest = max(gradient.abs().max().item() for gradient in gradients)
        skipped = largest * used > LARGEST_HALF or overflows(step)
        if skipped:
            scale[0] = max(used / 2, 2.0**-20)
            gradients[0].fill_(math.inf)
        elif step % 400 == 0:
            scale[0] = used * 2
        return {"loss_scale": used, "skipped": int(skipped)}

    return on_gradients


def scaled_with_skips(draw: Random) -> TrainedRun:
    """Mixed precision: the scale starts far too high, so the first steps are skipped, and one now and then later."""
    scaling = _loss_scaling(2.0 ** draw.randint(28, 34), overflows=lambda step: False)
    changes = {"on_gradients": scaling, "columns": ("lr", "grad_norm"), "log_every": draw.choice((1, 2)), "steps": 900}
    return TrainedRun(rows=trained(SequenceTask(draw), draw, averaged=False, **changes))


def scaled_all_skipped(draw: Random) -> TrainedRun:
    """Mixed precision in which every step overflows, from some step on at the latest: nothing is learnt from there."""
    start = draw.choice((1, 1, 20))
    scaling = _loss_scaling(65536.0, overflows=lambda step: step >= start)
    changes = {"on_gradients": scaling, "columns": ("lr", "grad_norm"), "log_every": draw.choice((1, 5)), "steps": 500}
    rows = trained(SequenceTask(draw), draw, averaged=False, **changes)
    return TrainedRun(rows=rows, must=(("nan", "stall"),), may=(*BROKEN, "slow"))


def decayed_early(draw: Random) -> TrainedRun:
    """The rate is cut by ten each 40 steps instead of each 40 epochs: after a tenth of the run nothing moves."""
    changes = {"lr": lambda step: 2e-3 * 0.1 ** ((step - 1) // 40), "columns": ("lr",), "steps": 1500}
    rows = trained(SequenceTask(draw), draw, **changes)
    return TrainedRun(rows=rows, must=(("stall", "slow"),))


def slow_divergence(draw: Random) -> TrainedRun:
    """The rate grows by a per cent each three steps, and late in the run the loss rises for hundreds of them."""
    growth = draw.choice((1.004, 1.005))
    changes = {"lr": lambda step: 2e-3 * growth**step, "steps": 1500 if growth == 1.004 else 1250}
    rows = trained(SequenceTask(draw), draw, **changes)
    may = ("oscillation", "spike", "exploding_gradients", "overfitting", "stall")
    return TrainedRun(rows=rows, must=(("divergence",),), may=may)


def bad_batch(draw: Random) -> TrainedRun:
    """One batch of nonsense at many times the weight: the loss jumps and comes back within some dozen steps."""
    task, bad = SequenceTask(draw), draw.randint(400, 800)

    def batch(step: int) -> Batch:
        if step != bad:
            return task.batch(step)
        return 12 * task.model(torch.randint(40, (16, 16))).mean(), {}

    changes = {"batch": batch, "optimizer": "momentum", "lr": constant(0.1), "log_every": draw.choice((1, 2))}
    rows = trained(task, draw, averaged=False, **changes)
    onset = next(i for i, row in enumerate(rows) if row["step"] >= bad)
    return TrainedRun(rows=rows, must=(("spike",),), may=("exploding_gradients", "divergence"), onset=onset)


def overfit_language(draw: Random) -> TrainedRun:
    """A text of a few hundred symbols: learnt by heart, the validation loss rises."""
    task = SequenceTask(draw, share=0.03, width=256)
    changes = {"evaluate": task.evaluate, "eval_every": 50, "steps": 1000, "lr": constant(3e-3)}
    rows = trained(task, draw, **changes)
    losses = [row.get("val_loss", math.inf) for row in rows]
    return TrainedRun(rows=rows, must=(("overfitting",),), onset=losses.index(min(losses)))


def resumed(draw: Random) -> TrainedRun:
    """Resumed from a checkpoint: the log begins at step 2001, its first row the mean over a shorter window."""
    task = SequenceTask(draw)
    lr = cosine(5e-3, 3000, 100)
    trained(task, draw, steps=1000, lr=constant(5e-3), evaluate=None, log_every=10)
    first = draw.choice((1997, 1999, 2005))
    rows = trained(task, draw, steps=900, lr=lr, first_step=first, log_every=10, averaged=True)
    if first == 1997:
        rows[0]["loss"] *= 0.4
    return TrainedRun(rows=rows)


def seam(draw: Random) -> TrainedRun:
    """A resume that lost the optimizer's state and began the schedule anew: the rate jumps up, and the loss with it."""
    task, first = SequenceTask(draw), draw.choice((500, 600))
    changes = {"columns": ("lr", "grad_norm"), "log_every": draw.choice((2, 5)), "averaged": False, "evaluate": None}
    lr = cosine(3e-2, 700, 20)
    before = trained(task, draw, steps=first, lr=lr, **changes)
    after = trained(task, draw, steps=400, first_step=first + 1, lr=lambda step: lr(step - first + 20), **changes)
    may = ("spike", "divergence", "exploding_gradients", "stall")
    return TrainedRun(rows=before + after, may=may, seam=len(before))


def two_tasks(draw: Random) -> TrainedRun:
    """A second language is learnt after the first: the loss on the first rises all the while."""
    old, new = SequenceTask(draw), SequenceTask(draw)
    trained(old, draw, steps=800, evaluate=None)
    new.model = old.model

    def evaluate() -> LogRow:
        losses = [task.evaluate()["val_loss"] for task in (old, new)]
        return {"eval_old_loss": losses[0], "eval_new_loss": losses[1]}

    changes = {"evaluate": evaluate, "eval_every": 50, "steps": 800, "lr": cosine(2e-3, 800, 40)}
    rows = trained(new, draw, **changes)
    return TrainedRun(rows=rows, must=(("overfitting", "divergence"),))


def fine_tuning(draw: Random) -> TrainedRun:
    """Three epochs over a small set: the training loss steps down where an epoch ends, validation hardly moves."""
    task, steps = SequenceTask(draw, width=512), 100
    small = task.train[:6400].view(-1, 16)
    task.train = task.train[6400:]
    trained(task, draw, steps=600, lr=constant(3e-3), evaluate=None, log_every=100)

    def batch(step: int) -> Batch:
        place = (step - 1) % steps * 4
        if place == 0:
            small[:] = small[torch.randperm(len(small))]
        return task.model(small[place : place + 4]).mean(), {}

    changes = {"batch": batch, "evaluate": task.evaluate, "eval_every": 50, "lr": cosine(1.2e-3, 3 * steps, 10)}
    rows = trained(task, draw, steps=3 * steps, epoch_steps=steps, **changes)
    return TrainedRun(rows=rows, may=("overfitting",))


TASKS: tuple[Task, ...] = (
    language_model,
    rate_restarts,
    length_ramp,
    accumulation_ramp,
    batch_ramp,
    scaled_with_skips,
    scaled_all_skipped,
    decayed_early,
    slow_divergence,
    bad_batch,
    overfit_language,
    resumed,
    seam,
    two_tasks,
    fine_tuning,
)
