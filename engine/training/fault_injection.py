"""Injects a run's faults into its steps: into the batches, the gradients, the lr or the model."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MethodType

import torch
from torch import Tensor

from ..fault_config import FaultConfig
from ..vocabulary import BYTE_VALUES
from .attention import KVCache
from .instruments import layer_groups
from .model import GPT, Attention, Block
from .optim import FlatParameters

Batch = tuple[Tensor, Tensor]
"""Inputs and targets, (B, T) each."""
LARGEST_HALF = 65_504.0
"""The largest number of fp16 (IEEE 754 binary16)."""


@dataclass(frozen=True, kw_only=True)
class Injection:
    """Where a fault acts; a function it does not need is None. Steps count from 1."""

    batch: Callable[["Faults", int, Batch, Tensor, torch.Generator], Batch] | None = None
    """Given the step, the batch, random bytes (B, T) and a generator."""
    gradients: Callable[["Faults", int], None] | None = None
    """Changes the gradients of a step in place."""
    lr: Callable[[FaultConfig, int, float], float] | None = None
    model: Callable[[GPT], None] | None = None
    """Changes the model once, before training."""


class Faults:
    """Everything depends on the step and the seed alone, so a run that is resumed has the same faults."""

    def __init__(self, config: FaultConfig, model: GPT, flat: FlatParameters, seed: int) -> None:
        self.config = config
        self.flat_gradients = flat.gradients
        views = flat.views(flat.gradients)
        self.detached = [
            views[index] for name, members in layer_groups(flat.names) if name in config.detached for index in members
        ]
        self._seed = seed
        self._injections = [INJECTIONS[key] for key in config.active()]
        for injection in self._injections:
            if injection.model:
                injection.model(model)

    def lr(self, step: int, planned: float) -> float:
        for injection in self._injections:
            if injection.lr:
                planned = injection.lr(self.config, step, planned)
        return planned

    def batches(self, step: int, batches: list[Batch]) -> list[Batch]:
        if not self._injections:
            return batches
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + step) % 2**63)
        return [self._batch(step, batch, generator) for batch in batches]

    def _batch(self, step: int, batch: Batch, generator: torch.Generator) -> Batch:
        noise_BT = torch.randint(BYTE_VALUES, batch[1].shape, generator=generator).to(batch[1])
        for injection in self._injections:
            if injection.batch:
                batch = injection.batch(self, step, batch, noise_BT, generator)
        return batch

    @torch.no_grad()
    def gradients(self, step: int) -> None:
        """Change the gradients that have just been computed."""
        for injection in self._injections:
            if injection.gradients:
                injection.gradients(self, step)


def _shuffle(faults: Faults, step: int, batch: Batch, noise_BT: Tensor, generator: torch.Generator) -> Batch:
    inputs_BT, targets_BT = batch
    order = torch.randperm(targets_BT.numel(), generator=generator).to(targets_BT)
    return inputs_BT, targets_BT.flatten()[order].view_as(targets_BT)


def _randomise(faults: Faults, step: int, batch: Batch, noise_BT: Tensor, generator: torch.Generator) -> Batch:
    inputs_BT, targets_BT = batch
    random_BT = torch.rand(targets_BT.shape, generator=generator).to(targets_BT.device)
    return inputs_BT, torch.where(random_BT < faults.config.random_targets, noise_BT, targets_BT)


def _break(faults: Faults, step: int, batch: Batch, noise_BT: Tensor, generator: torch.Generator) -> Batch:
    inputs_BT, _ = batch
    if step != faults.config.bad_batch_step:
        return batch
    if faults.config.bad_batch == "bytes":
        inputs_BT = torch.randint(BYTE_VALUES, inputs_BT.shape, generator=generator).to(inputs_BT)
    return inputs_BT, noise_BT


def _weigh(faults: Faults, step: int) -> None:
    if step == faults.config.bad_batch_step:
        faults.flat_gradients.mul_(faults.config.bad_batch_weight)


def _detach(faults: Faults, step: int) -> None:
    for gradient in faults.detached:
        gradient.zero_()


def _scale(faults: Faults, step: int) -> None:
    if step >= faults.config.gradients_scaled_from:
        faults.flat_gradients.mul_(faults.config.gradients_scale)


def _flip(faults: Faults, step: int) -> None:
    if step >= faults.config.flipped_from:
        faults.flat_gradients.neg_()


def _freeze(faults: Faults, step: int) -> None:
    if step >= faults.config.frozen_from:
        faults.flat_gradients.zero_()


def _make_nan(faults: Faults, step: int) -> None:
    if step == faults.config.nan_step:
        faults.flat_gradients[0] = math.nan


def _raise_lr(config: FaultConfig, step: int, planned: float) -> float:
    return planned * config.lr_jump if step >= config.lr_jump_from else planned


def _destabilise(model: GPT) -> None:
    for module in model.modules():
        if isinstance(module, Attention):
            module.attend = overflowing_attention


def _forward_without_sums(block: Block, x_NC: Tensor, T: int, cache: KVCache | None = None) -> Tensor:
    x_NC = block.attention(block.attention_norm(x_NC), T, cache)
    return block.feed_forward(block.feed_forward_norm(x_NC))


def _cut_residual_stream(model: GPT) -> None:
    for module in model.modules():
        if isinstance(module, Block):
            setattr(module, "forward", MethodType(_forward_without_sums, module))  # noqa: B010


INJECTIONS: Mapping[str, Injection] = {
    "shuffled_targets": Injection(batch=_shuffle),
    "random_targets": Injection(batch=_randomise),
    "bad_batch_step": Injection(batch=_break, gradients=_weigh),
    "unstable_softmax": Injection(model=_destabilise),
    "no_residual": Injection(model=_cut_residual_stream),
    "detached": Injection(gradients=_detach),
    "gradients_scaled_from": Injection(gradients=_scale),
    "flipped_from": Injection(gradients=_flip),
    "frozen_from": Injection(gradients=_freeze),
    "nan_step": Injection(gradients=_make_nan),
    "lr_jump_from": Injection(lr=_raise_lr),
}
"""By the keys of fault_config.FAULTS."""


def overflowing_attention(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, dropout: float) -> Tensor:
    """Causal attention whose softmax does not subtract the largest score, with exponentials no larger than fp16's."""
    scores = (q_BHTD @ k_BHTD.transpose(-1, -2)).float() / math.sqrt(q_BHTD.shape[-1])
    T, keys = scores.shape[-2:]
    seen = torch.ones(T, keys, dtype=torch.bool, device=scores.device).tril(keys - T)
    weights = scores.exp().masked_fill(~seen, 0.0)
    weights = weights.masked_fill(weights > LARGEST_HALF, math.inf)
    weights = torch.nn.functional.dropout(weights / weights.sum(-1, keepdim=True), dropout)
    y_BHTD = weights.to(v_BHTD.dtype) @ v_BHTD
    return y_BHTD.transpose(1, 2).flatten(0, 1).flatten(1)
