"""Every "auto" of a config becomes a choice, by a rule: the same command on the same machine trains the same bits.

Timing a few steps instead would choose differently whenever another program runs. The choice goes into the run's
config, so a run that moves to another machine keeps it.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from ..config import ConfigError, RunConfig, TrainingConfig
from .memory_budget import require_memory

PRODUCTS_A_THREAD = 8_000_000
"""Multiplications of a block's largest matrix product that are worth a thread (`python -m tests.bench.auto_choice`). On
two cores a second thread gained 3 to 40% at width 64 (4 million of them), 49 to 69% at width 128 (17 million) and 66 to
85% at width 384 (151 million). Beside one other busy program it lost 15% at width 64, and nothing above."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of processor time in a period of so many, or "max"."""

Device = Literal["cpu", "cuda", "mps"]


def resolve(config: RunConfig) -> RunConfig:
    """The config with device, precision, threads and compile decided; ConfigError where the device is not there."""
    device = _device(config.training.device)
    training = replace(
        config.training,
        device=device,
        precision=_precision(config.training, device),
        threads=_threads(config, device),
        compile=config.training.compile is True,  # it takes 15 to 30 s, and gains 5 to 15%
    )
    config = replace(config, training=training)
    if device == "cpu":
        require_memory(config)
    return config


def usable_cores(limit: Path = CGROUP_LIMIT) -> int:
    """Cores that this process may use, by its affinity and its control group."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    try:
        quota, period = map(int, limit.read_text().split())
    except (OSError, ValueError):  # no control group, or "max"
        return cores
    return max(1, min(cores, quota // max(period, 1)))


def _device(wanted: str) -> Device:
    available: dict[Device, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    for device, is_available in available.items():
        if wanted in (device, "auto") and is_available():
            return device
    raise ConfigError(f"training.device = {wanted!r} is not available to this torch; use 'auto' or 'cpu'")


def _precision(training: TrainingConfig, device: Device) -> Literal["fp32", "bf16"]:
    """bf16 only on a GPU: on a processor with bf16 instructions its losses have differed from run to run."""
    if training.precision != "auto":
        return training.precision
    return "bf16" if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def _threads(config: RunConfig, device: Device) -> int:
    if config.training.threads != "auto":
        return config.training.threads
    if device != "cpu":
        return 1
    processes = config.training.processes
    tokens = -(-config.training.batch // processes) * config.model.context
    products = tokens * config.model.width * 4 * config.model.width
    return max(1, min(usable_cores() // processes, products // PRODUCTS_A_THREAD))
