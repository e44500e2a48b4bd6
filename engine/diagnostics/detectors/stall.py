"""The loss stopped falling, or never began to, far from what such a run reaches."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ...kinds import Topic
from ..history import History
from ..profile import Profile
from ..symptom import Recovered, Symptom, Watched

_QUARTERS = ((0.25, 0.5), (0.5, 0.75), (0.75, 1.0))


@dataclass
class Stall:
    """The loss stopped falling, or never began to, while the run has budget left.

    A flat curve is only wrong where there is still much to learn: at the level the run began with, or on a plateau
    above half of it. It is not at the end of a decayed schedule, in a warm-up, or in the slow refinement after most of
    the gain. Not seeing a fall is not enough: the noise must leave no room for one.
    """

    kind: ClassVar[Topic] = "stall"
    watched: ClassVar[Watched] = "loss"
    never_rows: int = 20
    """Rows after the warm-up in which a healthy run has begun to learn."""
    never_rows_blind: int = 100
    """The same where the log has no learning rate, so that a warm-up cannot be told."""
    never_budget: float = 0.02
    """The same as a share of the run, where its length is known."""
    never_share: float = 0.004
    """Units: a smaller fall is none."""
    begun: float = 0.05
    """Units of fall that show that the run has begun to learn."""
    far: float = 0.5
    """Share of the first loss above which there is much left; for bytes, knowing letter frequencies alone is 0.6."""
    flat_rows: int = 120
    flat_budget: float = 0.25
    """Share of the run before a plateau is called one."""
    flat_gain: float = 0.05
    """Share of the gain. Learning curves are power laws (Hestness 2017): twice the steps bring 5 to 10 % of it."""
    flat_gain_blind: float = 0.02
    """The same where the first loss is not that of guessing: a fine-tuned model has its steep part behind it."""
    recovery: float = 0.05
    """Units by which the loss must fall again; a plateau drifts by less."""

    _after_warmup: Profile = field(default_factory=Profile, init=False)
    _has_begun: bool = field(default=False, init=False)
    _checked: int = field(default=0, init=False)
    _stalled_at: float | None = field(default=None, init=False)

    def observe(self, run: History) -> Symptom | Recovered | None:
        loss = run.loss
        if loss is None:
            return None
        if self._stalled_at is not None:
            return self._await_recovery(run, self._stalled_at)
        if self._has_begun:
            return self._stopped(run) if run.profile.rows >= self._checked else None
        if run.first - run.level.mean > max(self.begun * run.unit, 4 * run.level.noise) and run.rows:
            self._has_begun = True
            return None
        if run.settled == 0:
            self._after_warmup = Profile()
        return self._never_began(run) if self._after_warmup.learn(loss, run.step) else None

    def _never_began(self, run: History) -> Symptom | None:
        flat = self._after_warmup
        enough = self.never_rows if run.lr is not None or run.facts.steps else self.never_rows_blind
        if flat.rows < enough or not run.facts.has_used(self.never_budget, run.step) or not run.is_fresh:
            return None
        (before, rows), (after, _) = flat.over(0, 0.5), flat.over(0.5, 1)
        if abs(after - run.first) > self.begun * run.unit:
            return None
        error = run.level.noise * math.sqrt(2 / rows)
        if abs(before - after) > min(self.never_share * run.unit - 2 * error, 1.5 * error):
            return None
        self._stalled_at = after
        evidence = f"loss {after:.4g} after {run.first:.4g} at the start: it has not moved in {flat.rows} rows"
        return Symptom(onset=run.first_step, severity="failure", evidence=evidence)

    def _stopped(self, run: History) -> Symptom | None:
        """Whether the second half of the run brought nothing that the quarter before it had not."""
        self._checked = run.profile.rows + run.profile.size
        if run.profile.rows < self.flat_rows or not run.rate_is_up or not run.is_fresh:
            return None
        if run.disturbed > 0.25 * run.rows:
            return None
        begun_at = run.chance or abs(run.first)
        if not run.facts.has_used(self.flat_budget, run.step) or run.level.mean < self.far * begun_at:
            return None
        (before, rows), (third, _), (last, _) = (run.profile.over(*part) for part in _QUARTERS)
        after = (third + last) / 2
        most = (self.flat_gain if run.chance else self.flat_gain_blind) * (run.first - run.best)
        noise = run.level.noise
        if not (
            self._is_flat(before - after, rows, noise, most) and self._is_flat(third - last, rows, noise, 2 * most)
        ):
            return None
        self._stalled_at = after
        onset = run.profile.step_at(0.25)
        evidence = f"loss {after:.3g} since step {onset}, where it was {before:.3g}; the run began at {run.first:.3g}"
        return Symptom(onset=onset, severity="warning", evidence=evidence)

    def _is_flat(self, fall: float, rows: int, noise: float, most: float) -> bool:
        return abs(fall) + 2 * noise * math.sqrt(2 / rows) < most

    def _await_recovery(self, run: History, stalled_at: float) -> Recovered | None:
        fall = max(self.recovery * run.unit, 3 * run.level.noise / math.sqrt(run.level.memory))
        if run.level.mean > stalled_at - fall:
            return None
        self._stalled_at, self._has_begun = None, True
        self._checked = 2 * run.profile.rows
        return Recovered()
