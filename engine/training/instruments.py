"""What is measured around an update: how large gradients, weights and updates are. What is off is not computed.

|x| is the Euclidean norm sqrt(sum x^2) over all weights of a model or a layer. A healthy run keeps the update ratio
|dw| / |w| near 1e-3: at 1e-5 nothing is learned, and at 1e-1 a step forgets what the steps before it found.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import InstrumentsConfig
from .optim import FlatParameters
from .torch_private import norm_of_each

FIRST_STEPS = frozenset((1, 2, 5, 10, 20))


class Reading(NamedTuple):
    """The numbers of one step, named as in `StepFinished`; None where an instrument is off."""

    loss: float
    grad_norm: float
    """|g| before it is clipped."""
    grad_min: float | None = None
    grad_max: float | None = None
    param_norm: float | None = None
    """|w| before the update."""
    update_ratio: float | None = None
    """|dw| / |w|."""


@dataclass(frozen=True, slots=True)
class LayerReading:
    """The same for each layer, embeddings to head: where gradients vanish, and which layer moves too fast."""

    names: list[str]
    grad_norm: list[float]
    update_ratio: list[float]


class Instruments:
    """Measures the flat buffers around one optimizer step: `before_update`, the step, `after_update`.

    Numbers stay tensors until all can be fetched at once: each fetch waits for the device.
    """

    def __init__(self, config: InstrumentsConfig, flat: FlatParameters) -> None:
        self._config = config
        self._flat = flat
        self._layers = layer_groups(flat.names)
        self._before = torch.empty_like(flat.weights) if config.updates or config.layers_every else None
        """The weights before the update, and after it the update itself."""
        self._readings: list[Tensor] = []
        self._layer_gradients: list[Tensor] | None = None

    @torch.no_grad()
    def before_update(self, loss: Tensor, clip: float, *, layers: bool) -> None:
        """Measure the gradient g, then clip it: g <- g * min(1, c / |g|) (Pascanu et al. 2013).

        The direction stays and the length is bounded, so that one bad batch cannot throw the weights far away.
        """
        gradients = self._flat.gradients
        norm = _norm(gradients)
        self._readings = [loss, norm]
        if self._config.gradients:
            self._readings += torch.aminmax(gradients)
        if self._before is not None and (self._config.updates or layers):
            self._before.copy_(self._flat.weights)
            self._readings.append(_norm(self._before))
        self._layer_gradients = self._norms(gradients) if layers else None
        if (grad_norm := norm.item()) > clip:
            gradients.mul_(clip / (grad_norm + 1e-6))

    @torch.no_grad()
    def after_update(self) -> tuple[Reading, LayerReading | None]:
        """Measure the update; of the layers where `before_update` was asked for them."""
        measured = self._config.updates or self._layer_gradients is not None
        if measured and self._before is not None:
            self._before.sub_(self._flat.weights)
            self._readings.append(_norm(self._before))
        values = iter(torch.stack(self._readings).tolist())
        loss, grad_norm = next(values), next(values)
        grad_min, grad_max = (next(values), next(values)) if self._config.gradients else (None, None)
        reading = Reading(loss, grad_norm, grad_min, grad_max)
        if self._config.updates:
            param_norm, update_norm = next(values), next(values)
            reading = Reading(loss, grad_norm, grad_min, grad_max, param_norm, ratio(update_norm, param_norm))
        return reading, self._read_layers()

    def _read_layers(self) -> LayerReading | None:
        if self._layer_gradients is None or self._before is None:
            return None
        gradients = torch.stack(self._layer_gradients).tolist()
        updates = torch.stack(self._norms(self._before)).tolist()
        weights = torch.stack(self._norms(self._flat.weights)).tolist()
        ratios = [ratio(update, weight) for update, weight in zip(updates, weights, strict=True)]
        return LayerReading([name for name, _ in self._layers], gradients, ratios)

    def _norms(self, buffer: Tensor) -> list[Tensor]:
        norms = norm_of_each(self._flat.views(buffer))
        return [torch.stack([norms[i] for i in members]).norm() for _, members in self._layers]


def _norm(flat: Tensor) -> Tensor:
    """|x|, in half the time of torch.linalg.vector_norm for buffers of this size."""
    return torch.dot(flat, flat).sqrt_()


def layer_groups(names: list[str]) -> list[tuple[str, list[int]]]:
    """Layers, from the embeddings to the head, each with the places of its parameters in `names`."""
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        part, _, rest = name.partition(".")
        match part:
            case "tokens" | "positions":
                layer = "embeddings"
            case "blocks":
                layer = f"layer {int(rest.partition('.')[0]) + 1}"
            case _:
                layer = "head"
        groups.setdefault(layer, []).append(index)
    return sorted(groups.items(), key=lambda group: _depth(group[0]))


def _depth(layer: str) -> float:
    match layer:
        case "embeddings":
            return 0
        case "head":
            return math.inf
        case _:
            return int(layer.removeprefix("layer "))


def ratio(update_norm: float, weight_norm: float) -> float:
    """|dw| / |w|; infinite where weights of 0 moved, and 0 where they did not."""
    if weight_norm == 0:
        return math.inf if update_norm else 0.0
    return update_norm / weight_norm


def is_due(every: int, step: int) -> bool:
    return bool(every) and step % every == 0


def are_layers_due(every: int, step: int) -> bool:
    """Every so many steps, and in the first steps as well, where a run that goes wrong often does so."""
    return is_due(every, step) or (bool(every) and step in FIRST_STEPS)
