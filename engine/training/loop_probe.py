"""Measures and steers a PyTorch loop that is not ours, through its model and its optimizers.

Two moments of a step count. `measure_gradients` is called between `backward` and `optimizer.step`. The hooks of each
optimizer are called around its update, and neither is called where a gradient scaler leaves a step out.

    lr             what the first parameter group uses: the loop's own value, times the factor that a person chose
    grad_norm      |g|, over all parameters that have a gradient, before our clipping; divided by the scaler's scale
    update_ratio   |w after - w before| / |w after|, over all parameters of the optimizers
"""

import math
import time
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.optim import Optimizer

from .optimizer_hooks import OptimizerHooks
from .torch_private import copy_to_each, flatten, norm_of_each, subtract_from_each

AFFORDABLE = 0.005
"""Share of a step's time that measuring may take; where it takes more, only every n-th step is measured.

Recording a step takes up to as much again in a small model, so that both together stay at about 1 %."""
RAREST = 1000
"""At least one step of so many is measured."""
_SMALL = 1_000_000
"""Numbers that are copied into one vector to be measured: a call for each of 28 tensors takes longer than the copy."""


class Scaler(Protocol):
    """torch.amp.GradScaler, of which the scale is read."""

    def get_scale(self) -> float: ...


class LoopProbe:
    def __init__(
        self,
        model: Module | None,
        optimizers: Sequence[Optimizer],
        *,
        clip: float | None = None,
        scaler: Scaler | None = None,
        every: int | None = None,
    ) -> None:
        """`clip` is the gradient norm to clip at, inf for a loop that may be clipped later; None leaves it alone.

        `every` measures each n-th step, 0 none; None measures as often as AFFORDABLE allows.
        """
        groups = [group for optimizer in optimizers for group in getattr(optimizer, "param_groups", ())]
        trained = [parameter for group in groups for parameter in group["params"]]
        self._parameters: list[Tensor] = trained or (list(model.parameters()) if model else [])
        self._is_small = _are_small(self._parameters)
        self._groups = groups
        self._scaler = scaler
        self._every = every
        self.clip = clip
        self._lr_factor = 1.0
        self._due = every != 0
        self._countdown = 0
        self._cost_s = 0.0
        """Of measuring this step."""
        self._seen_at: float | None = None
        self._before: dict[int, list[Tensor]] = {}
        self._copied: set[int] = set()
        """Optimizers whose weights before this update are known: a trainer may call `begin_step` during an update."""
        self._moved: list[Tensor] = []
        self._weights: list[Tensor] = []
        self._own_lrs: dict[int, list[Any]] = {}
        hooked = [optimizer for optimizer in optimizers if hasattr(optimizer, "register_step_pre_hook")]
        self.steers_lr = bool(hooked) and len(hooked) == len(optimizers)
        """False where an optimizer is one of the loop's own making, without hooks."""
        self._measuring = OptimizerHooks(hooked, self._before_update, self._after_update)
        self._scaling = OptimizerHooks(hooked, self._scale_lrs, self._restore_lrs)
        self._measuring.want(self._due)

    def remove(self, *, keep_changes: bool = False) -> None:
        """Leave the optimizers as they were, or with what was changed; either way nothing is measured any more."""
        self._every, self._due = 0, False
        self._measuring.want(False)
        if not keep_changes:
            self.lr_factor = 1.0

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._parameters)

    @property
    def lr(self) -> float | None:
        """Of the next update."""
        return float(self._groups[0]["lr"]) * self.lr_factor if self._groups and "lr" in self._groups[0] else None

    @property
    def lr_factor(self) -> float:
        return self._lr_factor

    @lr_factor.setter
    def lr_factor(self, factor: float) -> None:
        self._lr_factor = factor
        self._scaling.want(factor != 1.0)

    @property
    def weight_decay(self) -> float | None:
        decays = [float(group["weight_decay"]) for group in self._groups if "weight_decay" in group]
        return max(decays) if decays else None

    def set_weight_decay(self, weight_decay: float) -> None:
        """For the groups that have any; where none has, for all."""
        decayed = [group for group in self._groups if group.get("weight_decay")]
        for group in decayed or [group for group in self._groups if "weight_decay" in group]:
            group["weight_decay"] = weight_decay

    def begin_step(self) -> None:
        """Decide whether this step is measured, by what measuring has cost and how long the last step took.

        It raises what went wrong around the last update.
        """
        if trouble := self._measuring.trouble or self._scaling.trouble:
            raise trouble
        now = time.perf_counter()
        took_s = now - self._seen_at if self._seen_at is not None else math.inf
        self._seen_at = now
        if self._due and self._every is None:
            share = self._cost_s / took_s
            self._countdown = min(math.ceil(share / AFFORDABLE), RAREST) if self._cost_s else 1
        self._countdown -= 1
        self._due = self._countdown <= 0 and self._every != 0
        if self._due:
            self._countdown = self._every or 1
            self._cost_s = 0.0
        self._measuring.want(self._due or bool(self._copied))

    def measure_gradients(self) -> dict[str, float]:
        """grad_norm, and clipped (0 or 1) where we clip; empty where this step is not measured and not clipped."""
        is_clipping = self.clip is not None and math.isfinite(self.clip)
        if not (self._due or is_clipping):
            return {}
        began = time.perf_counter()
        gradients = [_dense(parameter.grad) for parameter in self._parameters if parameter.grad is not None]
        if not gradients:
            return {}
        total = _length(norm_of_each(_packed(gradients) if self._is_small else gradients))
        scale = self._scaler.get_scale() if self._scaler is not None else 1.0
        norm = total.item() / scale
        measured = {"grad_norm": norm}
        if self.clip is not None:
            measured["clipped"] = float(norm > self.clip)
            if norm > self.clip and math.isfinite(norm):
                torch.nn.utils.clip_grads_with_norm_(self._parameters, self.clip * scale, total)
        self._cost_s += time.perf_counter() - began
        return measured

    def update_ratio(self) -> float | None:
        """Of the last update, once; None where it was not measured or was left out."""
        moved, weights = self._moved, self._weights
        self._moved, self._weights = [], []
        if not moved:
            return None
        began = time.perf_counter()
        length, update = _length(weights).item(), _length(moved).item()
        self._cost_s += time.perf_counter() - began
        return update / length if length else None

    def _before_update(self, optimizer: Optimizer) -> None:
        if not self._due:
            return
        began = time.perf_counter()
        weights = _weights_of(optimizer)
        if self._is_small:
            self._before[id(optimizer)] = _packed(weights)
        else:
            self._before[id(optimizer)] = _copied(weights, self._before.get(id(optimizer), []))
        self._copied.add(id(optimizer))
        self._cost_s += time.perf_counter() - began

    def _after_update(self, optimizer: Optimizer) -> None:
        if id(optimizer) not in self._copied:
            return
        self._copied.remove(id(optimizer))
        before, began = self._before[id(optimizer)], time.perf_counter()
        with torch.no_grad():
            now = _weights_of(optimizer)
            now = _packed(now) if self._is_small else now
            subtract_from_each(before, now)
            self._moved += norm_of_each(before)
            self._weights += norm_of_each(now)
        self._cost_s += time.perf_counter() - began

    def _scale_lrs(self, optimizer: Optimizer) -> None:
        self._own_lrs[id(optimizer)] = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * self._lr_factor  # a new object, be it a number or a tensor

    def _restore_lrs(self, optimizer: Optimizer) -> None:
        for group, lr in zip(optimizer.param_groups, self._own_lrs.pop(id(optimizer), ()), strict=False):
            group["lr"] = lr  # a scheduler goes on from its own value


@torch.no_grad()
def _packed(tensors: list[Tensor]) -> list[Tensor]:
    """The same numbers in one tensor."""
    return [flatten(tensors)]


@torch.no_grad()
def _copied(weights: list[Tensor], into: list[Tensor]) -> list[Tensor]:
    if len(into) != len(weights):
        into = [torch.empty_like(one) for one in weights]
    copy_to_each(into, weights)
    return into


def _weights_of(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _dense(gradient: Tensor) -> Tensor:
    """What is not 0 in it, where it is that of a sparse embedding."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _are_small(parameters: Sequence[Tensor]) -> bool:
    """And of one kind; a subclass of tensors may be spread over processes."""
    kinds = {(type(one), one.dtype, one.device) for one in parameters}
    return len(kinds) == 1 and type(parameters[0]) is Parameter and sum(map(Tensor.numel, parameters)) <= _SMALL


def _length(norms: Sequence[Tensor]) -> Tensor:
    """Of the vector whose parts have these lengths."""
    if len(norms) == 1:
        return norms[0].float()
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device, torch.float32) for norm in norms]))
