"""A log that has come to its end: its whole curve, and what is remembered besides for the rules of hindsight."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from .chance_loss import guessed_among
from .detector import Detection, Severity
from .profile import Profile
from .run_statistics import RunStatistics

Verdict = tuple[str, Detection]
"""A kind of finding, and what was seen."""

GAINED = 0.1
"""Share of the first loss that is a gain worth its name."""
WORK_STEPS = 200
"""Steps after which a model that can learn has left the level of guessing: a healthy one does in some dozens."""
WORK_EPOCHS = 4
WORK_ROUNDS = 10
"""The same of boosting, each of whose rounds goes over all of the data."""
LATE = 2
"""An epoch in which no run begins."""
CONFIRMED, ALONE = 0.05, 0.015
"""How near the loss of guessing a level must be, as its share: with an accuracy that agrees, and without one."""
UNSEEN = 0.005
"""The same where the log does not show the beginning: a resumed run may have come to such a level by learning."""


@dataclass(frozen=True, kw_only=True)
class EvaluatedRow:
    step: int
    val_loss: float
    loss: float
    """The level of the training loss then."""
    accuracy: float | None = None
    """Of the same evaluation, as a share."""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A run whose log has come to its end."""

    run: RunStatistics
    evaluations: Sequence[EvaluatedRow] = ()
    """The first ones; a long log has detectors."""
    epoch: float | None = None
    """The last one: by the end of the first, all of the data have been seen."""
    first_epoch: float = 0.0
    loss_scales: tuple[float, float] | None = None
    """The first and the last one of mixed precision."""
    rewards: Profile = field(default_factory=Profile)
    entropies: tuple[float, float] | None = None
    """The lowest and the highest one of a policy."""
    accuracy: float | None = None
    """The last one, of training or else of validation."""
    recent: Sequence[float] = ()
    """The losses of the last rows."""
    is_only_val: bool = False
    """Whether the losses are those of evaluations, as the log has no other."""

    @property
    def means(self) -> list[float]:
        return self.run.profile.means

    @property
    def ends(self) -> list[int]:
        return self.run.profile.ends

    @property
    def loss(self) -> str:
        """What one of `means` is called."""
        return "loss" if self.run.profile.size == 1 else "mean loss"

    @property
    def halves(self) -> tuple[float, float]:
        middle = len(self.means) // 2
        return fmean(self.means[:middle]), fmean(self.means[-middle:])

    @property
    def noise(self) -> float:
        """Of one mean."""
        return self.run.level.noise / math.sqrt(self.run.profile.size)

    @property
    def is_fresh(self) -> bool:
        """Whether the log shows the run from its beginning, by its steps and by its epochs."""
        return self.run.is_fresh and self.first_epoch < LATE

    @property
    def has_worked(self) -> bool:
        """Whether there was time to learn."""
        if self.epoch is not None and self.epoch >= 1:
            return self.run.rows >= WORK_EPOCHS
        if self.run.facts.rows_are_epochs:
            return self.run.rows >= WORK_EPOCHS
        trainer = self.run.facts.trainer
        steps = WORK_ROUNDS if trainer is not None and trainer.is_boosting else WORK_STEPS
        return self.run.rows >= 4 and self.run.step >= steps

    @property
    def guessing_among(self) -> int | None:
        _, last = self.halves
        if self.accuracy is not None:
            return guessed_among(last, self.accuracy, CONFIRMED)
        return guessed_among(last, None, ALONE if self.is_fresh else UNSEEN)


def seen_as(kind: str, onset: int, severity: Severity, evidence: str) -> Verdict:
    return kind, Detection(onset=onset, severity=severity, evidence=evidence)
