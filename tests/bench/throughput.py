"""Tokens a second: the engine with every default instrument, storing and checkpointing, against a plain PyTorch loop.

The engine is hosted as a worker hosts it. Every few steps it hands over for as many steps to the plain loop, and to the
same loop around the engine's model, so that a slow moment of the machine hits all; each has a process of its own.
Nothing is left out of the engine's time but its first steps: evaluations, samples, checkpoints and every line of the
log count.

    python tests/bench/throughput.py --write

With --write, the table in tests/bench/README.md is replaced.
"""

import argparse
import gc
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from multiprocessing.queues import SimpleQueue as Pipe
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import torch
from marked import replaced
from plain_loop import serve

from tinygpt_tui.engine.config import ModelConfig, RunConfig
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis
from tinygpt_tui.engine.events import Event
from tinygpt_tui.engine.hosting.host import Host
from tinygpt_tui.engine.hosting.interfaces import Hosted
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training.auto_settings import resolve
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.trainer import Trainer

README = Path(__file__).parent / "README.md"


@dataclass(frozen=True, kw_only=True)
class Case:
    layers: int
    heads: int
    width: int
    context: int
    batch: int
    steps: int
    slice: int
    """Steps between two hand-overs."""
    bar: float
    """The ratio that is asked of the engine."""


CASES = (
    Case(layers=2, heads=2, width=64, context=64, batch=4, steps=3000, slice=50, bar=1.0),
    Case(layers=4, heads=4, width=128, context=128, batch=8, steps=600, slice=10, bar=1.0),
    Case(layers=6, heads=6, width=384, context=256, batch=4, steps=100, slice=5, bar=2.0),
)


class Rival:
    """A plain loop in a process of its own, and the seconds that its steps took."""

    def __init__(self, case: Case, model: ModelConfig, tokens: np.ndarray, *, own_model: bool) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._asked: Pipe[int] = spawning.SimpleQueue()
        self._answered: Pipe[float] = spawning.SimpleQueue()
        serving = partial(serve, self._asked, self._answered, model, tokens, case.batch, own_model=own_model)
        self._process = spawning.Process(target=serving, daemon=True)
        self._process.start()
        self.seconds = 0.0

    def take(self, steps: int) -> None:
        self._asked.put(steps)
        self.seconds += self._answered.get()

    def leave(self) -> None:
        self._asked.put(0)
        self._process.join()


class Alternating(Trainer):
    """A trainer that lets plain loops take as many steps as it does itself, in turns."""

    def alternate(self, rivals: Sequence[Rival], slice: int) -> None:
        self._rivals, self._slice = rivals, slice
        self.away_s = 0.0
        """All the time in which this one trained nothing."""
        self._hand_over()

    def advance(self) -> list[Event]:
        if self.step == self._slice:  # all are warm
            self.began, self.away_s = time.perf_counter(), 0.0
            for rival in self._rivals:
                rival.seconds = 0.0
        if self.step and self.step % self._slice == 0:
            self._hand_over()
        return super().advance()

    def _hand_over(self) -> None:
        began = time.perf_counter()
        for rival in self._rivals:
            rival.take(self._slice)
        self.away_s += time.perf_counter() - began


@dataclass(frozen=True, kw_only=True)
class Measured:
    case: Case
    tokens_per_s: float
    """Of the engine."""
    to_plain: float
    """The engine's tokens/s over those of the textbook's GPT in a plain loop."""
    to_own_model: float
    """The same, over a plain loop around the engine's own model."""
    peak_share: float
    """Of what the machine multiplies in the precision that was chosen."""
    chosen: str
    """What the engine chose for itself: precision, threads, compilation."""


HEAD = ("size", "tokens/s", "over a plain loop", "over that loop with our model", "share of peak", "chosen")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("cases", nargs="*", type=int, help="which of the three sizes, from 0; all if none is named")
    arguments.add_argument("--write", action="store_true", help="replace the table in tests/bench/README.md")
    options = arguments.parse_args()
    peaks = {"fp32": matmul_peak(torch.float32), "bf16": matmul_peak(torch.bfloat16)}
    print("matrix-multiply peak: " + ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items()))
    measured = []
    for index in options.cases or range(len(CASES)):
        measured.append(compare(CASES[index], peaks))
        print(line(measured[-1]), flush=True)
    if options.write:
        README.write_text(replaced(README.read_text(), "throughput", table(measured, datetime.now(UTC).date())))


def line(one: Measured) -> str:
    return ", ".join(f"{name} {cell}" for name, cell in zip(HEAD, cells(one), strict=True)) + f" (bar {one.case.bar})"


def table(measured: Sequence[Measured], day: date) -> str:
    rows = [HEAD, ["---"] * len(HEAD), *map(cells, measured)]
    return "\n".join(
        [f"`make bench`, {day}, on {os.cpu_count()} cores:\n", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def cells(one: Measured) -> Sequence[str]:
    return (
        f"{one.case.layers}x{one.case.width}",
        f"{one.tokens_per_s:,.0f}",
        f"{one.to_plain:.2f}",
        f"{one.to_own_model:.2f}",
        f"{one.peak_share:.0%}",
        one.chosen,
    )


def compare(case: Case, peaks: dict[str, float]) -> Measured:
    model = ModelConfig(layers=case.layers, heads=case.heads, width=case.width, context=case.context)
    default = RunConfig()
    config = replace(default, model=model, training=replace(default.training, steps=case.steps, batch=case.batch))
    corpus = load_corpus(config.data, context=case.context)
    config = resolve(config)
    gc.freeze()  # as the worker does
    trainer = Alternating(config, corpus)
    plain, same_model = (Rival(case, model, corpus.train, own_model=own_model) for own_model in (True, False))
    trainer.alternate((plain, same_model), case.slice)
    with tempfile.TemporaryDirectory() as folder:
        run = create(Path(folder), config, None, datetime.now(UTC))
        saver = Checkpoints(run / "checkpoints", trainer, config.storage)
        with closing(EventLog(run)) as log:
            end = Host(Hosted(loop=trainer, saver=saver, diagnosis=Diagnosis(config)), log, SimpleQueue(), print).run()
        ours_s = time.perf_counter() - trainer.began - trainer.away_s
    plain.leave()
    same_model.leave()
    assert end.reason == "finished", end
    tokens = case.batch * case.context * (case.steps - case.slice)
    flops = tokens / ours_s * trainer.started().flops_per_token
    training = config.training
    return Measured(
        case=case,
        tokens_per_s=tokens / ours_s,
        to_plain=plain.seconds / ours_s,
        to_own_model=same_model.seconds / ours_s,
        peak_share=flops / peaks[training.precision],
        chosen=f"{training.precision}, {training.threads} threads{', compiled' if training.compile else ''}",
    )


def matmul_peak(dtype: torch.dtype, size: int = 2048, seconds: float = 1.0) -> float:
    """FLOP/s of the best of many square multiplications."""
    a, b = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        torch.mm(a, b)
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


if __name__ == "__main__":
    main()
