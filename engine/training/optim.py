"""Optimizers over flat memory: all weights are views of one buffer and all gradients of another.

Then clipping, norms, the decay and the update are one operation each, whatever the number of layers. torch.optim does
the same arithmetic, but its first step imports the compiler, about a second, and it takes the parameters one by one.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..config import OptimizerConfig
from .torch_private import add_to_each, copy_to_each, fused_adam, fused_adamw

_FULLY_WARM = 1e12
"""A step count at which 1 - beta**step is 1: how Adam runs without bias correction."""


class FlatParameters:
    """The weights and gradients of a model in two buffers; matrices first, as only they decay.

    Where the model computes in another precision, it does so with rounded copies of these weights. Embeddings stay as
    they are: the gradient of a frequent token is a sum of hundreds, which 8 bits of precision cannot hold.
    """

    def __init__(self, model: nn.Module, precision: torch.dtype = torch.float32) -> None:
        named = dict(model.named_parameters())
        embeddings = {
            id(p) for module in model.modules() if isinstance(module, nn.Embedding) for p in module.parameters()
        }
        order = sorted(named, key=lambda name: (named[name].dim() < 2, id(named[name]) not in embeddings))
        self.names = order
        self.parameters = [named[name] for name in order]
        size = sum(p.numel() for p in self.parameters)
        self.weights = torch.empty(size, device=self.parameters[0].device)
        self.gradients = torch.zeros_like(self.weights)
        self.decayed = sum(p.numel() for p in self.parameters if p.dim() >= 2)
        self._gradient_views = self.views(self.gradients)
        for p, weights in zip(self.parameters, self.views(self.weights), strict=True):
            p.data = weights.copy_(p.detach())
        self._rounded: Tensor | None = None
        if precision != self.weights.dtype:
            self._round_to(precision, sum(p.numel() for p in self.parameters if id(p) in embeddings))
        else:
            for p, gradient in zip(self.parameters, self._gradient_views, strict=True):
                p.grad = gradient

    def _round_to(self, precision: torch.dtype, exact: int) -> None:
        """From now on all parameters but the first `exact` numbers are rounded copies."""
        self._rounded = torch.empty_like(self.weights, dtype=precision)
        for p, copy in zip(self.parameters, self.views(self._rounded), strict=True):
            if copy.storage_offset() >= exact:
                p.data = copy
        self.publish()

    def publish(self) -> None:
        """Let the model compute with the weights as they are now."""
        if self._rounded is not None:
            self._rounded.copy_(self.weights)

    def differentiate(self, loss: Tensor, *, accumulate: bool) -> None:
        """The gradients of a loss into the buffer, in place of what is there or on top of it."""
        if self._rounded is None:
            if not accumulate:
                self.gradients.zero_()
            loss.backward()  # adds to .grad, which is the buffer: quicker than to copy so many small tensors
            return
        gradients = torch.autograd.grad(loss, self.parameters)
        if accumulate:
            add_to_each(self._gradient_views, gradients)
        else:
            copy_to_each(self._gradient_views, gradients)

    def views(self, buffer: Tensor) -> list[Tensor]:
        """A buffer of this layout, cut and shaped like the parameters."""
        pieces = buffer.split([p.numel() for p in self.parameters])
        return [piece.view_as(p) for piece, p in zip(pieces, self.parameters, strict=True)]


class Optimizer:
    """sgd, momentum, adam or adamw, as torch.optim defines them."""

    def __init__(self, config: OptimizerConfig, flat: FlatParameters) -> None:
        self.config = config
        self._flat = flat
        slots = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}[config.kind]
        names = ("exp_avg", "exp_avg_sq") if slots == 2 else ("momentum_buffer",)[:slots]
        self.state: dict[str, Tensor] = {name: torch.zeros_like(flat.weights) for name in names}
        matrices, vectors = slice(flat.decayed), slice(flat.decayed, None)
        self._parts = [
            [[buffer[part]] for buffer in (flat.weights, flat.gradients, *self.state.values())]
            for part in (matrices, vectors)
        ]
        """Weights, gradients and state of what decays and of what does not, as the fused operations take them."""
        if slots == 2:
            first = 0.0 if config.bias_correction else _FULLY_WARM
            self.state["step"] = torch.tensor(first, dtype=torch.float32, device=flat.weights.device)

    @torch.no_grad()
    def step(self, lr: float, weight_decay: float) -> None:
        weights, gradients = self._flat.weights, self._flat.gradients
        match self.config.kind:
            case "sgd":
                self._decay(weight_decay)
                weights.add_(gradients, alpha=-lr)
            case "momentum":
                self._decay(weight_decay)
                buffer = self.state["momentum_buffer"].mul_(self.config.momentum).add_(gradients)
                weights.add_(buffer, alpha=-lr)
            case "adam":
                self._adam(fused_adam, lr, weight_decay)
            case "adamw":
                self._adam(fused_adamw, lr, weight_decay)
        self._flat.publish()

    def _decay(self, weight_decay: float) -> None:
        """L2 through the gradient."""
        matrices = slice(self._flat.decayed)
        if weight_decay:
            self._flat.gradients[matrices].add_(self._flat.weights[matrices], alpha=weight_decay)

    def _adam(self, fused: Callable[..., None], lr: float, weight_decay: float) -> None:
        """What torch.optim.Adam and AdamW call when they are fused; AdamW's decay is decoupled from the gradient."""
        self.state["step"].add_(1)
        for part, decay in zip(self._parts, (weight_decay, 0.0), strict=True):
            fused(
                *part,
                [],
                [self.state["step"]],
                lr=lr,
                beta1=self.config.beta1,
                beta2=self.config.beta2,
                weight_decay=decay,
                eps=self.config.eps,
                amsgrad=False,
                maximize=False,
            )
