"""Running statistics of a training log, in constant memory; updated once per row, read by every detector."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..events import LayersMeasured
from .chance_loss import TOLERANCE, guessed_among, known_chance_loss
from .held import GRADIENTS, HIGH_LOSS, LARGE_NORM, LOSS, LOW_LOSS, NORM, PACE, SMALL_NORM, START, UNUSUAL
from .level import RunningLevel
from .lr_history import LrHistory
from .profile import Profile
from .row import CUTOFF, Row
from .time_account import TimeAccount
from .trainers import KnownTrainer
from .usual_norm import UsualNorm

LEVEL_MEMORY = 10
"""Rows over which the level of the loss forgets: long against batch noise, short against a spike's decay."""
ODD = 2.0
"""Times a first loss that the next ones are, if the first is not to be compared with."""
DISTURBED = 0.3
"""Share of the gain that is lost for the moment: a spike is healing, and no slope can be read from such rows."""
START_ROWS = 100
"""Rows with a finite loss that are the start of a run."""
HIGH = 0.1
"""Units above the best level, from which on a loss is high."""
LOW = 0.1
"""Share of the loss of guessing, below which a loss is low."""
_ODD_NORM = NORM | GRADIENTS | LARGE_NORM | SMALL_NORM
_PACES = frozenset({"step_time", "tokens_per_s"})
FRESH = 3
"""A run that begins later than after so many logging intervals is the rest of a longer one."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    steps: int | None = None
    """Of the whole run, where that is known in advance."""
    warmup_steps: int = 0
    """Steps that are known to be warm-up; where a log has the learning rate it shows without this."""
    chance: float | None = None
    """The loss of guessing evenly, ln of the vocabulary."""
    lr_is_high: bool = False
    """Whether the learning rate is known to be far above the usual one for this optimizer."""

    rows_are_epochs: bool = False
    """Whether a row is the mean over an epoch."""
    rows_are_counted: bool = False
    """Whether the log has no steps."""
    is_adversarial: bool = False
    """Whether two networks play against each other, so that neither loss is to be minimised alone."""
    is_of_discriminator: bool = False
    """Whether the loss is that of the one which tells real samples from made ones."""
    trainer: KnownTrainer | None = None
    """What wrote the log, where its columns show it."""

    def has_used(self, share: float, step: int) -> bool:
        """Whether this share of the run is over; always true where the length of the run is not known."""
        return self.steps is None or step >= share * self.steps


class RunStatistics:
    """`look` reads a row; detectors compare it with the rows before; then `learn` adds it to the statistics."""

    def __init__(self, facts: RunFacts) -> None:
        self.facts = facts
        self.row = Row(0, {})
        self.step = 0
        self.loss: float | None = None
        """Of this row; None where it is missing or not finite, as for the others."""
        self.val_loss: float | None = None
        self.grad_norm: float | None = None
        self.held = 0
        """What this row holds and may show, as bits."""
        self.known = set[str]()
        """What rows have held so far, by name."""
        self.layers: LayersMeasured | None = None
        """The latest measurement of single layers."""
        self.rows = 0
        """With a finite loss, before this one."""
        self.last_loss = 0.0
        """The last finite one, and its step."""
        self.last_step = 0
        self.last_row = Row(0, {})
        """Its row."""
        self.row_before = self.last_row
        """The row with a finite loss before that one."""
        self.first = 0.0
        self.first_step = 0
        self.chance = facts.chance
        """The loss of guessing evenly, where it is known or the first loss gives it away."""
        self.low = -math.inf
        """Below this a loss is low."""
        self.best = 0.0
        """The lowest level of the loss."""
        self.unit = 0.0
        """What a change of the loss is measured by: its first value, or its whole fall where that is larger."""
        self.level = RunningLevel(memory=LEVEL_MEMORY)
        self.profile = Profile()
        self.norm = UsualNorm()
        self.lr = LrHistory()
        self.spent = TimeAccount()
        self.disturbed = 0
        """The row at which the level last stood far above the best one."""
        self.settled = 0
        """Rows since the learning rate last rose."""
        self.is_part = False
        """Whether rows before these were left out, as a loss measured otherwise."""
        self.has_rewards = False
        """Whether the run is measured by a reward: its loss is then not one that has to fall."""
        self.bad_norms = 0
        """Rows whose grad_norm is NaN or infinite, and the step of the last one."""
        self.last_bad_norm = 0
        self._untrained = 0.0
        """val_loss before the first row with a loss."""
        self._second = 0.0
        """The last of the first two losses."""
        self._has_pace = False
        """Whether rows have had a speed."""
        self._interval = 0
        self._warmup_steps = facts.warmup_steps

    def anew(self) -> "RunStatistics":
        """Those of the part of the run that begins now; the schedule of the lr goes on."""
        new = RunStatistics(self.facts)
        new.lr, new.settled = self.lr.of_new_rows(), self.settled
        new.is_part = True
        new.known, new.has_rewards, new.spent = self.known, self.has_rewards, self.spent
        new._has_pace = self._has_pace
        return new

    def meet(self, names: Iterable[str]) -> None:
        """Some of which no row has held so far."""
        self.known.update(names)
        self.has_rewards = "reward" in self.known
        self._has_pace = not self.known.isdisjoint(_PACES)

    def look(self, row: Row) -> None:
        self.row, self.step = row, row.step
        values = row.values.get
        loss, val_loss, lr, grad_norm = values("loss"), values("val_loss"), values("lr"), values("grad_norm")
        held = START if self.rows <= START_ROWS else 0
        if grad_norm is not None:
            if -CUTOFF < grad_norm < CUTOFF:
                held |= (NORM | GRADIENTS) if self.norm.learn(grad_norm) else _ODD_NORM
            else:
                grad_norm, bits = _beyond(self, row)
                held |= bits
        if val_loss is not None:
            if not -CUTOFF < val_loss < CUTOFF:
                val_loss, held = row.finite("val_loss"), held | UNUSUAL
            if self.rows == 0 and val_loss is not None:
                self._untrained = val_loss
        if lr is not None and lr != self.lr.now and 0 <= lr < CUTOFF and self.lr.follow(lr, self.rows, row.step):
            self.settled = 0
        if self._has_pace:
            held |= _clocked(self.spent, row)
        if loss is not None and not -CUTOFF < loss < CUTOFF:
            loss, held = row.finite("loss"), held | UNUSUAL
        self.loss, self.val_loss, self.grad_norm = loss, val_loss, grad_norm
        if loss is not None:
            held |= LOSS
            self.last_loss, self.last_step, self.last_row, self.row_before = loss, row.step, row, self.last_row
            if self.rows == 0:
                self._begin(loss)
            if loss > self.best + HIGH * self.unit:
                held |= HIGH_LOSS
            if loss < self.low:
                held |= LOW_LOSS
        self.held = held

    def _begin(self, loss: float) -> None:
        self.first = self.best = loss
        self.first_step = self.step
        self.unit = abs(loss)
        self.chance = self.facts.chance or known_chance_loss(loss) or known_chance_loss(self._untrained)
        if self.chance is not None:
            self.low = LOW * self.chance

    def learn(self) -> bool:
        """Whether the loss of this row completed a block of the profile."""
        loss = self.loss
        if loss is None:
            return False
        rows = self.rows = self.rows + 1
        if rows == 2:
            self._interval = max(self.step - self.first_step, 1)
        if self.step > self._warmup_steps:
            self.settled += 1
        if rows <= 3 and self._first_is_odd(loss):
            self._forget_first()
        level, best = self.level, self.best
        level.learn(loss)
        mean = level.mean
        if mean < best:
            self.best = mean
            if self.first - mean > self.unit:
                self.unit = self.first - mean
        elif mean - best > DISTURBED * (self.first - best):
            self.disturbed = rows
        return self.profile.learn(loss, self.step)

    def _first_is_odd(self, loss: float) -> bool:
        """Whether the first row is less than half of both next ones, which are alike, and no loss of guessing.

        It is then an easy batch, or a mean over a window that was hardly filled or, at exactly 0, over nothing yet, and
        nothing to compare a run with.
        """
        if self.rows < 3:
            self._second = loss
            return False
        if self.chance is not None or guessed_among(self.first, None, TOLERANCE) is not None:
            return False
        low, high = min(self._second, loss), max(self._second, loss)
        return 0 <= ODD * self.first < low and high - low < low - self.first

    def _forget_first(self) -> None:
        self.first = self.best = self._second
        self.unit = abs(self.first)
        self.level = RunningLevel(memory=LEVEL_MEMORY)
        self.level.learn(self._second)
        self.profile = Profile()
        self.profile.learn(self._second, self.step)

    def level_at(self, step: int) -> float:
        """The level that a run resumed from an earlier step may have: that of now, or of the rows before that step."""
        blocks = zip(self.profile.means, self.profile.ends, strict=True)
        return max(self.level.mean, [self.first, *(mean for mean, end in blocks if end < step)][-1])

    @property
    def loss_must_fall(self) -> bool:
        """Neither where two networks play against each other, nor where a policy is measured by its reward."""
        return not (self.has_rewards or self.facts.is_adversarial)

    @property
    def is_fresh(self) -> bool:
        """Whether the log shows the run from its beginning, so that its first loss is an untrained model's."""
        return not self.is_part and self.first_step <= FRESH * self._interval + 1


def _beyond(run: RunStatistics, row: Row) -> tuple[float | None, int]:
    """The grad_norm that is NaN, infinite or cut off, and what the row holds of it."""
    norm = row.finite("grad_norm")
    if norm is None:
        run.bad_norms, run.last_bad_norm = run.bad_norms + 1, row.step
        return None, UNUSUAL | _ODD_NORM & ~GRADIENTS
    run.norm.learn(norm)
    return norm, UNUSUAL | _ODD_NORM


def _clocked(spent: TimeAccount, row: Row) -> int:
    if "step_time" in row.values:
        spent.learn(row)
        return PACE
    return PACE if "tokens_per_s" in row.values else 0
