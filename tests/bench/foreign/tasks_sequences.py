"""Small language models over a made-up language: long runs, ramps, mixed precision, faults of the rate."""

import math
from collections.abc import Callable, Sequence
from random import Random

import torch
from torch import Tensor

from .language import CONTEXT, SequenceTask, trained
from .loop import Batch, constant, cosine
from .trained_run import BROKEN, LogRow, Task, TrainedRun

LARGEST_HALF = 65504.0
"""The largest finite number in float16."""


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
)
