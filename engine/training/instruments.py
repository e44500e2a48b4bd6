"""What is measured on a step; what is switched off is not computed."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config import InstrumentsConfig
from .optim import FlatParameters
from .torch_private import norm_of_each


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one step; None where an instrument is off."""

    loss: float
    grad_norm: float
    grad_min: float | None = None
    grad_max: float | None = None
    param_norm: float | None = None
    update_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class LayerReading:
    names: list[str]
    grad_norm: list[float]
    update_ratio: list[float]


class Instruments:
    """Watches the flat buffers around one optimizer step: `before_update`, the step, `after_update`."""

    def __init__(self, config: InstrumentsConfig, flat: FlatParameters) -> None:
        self._config = config
        self._flat = flat
        self._layers = layer_groups(flat.names)
        self._before = torch.empty_like(flat.weights) if config.updates or config.layers_every else None
        self._readings: list[Tensor] = []
        self._layer_gradients: list[Tensor] | None = None

    @torch.no_grad()
    def before_update(self, loss: Tensor, clip: float, *, layers: bool) -> None:
        """Measure the gradient, then clip it (Pascanu et al. 2013)."""
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
    """As torch.linalg.vector_norm, in half its time for buffers of this size."""
    return torch.dot(flat, flat).sqrt_()


def layer_groups(names: list[str]) -> list[tuple[str, list[int]]]:
    """Parameter names to layers, from the embeddings to the head."""
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
    if weight_norm == 0:
        return math.inf if update_norm else 0.0
    return update_norm / weight_norm
