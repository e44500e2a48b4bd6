"""Faults that no setting makes: bugs and accidents that a run is given on purpose; off unless asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from .toml_tables import between, require


@dataclass(frozen=True, kw_only=True)
class FaultConfig:
    """Steps count from 1, and a step of 0 is never."""

    detached: tuple[str, ...] = ()
    """Layers that no gradient reaches, as after a stray .detach(): "embeddings", "layer 1" ..., "head"."""
    shuffled_targets: bool = False
    """Every batch has its right answers in a wrong order: how frequent a byte is can be learnt, and nothing else."""
    random_targets: float = 0.0
    """Share of the answers that are replaced by any byte, as where labels are wrong."""
    unstable_softmax: bool = False
    """Attention takes exp of its scores as they are, in the range of fp16: above 11.09 they overflow."""
    no_residual: bool = False
    """Layers pass on what they computed without adding what they were given, so that all gradients go through all of
    them."""
    bad_batch_step: int = 0
    """The one step that trains on a broken batch."""
    bad_batch: Literal["bytes", "targets"] = "bytes"
    """`bytes`: inputs and answers are noise, as of a corrupt file; `targets`: only the answers are."""
    bad_batch_weight: float = 1.0
    """What the gradient of that step is multiplied by."""
    frozen_from: int = 0
    """From this step on all gradients are 0."""
    flipped_from: int = 0
    """From this step on gradients have the wrong sign, so that training climbs."""
    gradients_scaled_from: int = 0
    """From this step on gradients are `gradients_scale` times too large, as where a loss scale is not taken back."""
    gradients_scale: float = 1.0
    nan_step: int = 0
    """At this step one gradient is NaN."""
    lr_jump_from: int = 0
    """From this step on the learning rate is `lr_jump` times the planned one."""
    lr_jump: float = 10.0

    def __post_init__(self) -> None:
        for name in self.detached:
            require(
                re.fullmatch(r"embeddings|layer [1-9]\d*|head", name) is not None,
                "fault.detached",
                name,
                'must be "embeddings", "layer 1", "layer 2" ... or "head"',
            )
        between("fault.random_targets", self.random_targets, 0.0, 1.0)
        for step in fields(self):
            if step.type is int:
                between(f"fault.{step.name}", getattr(self, step.name), 0, 1_000_000_000)
        between("fault.bad_batch_weight", self.bad_batch_weight, 0.0, 1e6)
        between("fault.lr_jump", self.lr_jump, 0.0, 1e6)
        between("fault.gradients_scale", self.gradients_scale, 0.0, 1e12)

    def require_layers(self, layers: int) -> None:
        """ConfigError if a detached layer is deeper than the model."""
        for name in self.detached:
            number = int(name.removeprefix("layer ")) if name.startswith("layer ") else 0
            require(number <= layers, "fault.detached", name, f"is not there: model.layers = {layers}")

    def active(self) -> tuple[str, ...]:
        """Keys of FAULTS that are asked for, in its order."""
        return tuple(key for key in FAULTS if getattr(self, key))


FAULTS: Mapping[str, str] = {
    "shuffled_targets": "the targets of every batch are in a wrong order",
    "random_targets": "a share of the targets is replaced by random bytes",
    "bad_batch_step": "one step trains on a broken batch",
    "unstable_softmax": "attention does not subtract the largest score before its softmax",
    "no_residual": "layers do not add their input to their output",
    "detached": "no gradient reaches some of the layers",
    "gradients_scaled_from": "gradients are scaled by a wrong factor from one step on",
    "flipped_from": "gradients have the wrong sign from one step on",
    "frozen_from": "gradients are 0 from one step on",
    "nan_step": "one gradient is NaN at one step",
    "lr_jump_from": "the lr is a multiple of the planned one from one step on",
}
"""A fault's key in FaultConfig -> what it does, for people. training/fault_injection.py has an injection for every key;
those that are active are applied in this order."""
