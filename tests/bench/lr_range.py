"""Whether what the LR range test suggests trains well: `python -m tests.bench.lr_range`, some minutes on two cores.

For each optimizer and size: the best val_loss of a sweep over seven lrs, and that of the suggestion.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.experiments.lr_range import SUGGESTED, lr_suggestions, with_peak_lr
from tinygpt_tui.engine.optimizers import OPTIMIZERS, OptimizerKind
from tinygpt_tui.engine.presets import find_preset

STEPS = 300
SIZES = {"1x32": (1, 32), "2x64": (2, 64)}
KINDS: tuple[OptimizerKind, ...] = ("adam", "sgd")
TOLERANCE = 1.05


def planned(kind: OptimizerKind, size: str) -> RunConfig:
    layers, width = SIZES[size]
    return find_preset("baseline")[1].with_changes(
        {
            "optimizer.kind": kind,
            "model.layers": layers,
            "model.width": width,
            "training.steps": STEPS,
            "training.device": "cpu",
            "training.precision": "fp32",
            "training.threads": 1,
            "training.compile": False,
            "schedule.warmup_steps": STEPS // 20,
            "instruments.layers_every": 0,
            "instruments.evaluate_every": 0,
            "instruments.sample_every": 0,
        }
    )


def val_loss(config: RunConfig, lr: float) -> float:
    from tinygpt_tui.engine.corpus import load_corpus
    from tinygpt_tui.engine.training.trainer import Trainer

    config = config.with_changes({"schedule.min_lr": 0.0}).with_changes(with_peak_lr(config.schedule, lr))
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    while not trainer.finished:
        trainer.advance()
    return trainer.evaluate().val_loss


def suggested(config: RunConfig) -> float:
    from tinygpt_tui.engine.corpus import load_corpus
    from tinygpt_tui.engine.training.lr_testing import RANGE_SEQUENCES, range_steps
    from tinygpt_tui.engine.training.trainer import Trainer

    endless = replace(config.training, steps=1_000_000_000)
    short = replace(config.instruments, evaluate_sequences=RANGE_SEQUENCES)
    config = replace(config, training=endless, instruments=short)
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    lrs, losses = zip(*range_steps(trainer), strict=True)
    return next(each.lr for each in lr_suggestions(lrs, losses) if each.rule == SUGGESTED)


def row(kind: OptimizerKind, size: str) -> str:
    config = planned(kind, size)
    lrs = OPTIMIZERS[kind].usual_lr * np.geomspace(1 / 30, 30, 7)
    swept = [val_loss(config, float(lr)) for lr in lrs]
    best = float(np.nanmin(swept))
    lr = suggested(config)
    ours = val_loss(config, lr)
    verdict = "within 5 %" if ours <= TOLERANCE * best else "NOT within 5 %"
    where = f"{best:.3f} at {lrs[int(np.nanargmin(swept))]:.2g}"
    return f"| {kind} {size} | {where} | {ours:.3f} at {lr:.2g} | {ours / best:.3f} | {verdict} |"


if __name__ == "__main__":
    print("| run | best of 7 lrs | suggestion | ratio | |\n|---|---|---|---|---|")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for line in [pool.submit(row, kind, size) for kind in KINDS for size in SIZES]:
            print(line.result(), flush=True)
