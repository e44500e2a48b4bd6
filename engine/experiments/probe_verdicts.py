"""What the numbers that a probe measured mean: pure functions, an answer each."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..diagnostics.detectors.initial_loss import InitialLoss
from ..vocabulary import CHANCE_LOSS, VOCABULARY
from .probes import PROBES, ProbeAnswer
from .verdict import DifferenceInterval, paired_interval

LR_TOLERANCE = 1e-6
"""Share by which an lr may differ from the planned one: a log may have rounded it."""
LEAK_TOLERANCE = 1e-4
"""What earlier logits may move, as a share of what later ones do: masked scores have a weight of exactly 0."""
GRADIENT_TOLERANCE = {"fp32": 0.02, "bf16": 0.15}
"""Share by which a gradient may differ from a difference of the loss in double precision."""
SMALLEST_GRADIENT = 1e-9
"""Below it a gradient and a difference are both 0."""
MEMORISED = 0.1
"""Nats: the loss of a batch that has been learnt by heart."""
WORTH_GROWING = 0.05
"""Nats by which the loss of a larger model must be lower: twice the width gains 0.02 where that is not needed."""
FP16_EXPONENT = 11.09
"""ln 65504: above it exp is infinite in fp16."""
_NAMED = 3
"""Parameters that are listed."""


def answer(name: str, is_well: bool, evidence: str, values: dict[str, float], *, remedy: str = "") -> ProbeAnswer:
    """Yes, or no with what to do: what the probe recommends, unless there is something better."""
    return ProbeAnswer(
        probe=name,
        answer="yes" if is_well else "no",
        evidence=evidence,
        remedy="" if is_well else remedy or PROBES[name].remedy,
        values=values,
    )


def cannot_tell(name: str, why: str) -> ProbeAnswer:
    return ProbeAnswer(probe=name, answer="cannot tell", evidence=why)


def first_loss_verdict(loss: float) -> ProbeAnswer:
    """Of random weights on a batch."""
    is_well = abs(loss - CHANCE_LOSS) <= InitialLoss.share * CHANCE_LOSS
    evidence = f"the untrained model's loss is {loss:.4g}, and ln {VOCABULARY} = {CHANCE_LOSS:.4g}"
    return answer("first-loss", is_well, evidence, {"loss": loss, "chance": CHANCE_LOSS})


def lr_verdict(lrs: Iterable[tuple[int, float, float]]) -> ProbeAnswer:
    """Of each step: its number, the lr that was used and the planned one."""
    steps, wrong = 0, []
    for step, used, planned in lrs:
        steps += 1
        if not abs(used - planned) <= LR_TOLERANCE * max(abs(planned), abs(used)):
            wrong.append((step, used, planned))
    if not steps:
        return cannot_tell("lr", "the run has no step yet")
    if not wrong:
        return answer("lr", True, f"in all {steps} steps", {"steps": steps, "wrong": 0})
    step, used, planned = wrong[0]
    times = f", {used / planned:.4g} times as much" if planned else ""
    evidence = f"it differs in {len(wrong)} of {steps} steps, first at step {step}: {used:.4g} instead of {planned:.4g}"
    values = {"steps": steps, "wrong": len(wrong), "first": step, "lr": used, "planned": planned}
    return answer("lr", False, evidence + times, values)


def gradients_verdict(norms: Mapping[str, float], step: int) -> ProbeAnswer:
    """Of the norm of each parameter's gradient after a step."""
    if not all(map(math.isfinite, norms.values())):
        return cannot_tell("gradients", f"after step {step} they are not finite")
    least, most = min(norms.values()), max(norms.values())
    without = [name for name, norm in norms.items() if not norm > 0]
    counted = {"parameters": float(len(norms)), "without": float(len(without)), "least": least, "most": most}
    if without:
        evidence = f"{len(without)} of {len(norms)} parameters get none after step {step}: {_listed(without)}"
        return answer("gradients", False, evidence, counted)
    weakest = min(norms, key=lambda name: norms[name])
    evidence = f"all {len(norms)} do after step {step}; norms from {least:.2g} ({weakest}) to {most:.2g}"
    return answer("gradients", True, evidence, counted)


