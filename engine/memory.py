"""How much memory a run needs at the very least: one that cannot fit is refused before it takes the machine down."""

import os

from .config import ConfigError, ModelConfig, RunConfig
from .model import VOCABULARY

WEIGHT_BYTES, TRAINED_WEIGHT_BYTES = 4, 8
"""A number of the model; with its gradient."""


def require_memory(config: RunConfig, physical: int | None = None) -> None:
    """ConfigError where this machine could not train it on its processor."""
    training, model = config.training, config.model
    tokens = training.batch * model.context
    # what the backward pass needs of a token: logits and their gradient, and in each layer some vectors in bf16
    activations = tokens * (8 * VOCABULARY + 12 * model.layers * model.width)
    attention = 4 * model.heads * model.context**2 if config.instruments.layers_every else 0
    needed = TRAINED_WEIGHT_BYTES * least_parameters(model) + max(activations, attention)
    _require(needed, "model.layers, model.width, model.context or training.batch", physical)


def require_memory_for_weights(model: ModelConfig, physical: int | None = None) -> None:
    _require(WEIGHT_BYTES * least_parameters(model), "model.layers or model.width", physical)


def least_parameters(model: ModelConfig) -> int:
    """Matrices alone; the vectors of norms and biases are few."""
    heads = 2 if model.embeddings == "untied" else 1
    places = model.context if model.positions == "learned" else 0
    hidden = 3 * (8 * model.width // 3) if model.activation == "swiglu" else 8 * model.width
    return model.width * (heads * VOCABULARY + places + model.layers * (4 * model.width + hidden))


def _require(needed: int, keys: str, physical: int | None) -> None:
    physical = physical or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > physical:
        raise ConfigError(
            f"the run needs at least {needed / 1e9:,.0f} GB of memory, and this machine has {physical / 1e9:,.0f} GB; "
            f"make {keys} smaller"
        )
