"""Small language models that go on from something learnt before: a resume, another language, a small set."""

from random import Random

import torch

from .language import SequenceTask, trained
from .loop import Batch, constant, cosine
from .trained_run import LogRow, Task, TrainedRun


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
    may = ("seam", "spike", "divergence", "exploding_gradients", "stall")
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


TASKS: tuple[Task, ...] = (resumed, seam, two_tasks, fine_tuning)
