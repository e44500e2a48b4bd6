"""Every "auto" of a config becomes a choice: a few timed steps on this machine decide.

The choice goes into the run's config, so a run that was tuned once is reproducible ever after.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Literal

import torch

from ..config import ConfigError, InstrumentsConfig, RunConfig, TrainingConfig
from ..corpus import Corpus
from ..hosting.interfaces import ReportProgress
from .memory_budget import require_memory
from .torch_private import has_bf16_instructions
from .trainer import Trainer

WORTH_TUNING_STEPS = 50
"""A shorter run would be over before the choice is made."""
WORTH_COMPILING_S = 3600.0
"""Compiling takes 15 to 30 s, in which nothing is seen, and gains 5 to 15 %: nobody minds in runs longer than this."""
COMPILING = "compiling the model, which may take a minute"
BUDGET_S = 3.0
"""Timing stops here; what was not reached is not chosen."""
ROUNDS = 5
"""At least; quick steps are timed more often, for as long as ENOUGH_S."""
ENOUGH_S = 0.3
BF16_MARGIN = 1.15
"""bf16 must be this much faster than fp32: it has 8 bits of precision."""
FEWER_THREADS_MARGIN = 1.5
"""And fewer threads than all cores: while the timing lasts another program may have a core, which is no reason to leave
it idle for the whole run."""
_QUIET = InstrumentsConfig(evaluate_every=0, layers_every=0, sample_every=0)

Clock = Callable[[], float]


def resolve(
    config: RunConfig,
    corpus: Corpus,
    clock: Clock = time.perf_counter,
    progress: ReportProgress = lambda activity: None,
) -> RunConfig:
    """The config with device, precision, threads and compile decided; ConfigError where the device is not there."""
    device = _device(config.training.device)
    training = replace(config.training, device=device)
    candidates = list(_candidates(training))
    if training.compile == "auto":
        candidates = [replace(candidate, compile=False) for candidate in candidates]
    config = replace(config, training=training)
    if device == "cpu":
        require_memory(config)
    if len(candidates) > 1 and training.steps >= WORTH_TUNING_STEPS:
        progress("choosing precision and threads")
        chosen, step_s = _fastest(config, candidates, corpus, clock)
    else:
        chosen, step_s = candidates[0], 0.0
    if training.compile == "auto" and step_s * training.steps > WORTH_COMPILING_S and _can_compile(device):
        progress(COMPILING)
        chosen = _compiled_if_faster(config, chosen, corpus, clock)
    return replace(config, training=chosen)


def _device(wanted: str) -> Literal["cpu", "cuda", "mps"]:
    available: dict[Literal["cpu", "cuda", "mps"], Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    for device, is_available in available.items():
        if wanted in (device, "auto") and is_available():
            return device
    raise ConfigError(f"training.device = {wanted!r} is not available to this torch; use 'auto' or 'cpu'")


def _candidates(training: TrainingConfig) -> Iterator[TrainingConfig]:
    """The likeliest first: it is taken where timing is not worth it."""
    cores = _cores()
    on_cpu = training.device == "cpu"
    threads = (list(dict.fromkeys((cores, 1))) if on_cpu else [1]) if training.threads == "auto" else [training.threads]
    precisions = ["fp32", "bf16"] if training.precision == "auto" and _has_bf16(training.device) else ["fp32"]
    if training.precision != "auto":
        precisions = [training.precision]
    # all cores first: with large models the budget is spent before the others are reached
    for count, precision in product(threads, precisions):
        yield replace(training, precision=precision, threads=count)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _has_bf16(device: str) -> bool:
    """Whether bf16 runs on instructions of its own; emulated, it is never faster."""
    match device:
        case "cuda":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        case "cpu":
            capabilities = torch.backends.cpu.get_cpu_capability()
            return "AVX512" in capabilities and has_bf16_instructions()
        case _:
            return False


def _fastest(
    config: RunConfig, candidates: list[TrainingConfig], corpus: Corpus, clock: Clock
) -> tuple[TrainingConfig, float]:
    """By the quickest of a few steps, taken in turn: what other programs do meanwhile only ever adds to a time."""
    end = clock() + BUDGET_S
    timed: dict[TrainingConfig, list[float]] = {}
    trainers: dict[TrainingConfig, Trainer] = {}
    for candidate in candidates:
        if timed and clock() > end:
            break
        trainers[candidate] = _probe(config, candidate, corpus)
        _timed_step(trainers[candidate], clock)  # the first step pays for what is set up once
        timed[candidate] = [_timed_step(trainers[candidate], clock)]
    rounds = max(ROUNDS, int(ENOUGH_S / sum(times[0] for times in timed.values())))
    for _ in range(rounds):
        for candidate, trainer in trainers.items():
            if clock() < end and timed[candidate][0] < 3 * min(times[0] for times in timed.values()):
                timed[candidate].append(_timed_step(trainer, clock))
    best = {candidate: min(times) for candidate, times in timed.items()}
    usual = candidates[0]
    chosen = min(best, key=lambda one: best[one] * _margin(one, usual))
    return chosen, best[chosen]


def _margin(one: TrainingConfig, usual: TrainingConfig) -> float:
    """By how much it must be faster than the usual choice."""
    precision = BF16_MARGIN if one.precision != usual.precision else 1.0
    return precision * (FEWER_THREADS_MARGIN if one.threads != usual.threads else 1.0)


def _probe(config: RunConfig, training: TrainingConfig, corpus: Corpus) -> Trainer:
    return Trainer(replace(config, training=training, instruments=_QUIET), corpus)


def _timed_step(trainer: Trainer, clock: Clock) -> float:
    torch.set_num_threads(int(trainer.config.training.threads))
    began = clock()
    trainer.advance()
    return clock() - began


def _can_compile(device: str) -> bool:
    return device == "cuda" or any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++"))


def _compiled_if_faster(config: RunConfig, training: TrainingConfig, corpus: Corpus, clock: Clock) -> TrainingConfig:
    compiled = replace(training, compile=True)
    trainers = [_probe(config, training, corpus), _probe(config, compiled, corpus)]
    try:
        for trainer in trainers:
            _timed_step(trainer, clock)
    except Exception as error:  # whatever a compiler says, the run can do without it
        print(f"torch.compile is not used: {type(error).__name__}: {error}", flush=True)
        return training
    plain, fast = (min(_timed_step(trainer, clock) for _ in range(ROUNDS)) for trainer in trainers)
    return compiled if fast < plain else training
