"""The run is slower than it could be: its steps have become slow, or most of the time goes elsewhere."""

from collections import deque
from dataclasses import dataclass, field
from statistics import fmean
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import RunningLevel, Streak
from ..run_statistics import RunStatistics
from ..time_account import COMPUTING, MOSTLY_LOST, time_shares_text

SPEED_MEMORY = 20
"""Rows over which the speed forgets."""


@dataclass
class Pace:
    """Whether steps take much longer than they did, for long enough to be no hiccup of a busy machine."""

    share: float = 0.5
    """Of the best speed; at less than this the run is slow."""
    recovery: float = 0.75
    """Of the best speed, to which it must come back."""
    slack: float = 0.1
    """Of the best speed, by which a turn that has begun may be less than that without being off."""
    rows: int = 30
    seconds: float = 20.0
    """A change of pace must last this many rows and seconds; without `tokens` in the log, the rows alone."""

    holds: bool = field(default=False, init=False)
    best: float = field(default=0.0, init=False)
    level: RunningLevel = field(default_factory=lambda: RunningLevel(memory=SPEED_MEMORY), init=False)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=SPEED_MEMORY), init=False)
    """The last speeds; in the level there is something left of those before."""
    turned: Streak = field(default_factory=Streak, init=False)
    """Rows that speak against what holds."""
    _tokens: float = field(default=0.0, init=False)
    """Trained on when the streak began."""

    def observe(self, speed: float, run: RunStatistics) -> None:
        level = self.level
        level.learn(speed)
        self.recent.append(speed)
        mean = level.mean
        if mean > self.best and level.seen >= self.rows:
            self.best = mean
        turned = self.turned
        slack = self.slack if turned.length else 0.0
        if self.holds:
            speaks_against = mean > (self.recovery - slack) * self.best
        else:
            speaks_against = mean < (self.share + slack) * self.best
        if not speaks_against:
            turned.length = 0
            return
        tokens = run.row.values.get("tokens")
        if turned.count(True, run.step) == 1:
            self._tokens = tokens or 0.0
        lasted = self.seconds if tokens is None else (tokens - self._tokens) / mean
        if turned.length >= self.rows and lasted >= self.seconds and (self.holds or mean < self.share * self.best):
            self.holds = not self.holds
            turned.length = 0


@dataclass
class ThroughputDrop:
    """The run is slower than it could be, and where its time goes.

    Either its steps take twice as long as they did: the machine is doing something else, is hot or waits for data, or
    a larger batch costs its price. Or training itself gets less than half of the time, because evaluations, samples,
    measurements, checkpoints or the loading of data take the rest. Pauses and a speed limit do not count.
    """

    kind: ClassVar[str] = "throughput_drop"
    watched: ClassVar[Watched] = "pace"
    lost: float = MOSTLY_LOST
    """Share of the time that does not go into training."""
    regained: float = 0.4
    """And at which the remark closes."""

    _pace: Pace = field(default_factory=Pace, init=False)
    _has_tokens: bool = field(default=False, init=False)
    """The log has tokens_per_s; its step_time then covers more than training."""
    _is_losing: bool = field(default=False, init=False)
    _open: bool = field(default=False, init=False)
    _seen: str = field(default="", init=False)
    """When the finding opened."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        values = run.row.values
        speed = values.get("tokens_per_s")
        if speed is not None:
            self._has_tokens = True
            if 0 < speed < 1e150:
                self._pace.observe(speed, run)
        elif (step_time := values.get("step_time")) is not None:
            self._is_losing = run.spent.lost > (self.regained if self._is_losing else self.lost)
            if not self._has_tokens and 1e-150 < step_time < 1e150:
                self._pace.observe(1 / step_time, run)
        if (self._pace.holds or self._is_losing) == self._open:
            return None
        self._open = not self._open
        if not self._open:
            return Recovered(f"{self._seen}; over at step {run.step}")
        onset = run.spent.first_step if self._is_losing else self._pace.turned.since
        self._seen = self.evidence(run)
        return Detection(onset=onset, severity="info", evidence=self._seen)

    def evidence(self, run: RunStatistics) -> str:
        shares = run.spent.shares()
        lost = sum(share for activity, share in shares.items() if activity not in COMPUTING)
        seen = f"{lost:.0%} of the time does not go into training" if self._is_losing else self._slowed()
        if where := time_shares_text(shares):
            where = f"of the time of the last {run.spent.steps:,} steps: {where}"
        else:
            where = "where the time goes cannot be told: the log has no part of a step's time, such as data_time"
        return f"{seen} (at step {run.step}); {where}"

    def _slowed(self) -> str:
        now, best = fmean(self._pace.recent), self._pace.best
        if self._has_tokens:
            return f"{now:,.0f} tokens a second, where it was {best:,.0f}"
        return f"a step takes {best / now:.1f} times as long as it did"
