"""Probes of one forward and one backward pass: gradients, their numeric check, the causal mask, the first loss."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...experiments.probe_verdicts import (
    GRADIENT_TOLERANCE,
    CheckedGradient,
    TokenChanged,
    first_loss_verdict,
    gradients_verdict,
    mask_verdict,
    numeric_verdict,
)
from ...experiments.probes import ProbeAnswer
from ...vocabulary import BYTE_VALUES
from ..fault_injection import Batch
from ..instruments import layer_groups
from ..model import GPT
from ..torch_private import norm_of_each
from ..trainer import Trainer
from .one_batch import OneBatch
from .run_copy import RunCopy

CHECKED_LAYERS = 8
"""At most, evenly from the embeddings to the head."""
NUDGE = 1e-4
"""A weight is moved by so much to both sides; in double precision that is far above rounding."""
FINER = 4
"""Times as small a nudge has to give the same: the error of a difference falls with the square of the nudge."""


def first_loss(run: RunCopy) -> ProbeAnswer:
    trainer = run.untrained({"model.dropout": 0.0})
    loss, _ = trainer.differentiate(trainer.settings)
    return first_loss_verdict(loss.item())


def gradients(run: RunCopy) -> ProbeAnswer:
    return gradients_verdict(gradient_norms(run.latest), run.latest.step)


def gradient_norms(trainer: Trainer) -> dict[str, float]:
    """Of each parameter, on the next batch."""
    trainer.differentiate(trainer.settings)
    norms = torch.stack(norm_of_each(trainer.flat.views(trainer.flat.gradients))).tolist()
    return dict(zip(trainer.flat.names, norms, strict=True))


def mask(run: RunCopy) -> ProbeAnswer:
    """Change a token in the middle and elsewhere, and see which logits move."""
    trainer = run.latest
    tokens_1T = trainer.batches.draw(1)[0]
    T = tokens_1T.shape[1]
    trainer.model.eval()
    with torch.no_grad():
        changes = [_change(trainer.model, tokens_1T, position) for position in sorted({1, T // 2, T - 1})]
    trainer.model.train()
    return mask_verdict(changes)


def _change(model: GPT, tokens_1T: Tensor, position: int) -> TokenChanged:
    changed_1T = tokens_1T.clone()
    changed_1T[0, position] = (changed_1T[0, position] + 1) % BYTE_VALUES
    moved_T = (model(tokens_1T) - model(changed_1T)).float().abs().amax((0, 2))
    return TokenChanged(position, moved_T[:position].amax().item(), moved_T[position:].amax().item())


def numeric(run: RunCopy) -> ProbeAnswer:
    trainer = run.latest
    return numeric_verdict(checked_gradients(trainer), trainer.config.training.precision)


def checked_gradients(trainer: Trainer) -> list[CheckedGradient]:
    """In each layer the weight whose gradient is largest, where it can be checked.

    The gradient is what training computes, faults included. The difference is that of two losses of a copy of the model
    in double precision: in single precision what one weight changes is mostly rounding.
    """
    computed, batches = _computed(trainer)
    exact = copy.deepcopy(trainer.model).cpu().double()
    parameters = dict(exact.named_parameters())
    slopes, rounded = _slopes(exact, batches), _slopes(copy.deepcopy(trainer.model).cpu().float(), batches)
    checked = []
    for members in _spread([members for _, members in layer_groups(trainer.flat.names)]):
        place = max(members, key=lambda each: slopes[trainer.flat.names[each]].abs().amax().item())
        name = trainer.flat.names[place]
        index = int(slopes[name].abs().argmax())
        coarse, fine = (_difference(exact, parameters[name], index, batches, NUDGE / times) for times in (1, FINER))
        slope = slopes[name].flatten()[index].item()
        if _agree(coarse, fine) and _agree(slope, rounded[name].flatten()[index].item()):
            checked.append(CheckedGradient(f"{name}[{index}]", computed[place].flatten()[index].item(), fine))
    return checked


def _computed(trainer: Trainer) -> tuple[Sequence[Tensor], list[Batch]]:
    """The gradients of the next step, and the batches that they are of."""
    settings, usual = trainer.settings, trainer.batches
    trainer.batches = same = OneBatch(usual, settings.batch)
    trainer.differentiate(settings)
    trainer.batches = usual
    batches = trainer.faults.batches(trainer.step + 1, [same.drawn] * settings.accumulation)
    computed = trainer.flat.views(trainer.flat.gradients)
    return computed, [(inputs_BT.cpu(), targets_BT.cpu()) for inputs_BT, targets_BT in batches]


def _slopes(model: GPT, batches: Sequence[Batch]) -> dict[str, Tensor]:
    """The gradients in the precision of the model, without what training adds to them."""
    parameters = dict(model.named_parameters())
    return dict(zip(parameters, torch.autograd.grad(_loss(model, batches), [*parameters.values()]), strict=True))


def _agree(one: float, other: float) -> bool:
    """As far as a gradient must; where not, the loss bends too much or single precision is too coarse for a check."""
    return not CheckedGradient("", one, other).error > GRADIENT_TOLERANCE["fp32"]


@torch.no_grad()
def _difference(model: GPT, parameter: Tensor, index: int, batches: Sequence[Batch], nudge: float) -> float:
    """(loss(w + h) - loss(w - h)) / 2h of one weight w."""
    weights = parameter.data.view(-1)
    before = weights[index].item()
    losses = []
    for nudged in (before + nudge, before - nudge):
        weights[index] = nudged
        losses.append(_loss(model, batches).item())
    weights[index] = before
    return (losses[0] - losses[1]) / (2 * nudge)


def _loss(model: GPT, batches: Sequence[Batch]) -> Tensor:
    """The mean, without the rounding to single precision that training has."""
    losses = [F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()) for inputs, targets in batches]
    return torch.stack(losses).mean()


def _spread(layers: list[list[int]]) -> list[list[int]]:
    count = min(len(layers), CHECKED_LAYERS)
    return [layers[place * (len(layers) - 1) // max(count - 1, 1)] for place in range(count)]
