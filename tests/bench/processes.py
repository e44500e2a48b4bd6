"""Tokens a second of one and of two processes, and of one with two threads, in turns: a slow moment hits all.

python -m tests.bench.processes 2x64
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from tests.bench.auto_choice import SIZES
from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.corpus import Corpus, load_corpus
from tinygpt_tui.engine.training.auto_settings import resolve
from tinygpt_tui.engine.training.parallel.other_processes import OtherProcesses
from tinygpt_tui.engine.training.trainer import Trainer

KINDS = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 processes, 1 thread": (2, 1)}
UNMEASURED = {f"instruments.{name}": 0 for name in ("evaluate_every", "layers_every", "sample_every")}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("size", choices=SIZES)
    arguments.add_argument("--turns", type=int, default=12)
    options = arguments.parse_args()
    corpus = load_corpus(RunConfig().data, context=256)
    speeds = measured(options.size, corpus, options.turns)
    alone = speeds["1 process, 1 thread"]
    for kind, values in speeds.items():
        ratio = statistics.median(value / one for value, one in zip(values, alone, strict=True))
        median = statistics.median(values)
        print(f"{options.size}  {kind:<22} {median:>9,.0f} tokens/s  {ratio:.2f} times, best {max(values):,.0f}")


def measured(size: str, corpus: Corpus, turns: int) -> dict[str, list[float]]:
    model, batch, steps = SIZES[size]
    changes = {**UNMEASURED, "training.batch": batch, "training.device": "cpu", "training.threads": 1}
    config = resolve(replace(RunConfig(), model=model).with_changes(changes))
    shared = config.with_changes({"training.processes": 2})
    others = OtherProcesses(shared, Path(tempfile.mkdtemp()))
    trainers = {kind: Trainer(config, corpus) for kind, (processes, _) in KINDS.items() if processes == 1}
    trainers["2 processes, 1 thread"] = Trainer(shared, corpus, others=others)
    speeds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(turns + 1):
        for kind, trainer in trainers.items():
            torch.set_num_threads(KINDS[kind][1])
            began = time.perf_counter()
            for _ in range(steps):
                trainer.advance()
            if turn:  # the first warms up
                speeds[kind].append(steps * batch * model.context / (time.perf_counter() - began))
    return speeds


if __name__ == "__main__":
    main()
