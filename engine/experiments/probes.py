"""The probes: questions of a debugging checklist, each answered by a few steps on a copy of a run.

`PROBES` lists them. What measures them is in `training/probes/`, under the same names; what the measured numbers mean
is in `probe_verdicts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

ProbeWord = Literal["yes", "no", "cannot tell"]


@dataclass(frozen=True)
class ProbeQuestion:
    name: str
    """As it is typed."""
    question: str
    """To which yes is the healthy answer."""
    remedy: str
    """What to do where the answer is no."""


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    probe: str
    """The name of the probe."""
    answer: ProbeWord
    evidence: str
    """In numbers."""
    remedy: str = ""
    """Empty unless the answer is no."""
    values: dict[str, float] = {}
    """The numbers of the evidence, by name."""


class ProbeWork(msgspec.Struct, frozen=True, kw_only=True):
    """How far a probe is that trains."""

    done: int
    """Steps."""
    of: int
    """At most."""
    spent_s: float


PROBES: Mapping[str, ProbeQuestion] = {
    probe.name: probe
    for probe in (
        ProbeQuestion(
            "finite",
            "Are the loss and all gradients finite?",
            "lower schedule.lr or set optimizer.clip = 1, and go back to a checkpoint before that step: no later batch "
            "makes a NaN weight finite",
        ),
        ProbeQuestion(
            "first-loss",
            "Is the first loss that of guessing, ln V?",
            "set model.init_scale = 1; below ln V the targets can be seen, or the weights were trained before",
        ),
        ProbeQuestion(
            "lr",
            "Is the learning rate what the schedule gives?",
            "compute the rate from the step that the optimizer takes, and set it before that step; look for what else "
            "sets it (fault.lr_jump_from)",
        ),
        ProbeQuestion(
            "data",
            "Is the data what it should be?",
            "read the decoded batch; make the targets the inputs one further, and hold out text that the training "
            "text does not repeat",
        ),
        ProbeQuestion(
            "gradients",
            "Does every parameter get a gradient?",
            "look for a .detach(), a no_grad() or an unused parameter between these and the loss, or a factor of 0",
        ),
        ProbeQuestion(
            "mask",
            "Do later tokens leave earlier logits alone?",
            "mask the scores above the diagonal with minus infinity before the softmax",
        ),
        ProbeQuestion(
            "numeric",
            "Do the gradients agree with differences of the loss?",
            "compare the backward pass of these layers with its formula, and look for a sign or a factor between the "
            "backward pass and the update",
        ),
        ProbeQuestion(
            "overfit",
            "Can the model overfit one batch?",
            "if `data`, `gradients` or `numeric` is no, mend that first; otherwise the model is too small for even one "
            "batch, or its signal does not reach the head",
        ),
        ProbeQuestion(
            "capacity",
            "Is the model large enough: do neither two layers more nor twice the width help?",
            "add layers (model.layers) or double model.width",
        ),
    )
}
"""By name, in the order in which they are asked: the quick ones first."""
