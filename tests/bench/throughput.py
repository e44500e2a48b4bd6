"""Tokens a second: the engine with every default instrument, storing and checkpointing, against a plain PyTorch loop.

The engine is hosted as a worker hosts it. Every few steps it hands over to the plain loop for as many steps, so that a
slow moment of the machine hits both; each has a process of its own. Nothing is left out of the engine's
time but its first steps: evaluations, samples, checkpoints and every line of the log count.
"""

import argparse
import gc
import multiprocessing
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.queues import SimpleQueue as Pipe
from pathlib import Path
from queue import SimpleQueue

import torch
from plain_loop import serve

from tinygpt_tui.engine.checkpoint import Checkpoints
from tinygpt_tui.engine.config import ModelConfig, RunConfig
from tinygpt_tui.engine.corpus import load
from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis
from tinygpt_tui.engine.event_log import EventLog
from tinygpt_tui.engine.events import Event
from tinygpt_tui.engine.host import Host
from tinygpt_tui.engine.hosted import Hosted
from tinygpt_tui.engine.store import create
from tinygpt_tui.engine.trainer import Trainer
from tinygpt_tui.engine.tune import resolve


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


class Alternating(Trainer):
    """A trainer that lets a plain loop take as many steps as it does itself, in turns."""

    def alternate(self, asked: Pipe[int], answered: Pipe[float], case: Case) -> None:
        self._asked, self._answered = asked, answered
        self._case = case
        self.plain_s = self.away_s = 0.0
        """What the plain loop's steps took, and all the time in which this one trained nothing."""
        self._hand_over(case.slice)

    def advance(self) -> list[Event]:
        if self.step == self._case.slice:  # both are warm
            self.began, self.plain_s, self.away_s = time.perf_counter(), 0.0, 0.0
        if self.step and self.step % self._case.slice == 0:
            self._hand_over(self._case.slice)
        return super().advance()

    def _hand_over(self, steps: int) -> None:
        began = time.perf_counter()
        self._asked.put(steps)
        self.plain_s += self._answered.get()
        self.away_s += time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("cases", nargs="*", type=int, help="which of the three sizes, from 0; all if none is named")
    peaks = {"fp32": matmul_peak(torch.float32), "bf16": matmul_peak(torch.bfloat16)}
    print("matrix-multiply peak: " + ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items()))
    for index in arguments.parse_args().cases or range(len(CASES)):
        compare(CASES[index], peaks)


def compare(case: Case, peaks: dict[str, float]) -> None:
    model = ModelConfig(layers=case.layers, heads=case.heads, width=case.width, context=case.context)
    default = RunConfig()
    config = replace(default, model=model, training=replace(default.training, steps=case.steps, batch=case.batch))
    corpus = load(config.data, context=case.context)
    config = resolve(config, corpus)
    gc.freeze()  # as the worker does
    trainer = Alternating(config, corpus)
    spawning = multiprocessing.get_context("spawn")
    asked, answered = spawning.SimpleQueue(), spawning.SimpleQueue()
    process = spawning.Process(target=serve, args=(asked, answered, model, corpus.train, case.batch), daemon=True)
    process.start()
    trainer.alternate(asked, answered, case)
    with tempfile.TemporaryDirectory() as folder:
        run = create(Path(folder), config, None, datetime.now(UTC))
        saver = Checkpoints(run / "checkpoints", trainer, config.storage)
        with closing(EventLog(run)) as log:
            end = Host(Hosted(loop=trainer, saver=saver, diagnosis=Diagnosis(config)), log, SimpleQueue(), print).run()
        ours_s = time.perf_counter() - trainer.began - trainer.away_s
    asked.put(0)
    process.join()
    assert end.reason == "finished", end
    tokens = case.batch * case.context * (case.steps - case.slice)
    flops = tokens / ours_s * trainer.started().flops_per_token
    training = config.training
    print(
        f"{case.layers}x{case.width}: engine {tokens / ours_s:,.0f} tokens/s, plain {tokens / trainer.plain_s:,.0f} "
        f"tokens/s, ratio {trainer.plain_s / ours_s:.2f} (bar {case.bar}); {flops / 1e9:.1f} GFLOP/s, "
        f"{flops / peaks[training.precision]:.0%} of the {training.precision} peak; "
        f"auto chose {training.precision}, {training.threads} threads, compile {training.compile}",
        flush=True,
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
