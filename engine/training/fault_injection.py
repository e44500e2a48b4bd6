"""A run's faults at work: they reach into a step through its batches, its gradients, its rate and the attention."""

import math

import torch
from torch import Tensor

from ..fault_config import FaultConfig
from ..vocabulary import BYTE_VALUES
from .instruments import layer_groups
from .model import GPT, Attention
from .optim import FlatParameters

Batch = tuple[Tensor, Tensor]
"""Inputs and targets, (B, T) each."""
LARGEST_HALF = 65_504.0
"""The largest number of fp16 (IEEE 754 binary16)."""


class Faults:
    """Everything depends on the step and the seed alone, so a run that is resumed has the same faults."""

    def __init__(self, config: FaultConfig, model: GPT, flat: FlatParameters, seed: int) -> None:
        self._config = config
        self._is_off = config == FaultConfig()
        self._seed = seed
        self._gradients = flat.gradients
        views = flat.views(flat.gradients)
        self._detached = [
            views[index] for name, members in layer_groups(flat.names) if name in config.detached for index in members
        ]
        if config.unstable_softmax:
            for module in model.modules():
                if isinstance(module, Attention):
                    module.attend = overflowing_attention

    def lr(self, step: int, planned: float) -> float:
        return planned * self._config.lr_jump if _since(self._config.lr_jump_from, step) else planned

    def batches(self, step: int, batches: list[Batch]) -> list[Batch]:
        if self._is_off:
            return batches
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + step) % 2**63)
        return [self._batch(step, inputs_BT, targets_BT, generator) for inputs_BT, targets_BT in batches]

    def _batch(self, step: int, inputs_BT: Tensor, targets_BT: Tensor, generator: torch.Generator) -> Batch:
        config = self._config
        noise_BT = torch.randint(BYTE_VALUES, targets_BT.shape, generator=generator).to(targets_BT)
        if config.shuffled_targets:
            order = torch.randperm(targets_BT.numel(), generator=generator).to(targets_BT)
            targets_BT = targets_BT.flatten()[order].view_as(targets_BT)
        if config.random_targets:
            wrong_BT = torch.rand(targets_BT.shape, generator=generator).to(targets_BT.device) < config.random_targets
            targets_BT = torch.where(wrong_BT, noise_BT, targets_BT)
        if step == config.bad_batch_step:
            targets_BT = noise_BT
            if config.bad_batch == "bytes":
                inputs_BT = torch.randint(BYTE_VALUES, inputs_BT.shape, generator=generator).to(inputs_BT)
        return inputs_BT, targets_BT

    @torch.no_grad()
    def gradients(self, step: int) -> None:
        """Spoil the gradients that have just been taken."""
        config = self._config
        for gradient in self._detached:
            gradient.zero_()
        if step == config.bad_batch_step:
            self._gradients.mul_(config.bad_batch_weight)
        if _since(config.gradients_scaled_from, step):
            self._gradients.mul_(config.gradients_scale)
        if _since(config.flipped_from, step):
            self._gradients.neg_()
        if _since(config.frozen_from, step):
            self._gradients.zero_()
        if step == config.nan_step:
            self._gradients[0] = math.nan


def _since(first: int, step: int) -> bool:
    return 0 < first <= step


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
