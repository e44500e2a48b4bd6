"""What can be said about a run before it starts: its size from a formula, its time from a speed measured before."""

from __future__ import annotations

from ...engine.config import ModelConfig, RunConfig
from ...engine.vocabulary import VOCABULARY

START_UP_S = 3.0
"""Until the first step, on an idle machine: PyTorch is loaded, the text is read, the model is built."""


def parameters(model: ModelConfig) -> int:
    """How many numbers the model learns."""
    width = model.width
    norm = width * (2 if model.norm == "layernorm" else 1)
    gated = model.activation == "swiglu"
    hidden = 8 * width // 3 if gated else 4 * width
    up = (width + 1) * hidden * (2 if gated else 1)
    attention = (width + 1) * 3 * width + (width + 1) * width
    block = 2 * norm + attention + up + (hidden + 1) * width
    vocabulary = VOCABULARY * width * (1 if model.embeddings == "tied" else 2)
    positions = model.context * width if model.positions == "learned" else 0
    return vocabulary + positions + model.layers * block + norm


def tokens_per_step(config: RunConfig) -> int:
    return config.training.batch * config.training.accumulation * config.model.context


def seconds(config: RunConfig, tokens_per_s: float) -> float:
    """How long the whole run takes at a speed, from its start to its end with the evaluations."""
    return START_UP_S + (config.training.steps * tokens_per_step(config) + _evaluation_tokens(config)) / tokens_per_s


def _evaluation_tokens(config: RunConfig) -> float:
    """As many tokens of training as all evaluations cost: a forward pass is a third of a step (Kaplan et al. 2020)."""
    instruments = config.instruments
    if not instruments.evaluate_every:
        return 0.0
    evaluations = 1 + config.training.steps // instruments.evaluate_every
    return evaluations * instruments.evaluate_sequences * config.model.context / 3


def same_work(one: RunConfig, other: RunConfig) -> bool:
    """Whether a step of both costs the same, so that the speed of one predicts the other."""
    devices = {one.training.device, other.training.device} - {"auto"}
    loads = [(each.model, each.training.batch, each.training.processes) for each in (one, other)]
    return loads[0] == loads[1] and len(devices) <= 1
