"""The loss stopped falling, or never began to, far from what such a run reaches."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..profile import Profile
from ..run_statistics import RunStatistics


@dataclass
class Stall:
    """The loss stopped falling, or never began to, while the run has budget left.

    A flat curve is only wrong where there is still much to learn: at the level the run began with, or on a plateau
    above half of it. It is not at the end of a decayed schedule, in a warm-up, or in the slow refinement after most of
    the gain. Not seeing a fall is not enough: the noise must leave no room for one.
    """

    kind: ClassVar[str] = "stall"
    watched: ClassVar[Watched] = "loss"
    never_rows: int = 30
    """Rows after the warm-up in which a healthy run has begun to learn, and in which a slow straight fall shows: it
    grows with the rows, the error of their means with the root. Of 125 such runs one was called still after 20."""
    never_rows_blind: int = 100
    """The same where the log has no learning rate, so that a warm-up cannot be recognised."""
    never_budget: float = 0.02
    """The same as a share of the run, where its length is known."""
    never_share: float = 0.004
    """Units: a smaller fall is none."""
    begun: float = 0.05
    """Units of fall that show that the run has begun to learn."""
    far: float = 0.5
    """Share of the first loss above which there is much left; for bytes, knowing letter frequencies alone is 0.6."""
    flat_rows: int = 200
    """A plateau at the frequencies of single values, before a model finds more, lasts a hundred steps."""
    flat_budget: float = 0.25
    """Share of the run before a plateau is called one."""
    flat_since: float = 0.25
    """Share of the run since when it must have been flat."""
    flat_gain: float = 0.05
    """Share of the gain. Learning curves are power laws (Hestness 2017): twice the steps bring 5 to 10% of it."""
    flat_gain_explained: float = 0.15
    """The same where the lr is known to be too high, or next to 0: that explains what might else be slow refinement."""
    flat_since_blind: float = 0.1
    """The same two where the first loss is not that of guessing: a fine-tuned model has its steep part behind it."""
    flat_gain_blind: float = 0.02
    flat_since_spent: float = 0.5
    """The same where the lr is next to 0, which explains the plateau."""
    decayed: float = 0.8
    """Share of the run after which an lr next to 0 is the end of a schedule and not a fault."""
    recovery: float = 0.05
    """Units by which the loss must fall again; a plateau drifts by less."""

    _after_warmup: Profile = field(default_factory=Profile, init=False)
    _has_begun: bool = field(default=False, init=False)
    _checked: int = field(default=0, init=False)
    _stalled_at: float | None = field(default=None, init=False)
    _since: int | None = field(default=None, init=False)
    """The step since when the open finding has been flat; None where the run never began to learn."""
    _until: int = field(default=0, init=False)
    """The last step at which its mean was still there."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        loss = run.loss
        if loss is None:
            return None
        if self._stalled_at is not None:
            return self._await_recovery(run, self._stalled_at)
        if self._has_begun:
            return self._stopped(run) if run.rows >= self._checked else None
        if run.first - run.level.mean > max(self.begun * run.unit, 4 * run.level.noise) and run.rows:
            self._has_begun = True
            return None
        if run.settled == 0:
            self._after_warmup = Profile()
        return self._never_began(run) if self._after_warmup.learn(loss, run.step) else None

    def _never_began(self, run: RunStatistics) -> Detection | None:
        flat = self._after_warmup
        enough = self.never_rows if run.lr.now is not None or run.facts.steps else self.never_rows_blind
        if flat.rows < enough or not run.facts.has_used(self.never_budget, run.step) or not run.is_fresh:
            return None
        (before, rows), (after, _) = flat.over(0, 0.5), flat.over(0.5, 1)
        if abs(after - run.first) > self.begun * run.unit:
            return None
        error = run.level.noise * math.sqrt(2 / rows)
        if abs(before - after) > min(self.never_share * run.unit - 2 * error, 1.5 * error):
            return None
        self._stalled_at, self._since = after, None
        return Detection(onset=run.first_step, severity="failure", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        if self._since is None:
            seen = f"loss {run.last_loss:.4g} at step {run.last_step} after {run.first:.4g} at the start"
            return f"{seen}: its mean has moved by {abs(run.first - run.level.mean):.2g} in {run.rows} rows"
        flat = f"flat since step {self._since}"
        if self._until != run.last_step:
            flat = f"after a flat mean of {self._stalled_at:.3g} from step {self._since} to {self._until}"
        return f"loss {run.last_loss:.3g} at step {run.last_step}, {flat}; the run began at {run.first:.3g}"

    def _stopped(self, run: RunStatistics) -> Detection | None:
        """Detects a loss that has been flat for most of the run although the lr could move it."""
        self._checked = run.profile.rows + run.profile.size
        if run.profile.rows < self.flat_rows or not run.is_fresh or not run.facts.has_used(self.flat_budget, run.step):
            return None
        if run.level.mean < self.far * (run.chance or abs(run.first)):
            return None
        since, gain = self._demands(run)
        if run.disturbed > since * run.rows or not self._is_flat(run, since, gain * (run.first - run.best)):
            return None
        self._since = onset = run.profile.step_at(since)
        self._until = run.step
        self._stalled_at, _ = run.profile.over(0.5, 1)
        return Detection(onset=onset, severity="warning", evidence=self.evidence(run))

    def _demands(self, run: RunStatistics) -> tuple[float, float]:
        """Since which share of the run it must be flat, and how much of the gain it may still have brought."""
        if run.lr.is_spent and not run.facts.has_used(self.decayed, run.step):
            return self.flat_since_spent, self.flat_gain_explained
        if not run.lr.is_up:
            return 1.0, 0.0
        if run.chance is None:
            return self.flat_since_blind, self.flat_gain_blind
        return self.flat_since, self.flat_gain_explained if run.facts.lr_is_high else self.flat_gain

    def _is_flat(self, run: RunStatistics, since: float, most: float) -> bool:
        """Whether, of three parts of the run since then, the last two are where the first was, and level themselves."""
        third = (1 - since) / 3
        if third <= 0:
            return False
        (first, rows), (second, _), (last, _) = (
            run.profile.over(since + part * third, since + (part + 1) * third) for part in range(3)
        )
        room = 2 * run.level.noise * math.sqrt(2 / rows)
        is_still_there = abs(run.level.mean - last) < run.level.noise
        return (
            is_still_there and abs(first - (second + last) / 2) + room < most and abs(second - last) + room < 2 * most
        )

    def _await_recovery(self, run: RunStatistics, stalled_at: float) -> Recovered | None:
        fall = max(self.recovery * run.unit, 3 * run.level.noise / math.sqrt(run.level.memory))
        if abs(run.level.mean - stalled_at) <= 2 * run.level.noise:
            self._until = run.step
        if run.level.mean > stalled_at - fall:
            return None
        self._stalled_at, self._has_begun = None, True
        self._checked = 2 * run.profile.rows
        return Recovered(f"mean loss {stalled_at:.3g}, until it fell: to {run.level.mean:.3g} by step {run.step}")
