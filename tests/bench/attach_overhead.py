"""What attaching costs a step: attached and bare steps alternate in blocks, in one process.

    python tests/bench/attach_overhead.py [--steps N] [--every]

The steps of a large model differ by a tenth from each other, so that 1 % is lost in their noise. Beside the difference
of the medians stands what was counted in a loop of its own: the seconds in our calls and hooks, those of measured steps
among them, and the processor's seconds of our threads.

Aims: at most 1 % or 50 microseconds a step, whichever is more; with `--every`, which measures gradient norm and update
ratio at each step, at most 3 % for the GPT of 2 layers and width 64.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from tests.bench.plain_loop import PlainGPT
from tinygpt_tui.engine.attach import AttachedRun, watch
from tinygpt_tui.engine.config import ModelConfig
from tinygpt_tui.engine.training.loop_probe import LoopProbe
from tinygpt_tui.engine.vocabulary import VOCABULARY

BLOCK = 10
"""Steps of one kind before the other takes its turn; the first of each is not counted."""

Loss = Callable[[nn.Module], Tensor]


def mlp() -> tuple[nn.Module, Loss]:
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 1))
    x, y = torch.randn(64, 64), torch.randn(64, 1)
    return model, lambda model: nn.functional.mse_loss(model(x), y)


def gpt(layers: int, width: int) -> tuple[nn.Module, Loss]:
    config = ModelConfig(layers=layers, width=width, heads=max(width // 64, 2))
    tokens = torch.randint(VOCABULARY, (8, config.context))

    def loss(model: nn.Module) -> Tensor:
        return nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())

    return PlainGPT(config), loss


LOOPS = {"MLP of 50k": (mlp, 1.0), "GPT 2x64": (lambda: gpt(2, 64), 1.0), "GPT 6x384": (lambda: gpt(6, 384), 0.06)}
"""By name: the loop, and its share of the steps."""


def measured(make: Callable[[], tuple[nn.Module, Loss]], steps: int, every: int | None) -> tuple[float, float]:
    """Median seconds a step, bare and attached; each kind trains a model of its own."""
    with tempfile.TemporaryDirectory() as folder:
        runs: list[AttachedRun] = []

        def attach(model: nn.Module, optimizer: torch.optim.Optimizer) -> AttachedRun:
            runs.append(watch(model, optimizer, every=every, runs=Path(folder)))
            return runs[-1]

        loops = [_loop(*make(), attach=None), _loop(*make(), attach=attach)]
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(max(steps // BLOCK, 3)):
            for step, seconds in zip(loops, times, strict=True):
                step()
                for _ in range(BLOCK - 1):
                    began = time.perf_counter()
                    step()
                    seconds.append(time.perf_counter() - began)
        runs[0].close()
    return statistics.median(times[0]), statistics.median(times[1])


def counted(make: Callable[[], tuple[nn.Module, Loss]], steps: int, every: int | None) -> tuple[float, float]:
    """Shares of a step's time: in our calls and hooks, and in our threads."""
    spent = 0.0

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def work_and_count(*arguments: Any) -> Any:
            nonlocal spent
            began = time.perf_counter()
            result = work(*arguments)
            spent += time.perf_counter() - began
            return result

        return work_and_count

    with tempfile.TemporaryDirectory() as folder, ExitStack() as patches:
        for hook in ("_before_update", "_after_update"):
            patches.enter_context(patch.object(LoopProbe, hook, timed(getattr(LoopProbe, hook))))
        runs: list[AttachedRun] = []

        def attach(model: nn.Module, optimizer: torch.optim.Optimizer) -> AttachedRun:
            runs.append(watch(model, optimizer, every=every, runs=Path(folder)))
            runs[0].step = timed(runs[0].step)
            return runs[0]

        step = _loop(*make(), attach=attach)
        step()  # which starts the thread and sets up the memory
        spent, began, processor, thread = 0.0, time.perf_counter(), time.process_time(), time.thread_time()
        for _ in range(steps):
            step()
        took = time.perf_counter() - began
        threads = time.process_time() - processor - (time.thread_time() - thread)
        runs[0].close()
    return spent / took, threads / took


def _loop(
    model: nn.Module, loss_of: Loss, attach: Callable[[nn.Module, torch.optim.Optimizer], AttachedRun] | None
) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    run = attach(model, optimizer) if attach else None

    def step() -> None:
        loss = loss_of(model)
        loss.backward()
        loss.item()  # which a loop of this kind prints
        if run is not None:
            run.step(loss)
        optimizer.step()
        optimizer.zero_grad()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--every", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, (make, share) in LOOPS.items():
        bare, attached = measured(make, int(given.steps * share), 1 if given.every else None)
        extra = attached - bare
        calls, threads = counted(make, int(given.steps * share), 1 if given.every else None)
        print(
            f"{name:12} bare {bare * 1e3:9.3f} ms   attached {extra * 1e6:+8.1f} us, {extra / bare:+.2%}"
            f"   counted {calls:.2%} ({calls * bare * 1e6:.1f} us), threads {threads:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
