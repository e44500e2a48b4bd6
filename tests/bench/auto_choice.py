"""Is what `threads = "auto"` chooses as fast as the best fixed number of threads? Quiet, and beside busy programs.

One process for each number of threads trains the same run; they take a few steps each in turns, so that a slow moment
of the machine hits all.

    python -m tests.bench.auto_choice            # on a quiet machine
    python -m tests.bench.auto_choice --busy 2   # beside two programs that never wait
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.queues import SimpleQueue as Pipe

from tinygpt_tui.engine.config import ModelConfig, RunConfig
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.hosting.other_programs import OtherPrograms, let_threads_sleep
from tinygpt_tui.engine.training.auto_settings import resolve, usable_cores
from tinygpt_tui.engine.training.trainer import Trainer

SPAWNING = multiprocessing.get_context("spawn")
SIZES = {
    "2x64": (ModelConfig(layers=2, heads=2, width=64, context=64), 4, 50),
    "4x128": (ModelConfig(layers=4, heads=4, width=128, context=128), 8, 10),
    "6x384": (ModelConfig(layers=6, heads=6, width=384, context=256), 4, 2),
}
"""The model, its batch, and the steps of one turn."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", action="append", choices=SIZES, help="one of them; may be repeated")
    arguments.add_argument("--busy", type=int, default=0, help="programs that keep a core busy meanwhile")
    arguments.add_argument("--turns", type=int, default=12)
    options = arguments.parse_args()
    with busy_programs(options.busy):
        let_threads_sleep(OtherPrograms().cores(), os.environ)  # as a worker does, before torch is imported
        for size in options.size or SIZES:
            model, batch, steps = SIZES[size]
            training = replace(RunConfig().training, batch=batch, steps=1_000_000)
            compare(size, RunConfig(model=model, training=training), steps, options.turns)


def compare(size: str, config: RunConfig, steps: int, turns: int) -> None:
    chosen = int(resolve(config).training.threads)
    racers = {count: racer(config, count) for count in range(1, usable_cores() + 1)}
    seconds: dict[int, list[float]] = {count: [] for count in racers}
    for turn in range(turns + 1):
        for count, ours in racers.items():
            ours.asked.put(steps)
            took = ours.took.get()
            if turn:  # in the first all become warm
                seconds[count].append(took)
    for ours in racers.values():
        ours.asked.put(0)
    tokens = steps * config.training.batch * config.model.context
    speeds = {count: tokens / statistics.median(took) for count, took in seconds.items()}
    told = ", ".join(f"{count} threads {speed:,.0f} tokens/s" for count, speed in speeds.items())
    print(f"{size}: {told}; auto takes {chosen}: {speeds[chosen] / max(speeds.values()):.2f} of the best", flush=True)


@dataclass(frozen=True)
class Racer:
    asked: Pipe[int]
    """Steps to take; 0 to end."""
    took: Pipe[float]
    """Seconds."""


def racer(config: RunConfig, threads: int) -> Racer:
    racer = Racer(SPAWNING.SimpleQueue(), SPAWNING.SimpleQueue())
    fixed = replace(config, training=replace(config.training, threads=threads))
    SPAWNING.Process(target=train, args=(racer, fixed), daemon=True).start()
    return racer


def train(racer: Racer, config: RunConfig) -> None:
    trainer = Trainer(resolve(config), load_corpus(config.data, context=config.model.context))
    while steps := racer.asked.get():
        began = time.perf_counter()
        for _ in range(steps):
            trainer.advance()
        racer.took.put(time.perf_counter() - began)


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    programs = [SPAWNING.Process(target=never_wait, daemon=True) for _ in range(count)]
    for program in programs:
        program.start()
    time.sleep(0.5)  # for them to have begun
    yield
    for program in programs:
        program.kill()


def never_wait() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
