"""The spike detectors of two large trainers, at their defaults.

KillLossSpike of LLM Foundry, a callback for Composer:
https://github.com/mosaicml/llm-foundry/blob/main/llmfoundry/callbacks/kill_loss_spike_callback.py
Skipped steps of OLMo-core: https://github.com/allenai/OLMo-core/blob/main/src/olmo_core/optim/skip_step_optimizer.py
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev

from .rule import Log, Rule, series

WINDOW, MULTIPLIER, OUTLIERS, LOSS_CAP = 100, 2.0, 4, 10.0
INTERVAL, SIGMAS = 128, 6.0


def kill_loss_spike(rows: Log, _: int) -> Iterator[int]:
    """More than four losses in a row are twice the mean of the last hundred."""
    window: deque[float] = deque(maxlen=WINDOW)
    outliers = 0
    for step, loss in series(rows, "loss"):
        if len(window) == WINDOW:
            outliers = outliers + 1 if loss >= MULTIPLIER * fmean(window) else 0
            if outliers > OUTLIERS:
                yield step
        window.append(loss)


def high_losses(rows: Log, _: int) -> Iterator[int]:
    """Half of the last hundred losses are above ten."""
    window: deque[float] = deque(maxlen=WINDOW)
    for step, loss in series(rows, "loss"):
        if step >= 2 * WINDOW and len(window) == WINDOW and sum(value > LOSS_CAP for value in window) >= WINDOW / 2:
            yield step
        window.append(loss)


def skipped_step(rows: Log, _: int) -> Iterator[int]:
    """The loss or the gradient norm is six deviations from the mean of the last 128; NaN is too."""
    windows: Mapping[str, deque[float]] = {name: deque(maxlen=INTERVAL) for name in ("loss", "grad_norm")}
    for row in rows:
        if "loss" not in row.values:
            continue
        measured = [name for name in windows if name in row.values]
        is_ready = len(windows["loss"]) + 1 >= max(20, INTERVAL // 2)
        if is_ready and not all(_is_usual(row.values[name], windows[name]) for name in measured):
            yield row.step
        for name in measured:
            windows[name].append(row.values[name])


def _is_usual(value: float, window: Sequence[float]) -> bool:
    if not math.isfinite(value) or not all(map(math.isfinite, window)):
        return False
    deviation = stdev(window)
    return value == window[-1] if deviation == 0 else abs(value - fmean(window)) <= SIGMAS * deviation


SPIKE_DETECTORS = (
    Rule(name="KillLossSpike: spike", meant=frozenset({"spike", "divergence"}), steps=kill_loss_spike),
    Rule(name="KillLossSpike: high losses", meant=frozenset({"divergence"}), steps=high_losses),
    Rule(
        name="skipped step",
        meant=frozenset({"spike", "divergence", "exploding_gradients", "nan"}),
        steps=skipped_step,
    ),
)