@dataclass(frozen=True, kw_only=True)
class FirstNonFinite:
    """Where a number first was not finite: all that the module was given still was."""

    step: int
    module: str
    """Its name in the model, such as `blocks.0.attention`; `loss` for the loss itself."""
    direction: Literal["output", "gradient"]
    """Of what: of the forward or of the backward pass."""
    largest_input: float = math.nan
    """Of its forward pass; NaN where it was given no numbers, as an embedding is not."""
    attention_logit: float = math.nan
    """The largest, where it is an attention layer."""
    broken: str = ""
    """A parameter of it that is not finite itself."""
    parameter: str = ""
    """The one that has this gradient, where all activations and their gradients were finite."""
    is_norm: bool = False
    """Whether every gradient is finite and only their norm is not."""


def finite_verdict(steps: int, first: FirstNonFinite | None, bad_step: int | None) -> ProbeAnswer:
    """`bad_step` is the first that the log has with a loss or a gradient norm that is not finite."""
    if not steps:
        return cannot_tell("finite", "the run has no step yet")
    if bad_step is None:
        return answer("finite", True, f"in all {steps} steps", {"steps": steps})
    if first is None:
        return cannot_tell("finite", f"step {bad_step} is not finite in the log, and is when it is computed again")
    measured = {"largest_input": first.largest_input, "attention_logit": first.attention_logit}
    values = {"step": float(first.step), **{name: value for name, value in measured.items() if math.isfinite(value)}}
    evidence = f"at step {first.step} the {first.direction} of {first.module} is the first that is not finite"
    if "largest_input" in values:
        evidence += f"; its largest input is {first.largest_input:.4g}"
    if "attention_logit" in values:
        evidence += f", its largest attention score {first.attention_logit:.4g}"
    if first.broken:
        evidence += f"; {first.broken} is not finite itself: an earlier update made it so"
    if first.is_norm:
        evidence = (
            f"at step {first.step} the gradient norm is the first that is not finite: the squares of its gradients"
        )
        evidence += " are beyond single precision"
    if first.parameter:
        evidence += f": that of {first.parameter}, after passes that were finite"
    return answer("finite", False, evidence, values, remedy=_remedy(first))


def _remedy(first: FirstNonFinite) -> str:
    if first.direction == "output" and first.attention_logit > FP16_EXPONENT:
        return (
            "subtract the largest score before the softmax: exp overflows above 11.1 in fp16, above 88.7 in fp32; "
            "normalised queries and keys or a lower schedule.lr keep scores small"
        )
    if first.parameter:
        return "look for what changes gradients between the backward pass and the update (fault.nan_step)"
    return ""


@dataclass(frozen=True)
class TokenChanged:
    """How far logits moved when the token at `position` was changed."""

    position: int
    earlier: float
    later: float
    """Of the position itself and those after it."""


def mask_verdict(changes: Sequence[TokenChanged]) -> ProbeAnswer:
    if not all(math.isfinite(change.earlier + change.later) for change in changes):
        return cannot_tell("mask", "the logits are not finite")
    worst = max(changes, key=lambda change: change.earlier)
    later = max(change.later for change in changes)
    values = {"position": float(worst.position), "earlier": worst.earlier, "later": later}
    if worst.earlier > LEAK_TOLERANCE * later:
        evidence = f"changing token {worst.position} moves earlier logits by {worst.earlier:.2g}, later by {later:.2g}"
        return answer("mask", False, evidence, values)
    if later == 0:
        return cannot_tell("mask", "the logits do not depend on the tokens at all")
    evidence = f"changing a token moves no logit before it, and those from it on by {later:.2g}"
    return answer("mask", True, evidence, values)


