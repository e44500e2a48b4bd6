"""The process of an LR range test: `python -m tinygpt_tui.engine.training.lr_testing`, with a request on its input.

It trains a copy of a run in memory, from a checkpoint or from the start, and writes nothing to disk.
"""

import math
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from ..config import RunConfig
from ..corpus import load_corpus
from ..experiments.lr_range import has_diverged, range_lrs
from ..experiments.lr_range_process import LrRangeReport, LrRangeRequest
from ..toml_tables import build
from .auto_settings import resolve
from .report_lines import write_reports
from .snapshot import restore
from .trainer import Trainer

_REPORT_EVERY_S = 0.1
RANGE_SEQUENCES = 16
"""Held-out ones that are measured after every step: an evaluation of a whole run would cost more than the steps."""


def range_steps(trainer: Trainer) -> Iterator[tuple[float, float]]:
    """Each lr and the val_loss after a step with it, until that diverges; the schedule of the run is left out."""
    losses: list[float] = []
    for lr in range_lrs().tolist():
        held = replace(
            trainer.settings.schedule, kind="constant", lr=lr, min_lr=0.0, warmup_steps=0, batch_scaling="none"
        )
        trainer.apply(replace(trainer.settings, schedule=held, lr_scale=1.0))
        trainer.advance()
        losses.append(trainer.evaluate().val_loss)
        if not math.isfinite(losses[-1]):
            return
        yield lr, losses[-1]
        if has_diverged(losses):
            return


def range_reports(request: LrRangeRequest) -> Iterator[LrRangeReport]:
    """Every tenth of a second what is new."""
    config = resolve(build(RunConfig, tomllib.loads(request.config), ""))
    quiet = replace(
        config.instruments, evaluate_every=0, evaluate_sequences=RANGE_SEQUENCES, sample_every=0, layers_every=0
    )
    endless = replace(config.training, steps=1_000_000_000, compile=False)
    config = replace(config, instruments=quiet, training=endless)
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    if request.checkpoint:
        restore(Path(request.checkpoint), trainer)
    lrs, losses, told = [], [], time.monotonic()
    for lr, loss in range_steps(trainer):
        lrs.append(lr)
        losses.append(loss)
        if time.monotonic() - told > _REPORT_EVERY_S:
            yield LrRangeReport(lrs=lrs, losses=losses)
            lrs, losses, told = [], [], time.monotonic()
    yield LrRangeReport(lrs=lrs, losses=losses)


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.readline(), type=LrRangeRequest)
    write_reports(range_reports(asked), LrRangeReport)
