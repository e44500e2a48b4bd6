"""A case: what is trained, what its log leaves out, and which findings are right for it.

A label follows from what was built in, and was checked by looking at the curves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import ChangeSettings
from tinygpt_tui.engine.finding_kinds import FindingKind

from .counting import Kinds

Onset = int | Literal["lowest val_loss"] | None

BASE = {
    "model.width": 32,
    "model.context": 32,
    "training.device": "cpu",
    "training.precision": "fp32",
    "training.threads": 1,
    "training.compile": False,
    "training.steps": 600,
    "instruments.evaluate_every": 25,
    "instruments.evaluate_sequences": 16,
    "instruments.sample_every": 0,
    "instruments.layers_every": 0,
}
MOMENTUM = {"optimizer.kind": "momentum", "schedule.lr": 0.03, "schedule.min_lr": 0.003, "training.batch": 8}
SGD = {"optimizer.kind": "sgd", "schedule.lr": 0.2, "schedule.min_lr": 0.02, "training.batch": 8}
"""Rates that work for them here."""
GRADIENTS_HIDDEN = frozenset({"grad_norm"})
ONLY_LOSS = frozenset({"lr", "grad_norm", "val_loss"})


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    settings: Mapping[str, Any]
    planted: FindingKind | None = None
    """The kind of fault that was built in; None in a healthy run."""
    must: Kinds = frozenset()
    """One of these has to be found."""
    may: Kinds = frozenset()
    """These are no false alarms besides."""
    onset: Onset = None
    """The first step with the fault; None where it is not known."""
    every: int = 1
    """Steps between two logged rows."""
    hidden: frozenset[str] = frozenset()
    """Signals that the log leaves out."""
    changes: Mapping[int, ChangeSettings] = field(default_factory=dict)
    """What a person changes, after which step."""
    resumed: tuple[int, int] | None = None
    """The step at which the run died, and the one it went on from: what lies between is logged twice."""
    logged_from: int = 0
    """Where only the run's end was kept."""
    unit: float = 1.0
    """Times every loss and gradient norm."""

    def keys(self, seed: int) -> dict[str, Any]:
        """The config keys that differ from the default."""
        return BASE | dict(self.settings) | {"training.seed": seed}

    def config(self, seed: int) -> RunConfig:
        return RunConfig().with_changes(self.keys(seed))


class Collection(dict[str, Case]):
    def healthy(self, name: str, settings: Mapping[str, Any] | None = None, **how: Any) -> None:
        self[name] = Case(name=name, settings=settings or {}, **how)

    def faulty(
        self,
        name: str,
        planted: FindingKind,
        settings: Mapping[str, Any] | None = None,
        *,
        must: Kinds | None = None,
        may: Kinds = frozenset(),
        **how: Any,
    ) -> None:
        wanted = must or frozenset({planted})
        self[name] = Case(name=name, settings=settings or {}, planted=planted, must=wanted, may=wanted | may, **how)
