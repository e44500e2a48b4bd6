"""Where a loss or gradient that is not finite came from: the step is computed again, with hooks on every module."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...events import StepFinished
from ...experiments.probe_verdicts import FirstNonFinite, finite_verdict
from ...experiments.probes import ProbeAnswer
from ..model import GPT, Attention
from ..trainer import Trainer
from .run_copy import RunCopy


def finite(run: RunCopy) -> ProbeAnswer:
    first = None if run.bad_step is None else first_non_finite(run.at(run.bad_step - 1))
    return finite_verdict(run.step - run.began, first, run.bad_step)


def first_non_finite(trainer: Trainer) -> FirstNonFinite | None:
    """Take one step, and name where it first was not finite; None where all of it is."""
    with non_finite_watch(trainer.model, trainer.step + 1) as watch:
        events = trainer.advance()
    if first := watch.first or _in_parameters(trainer):
        return first
    (step,) = (event for event in events if isinstance(event, StepFinished))
    if not math.isfinite(step.loss or 0.0):
        return _of_loss(trainer.step, "output")
    is_norm_finite = math.isfinite(step.grad_norm or 0.0)
    return None if is_norm_finite else replace(_of_loss(trainer.step, "gradient"), is_norm=True)


class NonFiniteWatch:
    """Of the modules that are called, the first that makes of finite numbers some that are not."""

    def __init__(self, step: int) -> None:
        self.first: FirstNonFinite | None = None
        self._step = step
        self._given: dict[str, tuple[Any, ...]] = {}
        """Inputs of the forward pass."""

    def see_forward(self, name: str, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        """A forward hook; parts are called before the whole, so a whole that is named broke between its parts."""
        if self.first is None:
            self._given[name] = given
            if isinstance(output, Tensor) and _is_finite(given) and not _is_finite((output,)):
                self._find(name, module, "output")

    def see_backward(self, name: str, module: nn.Module, made: Any, given: Any) -> None:
        """A full backward hook: `given` is the gradient of the output, `made` that of the inputs."""
        if self.first is None and _is_finite(given) and not _is_finite(made):
            self._find(name, module, "gradient")

    def see_loss_gradient(self, gradient: Tensor) -> None:
        """Of the logits, which no module has made."""
        if self.first is None and not _is_finite((gradient,)):
            self.first = _of_loss(self._step, "gradient")

    def _find(self, name: str, module: nn.Module, direction: Literal["output", "gradient"]) -> None:
        given = self._given[name]
        self.first = FirstNonFinite(
            step=self._step,
            module=name or "head",
            direction=direction,
            largest_input=max((x.abs().amax().item() for x in _numbers(given)), default=math.nan),
            broken=next((part for part, x in module.named_parameters(name) if not _is_finite((x,))), ""),
        )
        if isinstance(module, Attention):  # after it is found, as this calls a part of the module, with its hook
            self.first = replace(self.first, attention_logit=_attention_logit(module, given))


@contextmanager
def non_finite_watch(model: GPT, step: int) -> Iterator[NonFiniteWatch]:
    watch = NonFiniteWatch(step)
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_hook(partial(watch.see_forward, name)))
        if name:
            handles.append(module.register_full_backward_hook(partial(watch.see_backward, name)))

    def watch_logits(module: nn.Module, given: tuple[Any, ...], logits_BTV: Tensor) -> None:
        if logits_BTV.requires_grad:
            logits_BTV.register_hook(watch.see_loss_gradient)

    handles.append(model.register_forward_hook(watch_logits))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an embedding's inputs have no gradient
            yield watch
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _attention_logit(module: Attention, given: tuple[Any, ...]) -> float:
    x_NC, T, *_ = given
    return module.max_attention_logit(x_NC, T).item()


def _of_loss(step: int, direction: Literal["output", "gradient"]) -> FirstNonFinite:
    return FirstNonFinite(step=step, module="loss", direction=direction)


def _in_parameters(trainer: Trainer) -> FirstNonFinite | None:
    """The gradient of a parameter, after passes in which every activation and its gradient were finite."""
    gradients = dict(zip(trainer.flat.names, trainer.flat.views(trainer.flat.gradients), strict=True))
    for name, _ in reversed([*trainer.model.named_parameters()]):
        if not gradients[name].isfinite().all():
            return FirstNonFinite(
                step=trainer.step,
                module=name.rpartition(".")[0],
                direction="gradient",
                parameter=name,
            )
    return None


def _numbers(values: tuple[Any, ...]) -> list[Tensor]:
    return [x.detach() for x in values if isinstance(x, Tensor) and x.is_floating_point() and x.numel()]


def _is_finite(values: tuple[Any, ...]) -> bool:
    return all(bool(x.isfinite().all()) for x in _numbers(values))
