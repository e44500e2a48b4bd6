"""How much memory a run needs at the very least: one that cannot fit is refused before it takes the machine down."""

import os
from dataclasses import replace

from ..config import ConfigError, LiveSettings, ModelConfig, RunConfig
from ..optimizers import OPTIMIZERS
from ..vocabulary import VOCABULARY

NUMBER_BYTES = 4
"""A weight, its gradient or a number of the optimizer's state, in fp32."""
TOKEN_BYTES = 8
"""All batches of a step are drawn before the first is trained on."""


def require_memory(config: RunConfig, physical: int | None = None) -> None:
    """ConfigError where this machine could not train it on its processor."""
    _require(_least_bytes(config), "model.layers, model.width, model.context or training.batch", physical)


def require_memory_for_batches(config: RunConfig, settings: LiveSettings, physical: int | None = None) -> None:
    """ConfigError where a run that trains on the processor could not go on with these settings."""
    if config.training.device in ("cuda", "mps"):
        return
    batches = replace(config.training, batch=settings.batch, accumulation=settings.accumulation)
    _require(_least_bytes(replace(config, training=batches)), "batch or accumulation", physical)


def require_memory_for_weights(model: ModelConfig, physical: int | None = None) -> None:
    _require(NUMBER_BYTES * least_parameters(model), "model.layers or model.width", physical)


def least_parameters(model: ModelConfig) -> int:
    """Matrices alone; the vectors of norms and biases are few."""
    heads = 2 if model.embeddings == "untied" else 1
    places = model.context if model.positions == "learned" else 0
    hidden = 3 * (8 * model.width // 3) if model.activation == "swiglu" else 8 * model.width
    return model.width * (heads * VOCABULARY + places + model.layers * (4 * model.width + hidden))


def _least_bytes(config: RunConfig) -> int:
    training, model = config.training, config.model
    tokens = training.batch * model.context
    drawn = TOKEN_BYTES * tokens * training.accumulation
    # what the backward pass needs of a token: logits and their gradient, and in each layer some vectors in bf16
    activations = tokens * (8 * VOCABULARY + 12 * model.layers * model.width)
    attention = 4 * model.heads * model.context**2 if config.instruments.layers_every else 0
    # weights and gradients, also of each other process
    buffers = 2 * training.processes + len(OPTIMIZERS[config.optimizer.kind].state)
    return NUMBER_BYTES * buffers * least_parameters(model) + drawn + max(activations, attention)


def _require(needed: int, keys: str, physical: int | None) -> None:
    physical = physical or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > physical:
        raise ConfigError(
            f"the run needs at least {needed / 1e9:,.0f} GB of memory, and this machine has {physical / 1e9:,.0f} GB; "
            f"make {keys} smaller"
        )
