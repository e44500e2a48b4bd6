"""Tokens a second: a worker with every default instrument, storing and checkpointing, against a plain PyTorch loop.

Both are processes of their own and take turns, so that a slow moment of the machine hits both. The worker is the one
that users get, with nobody attached; its rate is read off the run it leaves on disk. Nothing is left out of its
time but the first steps: evaluations, samples and checkpoints count.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import torch

from tinygpt_tui.engine.client import WORKER
from tinygpt_tui.engine.config import ModelConfig, RunConfig
from tinygpt_tui.engine.event_log import stored_events
from tinygpt_tui.engine.events import RunEnded, RunStarted, StepFinished
from tinygpt_tui.engine.store import create, read_config

WARMUP = 10


@dataclass(frozen=True, kw_only=True)
class Case:
    layers: int
    heads: int
    width: int
    context: int
    batch: int
    steps: int
    bar: float
    """The ratio that is asked of the engine."""


CASES = (
    Case(layers=2, heads=2, width=64, context=64, batch=4, steps=1000, bar=1.0),
    Case(layers=4, heads=4, width=128, context=128, batch=8, steps=300, bar=1.0),
    Case(layers=6, heads=6, width=384, context=256, batch=4, steps=60, bar=2.0),
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=3)
    rounds = arguments.parse_args().rounds
    peaks = {"fp32": matmul_peak(torch.float32), "bf16": matmul_peak(torch.bfloat16)}
    print("matrix-multiply peak: " + ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items()))
    for case in CASES:
        compare(case, rounds, peaks)


def compare(case: Case, rounds: int, peaks: dict[str, float]) -> None:
    ours, plain = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            rate, started, config = engine_rate(case, Path(folder))
            ours.append(rate)
            plain.append(plain_rate(case))
    ratios = [mine / theirs for mine, theirs in zip(ours, plain, strict=True)]
    rate = statistics.median(ours)
    flops = rate * started.flops_per_token
    training = config.training
    print(
        f"{case.layers}x{case.width}: engine {rate:,.0f} tokens/s, plain {statistics.median(plain):,.0f} tokens/s, "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; bar {case.bar}); "
        f"{flops / 1e9:.1f} GFLOP/s, {flops / peaks[training.precision]:.0%} of the {training.precision} peak; "
        f"auto chose {training.precision}, {training.threads} threads, compile {training.compile}",
        flush=True,
    )


def engine_rate(case: Case, runs: Path) -> tuple[float, RunStarted, RunConfig]:
    model = ModelConfig(layers=case.layers, heads=case.heads, width=case.width, context=case.context)
    default = RunConfig()
    config = replace(default, model=model, training=replace(default.training, steps=case.steps, batch=case.batch))
    run = create(runs, config, None, datetime.now(UTC))
    subprocess.run([*WORKER, run], capture_output=True, check=True)
    events = list(chain.from_iterable(stored_events(run)))
    started = next(event for event in events if isinstance(event, RunStarted))
    ended = next(event for event in events if isinstance(event, RunEnded))
    assert ended.reason == "finished", ended
    warm = next(event for event in events if isinstance(event, StepFinished) and event.step == WARMUP)
    tokens = case.batch * case.context * (case.steps - WARMUP)
    return tokens / (ended.time - warm.time), started, read_config(run)


def plain_rate(case: Case) -> float:
    numbers = (case.layers, case.heads, case.width, case.context, case.batch, case.steps, WARMUP)
    script = Path(__file__).parent / "plain_loop.py"
    done = subprocess.run([sys.executable, script, *map(str, numbers)], capture_output=True, text=True, check=True)
    return float(done.stdout)


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
