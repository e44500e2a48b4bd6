"""Optimizers: how a weight moves, given its gradient.

In the formulas w is a weight, g its gradient, lr the learning rate, wd the weight decay and t the number of the step,
counted from 1; all arithmetic is per weight. There are two ways to decay. L2 regularisation adds wd w to the gradient;
decoupled decay takes lr wd w from the weight itself. For plain SGD both are the same. Adam divides the gradient by its
usual size, and with it an L2 term, so that weights with large gradients hardly decay at all; decoupling mends that
(Loshchilov and Hutter 2017).

All weights are views of one flat buffer and all gradients of another, so that clipping, norms and an update are one
operation each, whatever the number of layers: a model this small spends more time on starting operations than on
arithmetic. torch.optim computes the same, but takes the parameters one by one, and its first step imports the compiler,
which takes about a second.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..config import OptimizerConfig
from ..optimizers import OPTIMIZERS, OptimizerKind
from .torch_private import add_to_each, copy_to_each, fused_adam, fused_adamw


class FlatParameters:
    """The weights and gradients of a model in two buffers, matrices first: they decay, vectors do not.

    A model that computes in bf16 does so with rounded copies of these weights. The exact ones stay in fp32, where an
    update of a thousandth of a weight is not lost: bf16 has 8 bits of precision, and 1 + 0.001 rounds to 1. Embeddings
    are not rounded, because the gradient of a frequent token is a sum of hundreds, which 8 bits cannot hold.
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
        self.matrices = slice(sum(p.numel() for p in self.parameters if p.dim() >= 2))
        """The part of a buffer that belongs to matrices."""
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
        """Make all parameters but the first `exact` numbers rounded copies."""
        self._rounded = torch.empty_like(self.weights, dtype=precision)
        for p, copy in zip(self.parameters, self.views(self._rounded), strict=True):
            if copy.storage_offset() >= exact:
                p.data = copy
        self.publish()

    def publish(self) -> None:
        """Round the weights again after they changed; without rounding the model computes with them as they are."""
        if self._rounded is not None:
            self._rounded.copy_(self.weights)

    def differentiate(self, loss: Tensor, *, accumulate: bool) -> None:
        """The backward pass: gradients of a loss into the buffer, in place of what is there or added to it."""
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


class Optimizer(ABC):
    """Moves the weights against their gradients. `state` is all it remembers, and part of a checkpoint."""

    def __init__(self, flat: FlatParameters, state: Sequence[str]) -> None:
        self._flat = flat
        self.state: dict[str, Tensor] = {name: torch.zeros_like(flat.weights) for name in state}

    @torch.no_grad()
    def step(self, lr: float, weight_decay: float) -> None:
        self.update(lr, weight_decay)
        self._flat.publish()

    @abstractmethod
    def update(self, lr: float, weight_decay: float) -> None:
        """One step of the flat weights by the flat gradients, which may be overwritten."""

    def add_l2(self, weight_decay: float) -> None:
        """g <- g + wd w, for matrices."""
        if weight_decay:
            matrices = self._flat.matrices
            self._flat.gradients[matrices].add_(self._flat.weights[matrices], alpha=weight_decay)


class SGD(Optimizer):
    """Stochastic gradient descent: w <- w - lr g. The gradient of a batch is a noisy one of the whole text."""

    def update(self, lr: float, weight_decay: float) -> None:
        self.add_l2(weight_decay)
        self._flat.weights.add_(self._flat.gradients, alpha=-lr)


class Momentum(Optimizer):
    """SGD with a memory: m <- momentum m + g, w <- w - lr m (Sutskever et al. 2013).

    Where gradients keep their direction, m grows to g / (1 - momentum), ten times g at 0.9; where they alternate, they
    cancel. So the step is long along a valley and short across it.
    """

    def __init__(self, flat: FlatParameters, state: Sequence[str], *, momentum: float) -> None:
        super().__init__(flat, state)
        self._momentum = momentum

    def update(self, lr: float, weight_decay: float) -> None:
        self.add_l2(weight_decay)
        m = self.state["momentum_buffer"].mul_(self._momentum).add_(self._flat.gradients)
        self._flat.weights.add_(m, alpha=-lr)


class Adam(Optimizer):
    """A step of about lr for every weight, however large its gradients are (Kingma and Ba 2014, algorithm 1).

        m <- beta1 m + (1 - beta1) g          the mean gradient of the last 1 / (1 - beta1) steps
        v <- beta2 v + (1 - beta2) g^2        the mean square, of the last 1 / (1 - beta2)
        m' = m / (1 - beta1^t)                bias correction: both start at 0, so that early means are too small,
        v' = v / (1 - beta2^t)                m by a factor of 10 in the first step and v by one of 1000
        w <- w - lr m' / (sqrt(v') + eps)

    Without the correction the first step is 0.1 / sqrt(0.001), about 3 times too long. The decay is L2.
    """

    fused: Callable[..., None] = staticmethod(fused_adam)
    _CORRECTED = 1e12
    """A t at which 1 - beta^t is 1: to start there switches the correction off."""

    def __init__(
        self,
        flat: FlatParameters,
        state: Sequence[str],
        *,
        beta1: float,
        beta2: float,
        eps: float,
        bias_correction: bool,
    ) -> None:
        super().__init__(flat, state)
        matrices, vectors = flat.matrices, slice(flat.matrices.stop, None)
        self._parts = [
            [[buffer[part]] for buffer in (flat.weights, flat.gradients, *self.state.values())]
            for part in (matrices, vectors)
        ]
        """Weights, gradients, m and v of what decays and of what does not, as the fused operation takes them."""
        t = 0.0 if bias_correction else self._CORRECTED
        self.state["step"] = torch.tensor(t, dtype=torch.float32, device=flat.weights.device)
        self._settings = {"beta1": beta1, "beta2": beta2, "eps": eps, "amsgrad": False, "maximize": False}

    def update(self, lr: float, weight_decay: float) -> None:
        self.state["step"].add_(1)
        for part, decay in zip(self._parts, (weight_decay, 0.0), strict=True):
            self.fused(*part, [], [self.state["step"]], lr=lr, weight_decay=decay, **self._settings)


class AdamW(Adam):
    """Adam with decoupled decay: w <- w - lr wd w before the step (Loshchilov and Hutter 2017)."""

    fused = staticmethod(fused_adamw)


OPTIMIZER_CLASSES: Mapping[OptimizerKind, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "adam": Adam,
    "adamw": AdamW,
}


def new_optimizer(config: OptimizerConfig, flat: FlatParameters) -> Optimizer:
    """The optimizer that a config asks for, with the hyper-parameters that its kind reads."""
    description = OPTIMIZERS[config.kind]
    hyperparameters = {name: getattr(config, name) for name in description.hyperparameters}
    return OPTIMIZER_CLASSES[config.kind](flat, description.state, **hyperparameters)