@dataclass(frozen=True)
class CheckedGradient:
    """One weight's gradient, as training computes it and as the difference of two losses has it."""

    name: str
    computed: float
    difference: float

    @property
    def error(self) -> float:
        """As a share of the larger of both."""
        larger = max(abs(self.computed), abs(self.difference))
        return abs(self.computed - self.difference) / larger if larger > SMALLEST_GRADIENT else 0.0


def numeric_verdict(checked: Sequence[CheckedGradient], precision: str) -> ProbeAnswer:
    """Of the weights whose gradient can be checked."""
    if not checked:
        return cannot_tell("numeric", "the loss bends too much, or its gradients are beyond single precision")
    if not all(math.isfinite(one.computed + one.difference) for one in checked):
        return cannot_tell("numeric", "gradients or losses are not finite")
    tolerance = GRADIENT_TOLERANCE[precision]
    worst = max(checked, key=lambda one: one.error)
    wrong = [one for one in checked if one.error > tolerance]
    values = {"weights": float(len(checked)), "wrong": float(len(wrong)), "error": worst.error}
    if not wrong:
        evidence = f"of {len(checked)} weights in all layers the worst differs by {worst.error:.2%} ({worst.name})"
        return answer("numeric", True, evidence, values)
    evidence = f"{len(wrong)} of {len(checked)} differ: {worst.name} has {worst.computed:.3g}, the loss says "
    return answer("numeric", False, f"{evidence}{worst.difference:.3g}", values)


def overfit_verdict(losses: Sequence[float]) -> ProbeAnswer:
    """Of the steps on one batch."""
    first, last = losses[0], losses[-1]
    if not math.isfinite(last):
        return cannot_tell("overfit", f"its loss is not finite after {len(losses)} steps (`finite`): mend that first")
    evidence = f"its loss falls from {first:.3g} to {last:.3g} in {len(losses)} steps on the same sequences"
    return answer("overfit", last < MEMORISED, evidence, {"first": first, "last": last, "steps": len(losses)})


def capacity_verdict(
    control: Sequence[float], larger: Mapping[str, Sequence[float]], faster: Sequence[float]
) -> ProbeAnswer:
    """Of the losses of a model that learns, and of larger ones, by what is larger, on the same batches.

    At a low lr a larger model is ahead because it learns faster. `faster` are the losses with twice the lr: where that
    gains half as much, it is not known that size is what the model lacks.
    """
    half = len(control) // 2
    if sum(control[half:]) > CHANCE_LOSS * (len(control) - half):
        return cannot_tell("capacity", f"its loss is above {CHANCE_LOSS:.4g}, that of guessing: mend that first")
    differences: dict[str, DifferenceInterval] = {}
    for name, losses in larger.items():
        difference = paired_interval(losses[half:], control[half:], comparisons=len(larger))
        if difference is None:
            return cannot_tell("capacity", f"{len(control)} steps are too few to compare")
        if not math.isfinite(difference.mean):
            return cannot_tell("capacity", f"its loss or that with {name} is not finite")
        differences[name] = difference
    words = " and ".join(f"{name} changes the loss by {each.mean:+.3f}" for name, each in differences.items())
    values = {name.replace(" ", "_"): each.mean for name, each in differences.items()}
    best = min(differences, key=lambda name: differences[name].mean)
    is_large_enough = differences[best].mean > -WORTH_GROWING or differences[best].high > 0
    gain = sum(faster[half:]) / len(faster[half:]) - sum(control[half:]) / len(control[half:])
    if not is_large_enough and gain < differences[best].mean / 2:
        evidence = f"{best} changes the loss by {differences[best].mean:+.3f}, but twice the lr alone by {gain:+.3f}"
        return cannot_tell("capacity", f"{evidence}: raise the lr first")
    remedy = f"{PROBES['capacity'].remedy}, and look whether a whole run gains as much; {best} helps most"
    evidence = f"{words} in {len(control)} steps on the same batches"
    return answer("capacity", is_large_enough, evidence, values, remedy=remedy)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
