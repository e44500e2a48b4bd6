"""The loss jumps far above its recent level."""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import Streak
from ..run_statistics import RunStatistics

LASTING = 6
"""Rows that are looked at together."""


@dataclass
class Spike:
    """The loss jumps far above its recent level within a few steps.

    Batches differ, so one high row proves little: two of three neighbours must stand out, or six rows together by
    less, or one that is far worse than the untrained model. The finding closes when the loss has come back.
    """

    kind: ClassVar[str] = "spike"
    watched: ClassVar[Watched] = "loss"
    sigmas: float = 8.0
    """Two rows of three beyond eight deviations do not happen by chance, even in the tails of batch 1."""
    lasting_sigmas: float = 4.0
    """The mean of six rows, none counted for more than `sigmas`, that no row-to-row noise reaches."""
    tail: float = 2.0
    """Times the run's own largest recent outlier: some data have hard batches now and then, and that is no event."""
    rise: float = 0.1
    """Share of the unit: a jump smaller than this is not worth a person's time."""
    early_rise: float = 0.5
    """The same in the quiet rows, above the first loss; outside a warm-up two such rows are enough."""
    early_sigmas: float = 5.0
    lone_rise: float = 1.0
    """The same for one row alone, above the first loss: no batch is twice as hard for a model that has learned."""
    lone_sigmas: float = 24.0
    most_sigmas: int = 20
    """A jump of more is told as that: after one loud row the noise looks several times as large as it is."""
    quiet: int = 20
    """Rows before the noise is known."""
    least_rows: int = 5
    """Rows before it can be guessed at: until then every row of a noisy run stands out from the few before."""
    smooth_rows: int = 3
    smooth: float = 0.1
    """Share of the level that the noise of so few rows is at most where it can be guessed at all the same."""
    begun: float = 0.25
    """Share of the tallest row's height from which a row belongs to the event; below `come_back` it would be over."""
    come_back: float = 0.2
    """The loss has come back when no more than this share of the jump is left."""
    recovery: int = 5
    forget: float = 0.995
    """What a row leaves of the memory of the largest outlier."""

    _high: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LASTING), init=False)
    """Steps of the last rows, and how many deviations each stood above the baseline; none if it did not stand out."""
    _outlier: float = field(default=0.0, init=False)
    """The largest rise of late that was no event."""
    _tallest: float = field(default=0.0, init=False)
    _baseline: float = field(default=0.0, init=False)
    """The level before the first high row."""
    _noise: float = field(default=0.0, init=False)
    _peak: float | None = field(default=None, init=False)
    _top: tuple[float, int] = field(default=(0.0, 0), init=False)
    """The highest loss of the open finding, and its step."""
    _noise_is_known: bool = field(default=False, init=False)
    _back: Streak = field(default_factory=Streak, init=False)
    _step: int = field(default=-1, init=False)
    _resumed: int = field(default=-100, init=False)
    """The row at which the steps last went back."""
    _floor: float = field(default=0.0, init=False)
    """The level that the run had there."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        loss = run.loss
        if loss is None or run.rows == 0:
            return None
        if self._peak is not None:
            self._top = max(self._top, (loss, run.step))
            return self._await_recovery(run.step, loss, self._peak)
        step = run.step
        if step < self._step:
            self._resumed, self._floor = run.rows, run.level_at(step)
        self._step = step
        rise = loss - (self._level(run) if run.rows - self._resumed < self.quiet else run.level.mean)
        outlier = self._outlier * self.forget
        if rise <= self.rise * run.unit and not self._high:
            self._outlier = rise if rise > outlier else outlier
            return None
        self._outlier = outlier
        if run.rows < self.least_rows and not self._is_comparable(run):
            return None
        return self._weigh(run, loss, rise)

    def _level(self, run: RunStatistics) -> float:
        """What a loss is compared with: after a resume the run may be where it was at that step."""
        return max(run.level.mean, self._floor) if run.rows - self._resumed < self.quiet else run.level.mean

    def _is_comparable(self, run: RunStatistics) -> bool:
        """Whether the first rows tell what is usual: they are alike, or begin at the loss of guessing."""
        is_smooth = run.rows >= self.smooth_rows and run.level.noise <= self.smooth * abs(run.level.mean)
        return is_smooth or run.chance is not None

    def _weigh(self, run: RunStatistics, loss: float, rise: float) -> Detection | None:
        if not self._high or run.rows == self.quiet:
            self._high.clear()
            self._baseline, self._noise = self._level(run), run.level.noise
        height = loss - self._baseline
        self._high.append((run.step, height / self._noise if height > self._least(run) else 0.0))
        self._tallest = max(self._tallest, rise)
        standing_out = [step for step, high in self._high if high > 0]
        if standing_out and self._is_event(run, loss, len(standing_out)):
            return self._begin(run, self._onset(), loss)
        if not standing_out or len(self._high) == LASTING:
            # too few stood out for an event: this is how hard batches can be here
            self._outlier = max(self._outlier, self._tallest)
            self._tallest = 0.0
            self._high.clear()
        return None

    def _least(self, run: RunStatistics) -> float:
        """How far above the baseline a row must be to stand out at all."""
        if run.rows >= self.quiet:
            return max(self.rise * run.unit, self._noise)
        return max(
            run.first + self.early_rise * run.unit - self._baseline, self.early_sigmas * self._doubt(run) * self._noise
        )

    def _doubt(self, run: RunStatistics) -> float:
        """Times larger than the few rows so far show it the noise may be."""
        is_smooth = self._noise <= self.smooth * abs(self._baseline)
        return 1.0 if is_smooth or run.chance is not None else 1 + self.least_rows / run.rows

    def _is_event(self, run: RunStatistics, loss: float, standing_out: int) -> bool:
        heights = [sigmas for _, sigmas in self._high]
        if not heights[-1]:
            return False
        if run.lr.is_restarted(run.rows) and loss < run.first:
            return False
        if run.rows < self.quiet:
            return standing_out >= 2 and run.lr.now is not None and run.settled > 0
        if sum(min(height, self.sigmas) for height in heights) >= LASTING * self.lasting_sigmas:
            return True
        usual = self.tail * self._outlier / self._noise
        lone = heights[-1] > max(self.lone_sigmas, usual) and loss > run.first + self.lone_rise * run.unit
        return lone or sum(height > max(self.sigmas, usual) for height in heights[-3:]) >= 2

    def _onset(self) -> int:
        """The first row of the event: a row before it that was merely a little noisy is not its beginning."""
        tallest = max(high for _, high in self._high)
        # not `>`: a height that overflows is no higher than a share of itself
        return next(step for step, high in self._high if high >= self.begun * tallest)

    def _begin(self, run: RunStatistics, onset: int, loss: float) -> Detection:
        self._peak, self._noise_is_known = loss, run.rows >= self.quiet
        high, step = max((high, step) for step, high in self._high)
        self._top = max((loss, run.step), (self._baseline + high * self._noise, step))
        return Detection(onset=onset, severity="warning", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        now = f"; {run.last_loss:.3g} at step {run.last_step}" if run.last_step != self._top[1] else ""
        return f"{self._jump()}{now}"

    def _jump(self) -> str:
        loss, step = self._top
        seen = f"loss {loss:.3g} at step {step} against a running mean of {self._baseline:.3g} before"
        if not self._noise_is_known:
            return seen
        times = (loss - self._baseline) / self._noise
        noisy = f"{times:.0f}x" if times < self.most_sigmas else f"more than {self.most_sigmas}x"
        return f"{seen}, a jump of {noisy} the batch noise"

    def _await_recovery(self, step: int, loss: float, peak: float) -> Recovered | None:
        # held against the level before the jump, or the spike would become the new normal
        self._peak = peak = max(peak, loss)
        line = self._baseline + max(3 * self._noise, self.come_back * (peak - self._baseline))
        if self._back.count(loss <= line, step) < self.recovery:
            return None
        seen = f"{self._jump()}; at most {line:.3g} since step {self._back.since}"
        self._peak, self._back, self._tallest = None, Streak(), 0.0
        self._high.clear()
        return Recovered(seen)
