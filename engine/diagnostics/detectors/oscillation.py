"""The loss swings up and down by more than batch noise explains."""

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import ClassVar

from ..detector import Detection, Recovered, Watched
from ..level import GAUSS, OUTLIER, RunningLevel, Streak
from ..run_statistics import LEVEL_MEMORY, RunStatistics
from ..zigzag import ZIGZAG_ROWS, Swing, swing_of

SMOOTHING = 4
"""Rows over which batch noise is averaged before a swing is looked for."""


@dataclass
class Oscillation:
    """The loss swings up and down, again and again, by much more than batch noise explains, and gets nowhere.

    Batch noise is the part that neighbouring rows do not share. A swing is a move of the smoothed curve from one
    turning point to the next that is several times this noise; or a pattern of two to four rows that comes again and
    again. Swings that follow a cycling lr are not counted.
    """

    kind: ClassVar[str] = "oscillation"
    watched: ClassVar[Watched] = "loss"
    swing: float = 2.5
    """Times the batch noise; averaged over four rows, noise alone moves half as far once in some hundred rows."""
    least: float = 0.02
    """Units: smaller swings do no harm."""
    turns: int = 5
    within: int = 200
    """Rows in which so many turns must happen."""
    rattle: float = 0.2
    """Units of noise from row to row that no batch makes in a classifier or language model: swings of one step each."""
    rattle_high_lr: float = 0.08
    """The same under an lr that is known to be too high; a batch of one sequence makes up to 0.1 under a good one."""
    rattle_rows: int = 100
    comparable: float = 0.5
    """Share of the swings found that a move must have to be one of them: single turns of noise come now and then."""
    periods: int = 3
    """Swings, of the length they had, that must have failed to come before the finding closes."""
    least_calm: int = 20
    rattle_calm: int = 150
    """Rows without a jump that close a finding of jumps from row to row, which have no period."""
    rattle_fallen: float = 0.5
    """Share of the jumps found: where those of late are smaller than this, and none is too large, fewer rows do."""
    rattle_fallen_calm: int = 30
    settling: int = 100
    """Rows after that, in which jumps of the past are still in the noise and open no new finding."""
    zigzag: float = 0.05
    """Share of the level that a pattern of a few rows must swing by."""
    zigzag_grown: float = 3.0
    """Times the calmest noise so far, from which on such a pattern is not one of the data, as that of several sources
    in turn: it is there from the first row on and keeps no run from learning."""
    zigzag_known: int = 96
    """Rows in which a run that learns at all has gained something, if the pattern was there from the first row on."""
    zigzag_calm: int = 2
    """Windows without the pattern that close the finding."""
    cycle: float = 1.5
    """Highest over lowest learning rate at the turns: from here on the schedule explains them."""

    _noise: RunningLevel = field(default_factory=lambda: RunningLevel(memory=50, noise_memory=50), init=False)
    _smooth: float = field(default=0.0, init=False)
    _extreme: float = field(default=0.0, init=False)
    _extreme_lr: float = field(default=0.0, init=False)
    """The learning rate there."""
    _rising: bool = field(default=False, init=False)
    _turns: deque[tuple[int, int, float, float]] = field(default_factory=deque, init=False)
    """Row and step at which the last turns showed, and height and learning rate of the turning points."""
    _open: bool = field(default=False, init=False)
    _seen: str = field(default="", init=False)
    """The last swings of the open finding, or how it jumped from row to row at first."""
    _least_turn: float = field(default=0.0, init=False)
    """While a finding of swings is open, a move that is comparable with them; 0 where the noise is the measure."""
    _calm: int = field(default=0, init=False)
    """Rows without such a swing that close it."""
    _still: Streak = field(default_factory=Streak, init=False)
    _jumps: float = field(default=0.0, init=False)
    """The noise when a finding of jumps opened."""
    _fallen: Streak = field(default_factory=Streak, init=False)
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=ZIGZAG_ROWS), init=False)
    _calmest: float = field(default=math.inf, init=False)
    """The lowest noise at the end of a window."""
    _is_zigzag: bool = field(default=False, init=False)
    """Whether the open finding is of a pattern of a few rows."""
    _window: tuple[int, int] = field(default=(0, 0), init=False)
    """The steps at which the last two windows ended."""
    _due: int = field(default=0, init=False)
    """The row at which it is looked at again, turn or no turn."""
    _settled_at: int = field(default=0, init=False)
    """The row from which on jumps may open a finding."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        loss = run.loss
        if loss is None:
            return None
        level, rows, smooth = self._noise, run.rows, self._smooth
        self._recent.append(loss)
        level.learn(loss)
        noise = level.noise
        # a single hard batch must not look like a swing
        top = level.mean + OUTLIER * noise
        if loss > top:
            loss = top
        if rows == 0:
            smooth = self._extreme = loss
            self._extreme_lr = run.lr or 0.0
        smooth = self._smooth = smooth + (loss - smooth) / SMOOTHING
        back = self._extreme - smooth if self._rising else smooth - self._extreme
        turned = False
        if back < 0:
            self._extreme, self._extreme_lr = smooth, run.lr or 0.0
        elif back > (self._least_turn or self.swing * noise) and back > self.least * run.unit:
            self._turn(run, smooth)
            turned = True
            if self._least_turn:
                self._seen = self._swings()
        if turned or self._open or rows >= self._due:
            return self._looked_at(run, turned)
        return None

    def _looked_at(self, run: RunStatistics, turned: bool) -> Detection | Recovered | None:
        rows = run.rows
        self._due = min(rows - rows % every + every for every in (ZIGZAG_ROWS, LEVEL_MEMORY))
        if not rows % ZIGZAG_ROWS and rows and (outcome := self._at_window(run)) is not None:
            return outcome
        if self._open:
            return None if self._is_zigzag else self._await_recovery(run, turned)
        if (
            not rows % LEVEL_MEMORY
            and rows >= max(self.rattle_rows, self._settled_at)
            and self._noise.noise > self._most_noise(run)
        ):
            return self._rattles(run) or (self._judge(run) if turned else None)
        return self._judge(run) if turned else None

    def _most_noise(self, run: RunStatistics) -> float:
        if run.facts.lr_is_high:
            return self.rattle_high_lr * run.unit
        return self.rattle * run.unit if run.chance is not None else math.inf

    def _rattles(self, run: RunStatistics) -> Detection | None:
        (before, _), (after, _) = run.profile.over(0.25, 0.5), run.profile.over(0.5, 1)
        noise = self._noise.noise
        if before - after > noise:
            return None
        self._begin(0.0, self.rattle_calm)
        self._jumps, self._fallen = noise, Streak()
        onset = run.profile.step_at(0.25)
        self._seen = f"from row to row the loss jumped by {noise / GAUSS:.2g} at step {run.step}, around {after:.3g}"
        return Detection(onset=onset, severity="warning", evidence=self.evidence(run))

    def _at_window(self, run: RunStatistics) -> Detection | Recovered | None:
        """Looks at the last rows one by one, when as many as a window has are new."""
        self._window = self._window[1], run.step
        noise, calmest = self._noise.noise, self._calmest
        self._calmest = min(noise, calmest)
        if self._open and not self._is_zigzag:
            return None
        swing = swing_of([*self._recent]) if noise > self.least * run.unit else None
        if swing is None or swing.size < self.zigzag * abs(run.level.mean):
            self._calm -= 1
            return self._recover(self._window[0]) if self._is_zigzag and not self._calm else None
        if not self._is_zigzag and self._is_of_data(run, swing, calmest):
            return None
        around = f"{swing.size:.2g} around {run.level.mean:.3g}"
        self._seen = (
            f"a pattern of {swing.period} rows comes again and again up to step {run.step}: it swings by {around}"
        )
        is_new, self._is_zigzag, self._calm = not self._is_zigzag, True, self.zigzag_calm
        if not is_new:
            return None
        self._open = True
        return Detection(onset=max(self._window[0], run.first_step), severity="warning", evidence=self._seen)

    def _is_of_data(self, run: RunStatistics, swing: Swing, calmest: float) -> bool:
        """Whether the run learns, or may have learned, with the pattern there all the while."""
        (first, rows), (before, _), (last, _) = (run.profile.over(share, share + 0.25) for share in (0, 0.5, 0.75))
        if self._noise.noise > self.zigzag_grown * calmest:
            return before - last > swing.size / 2
        return run.rows < self.zigzag_known or first - last > 3 * swing.noise * math.sqrt(2 / rows)

    def _begin(self, size: float, calm: int) -> None:
        self._open, self._least_turn, self._calm = True, self.comparable * size, calm
        self._still = Streak()

    def _turn(self, run: RunStatistics, smooth: float) -> None:
        self._turns.append((run.rows, run.step, self._extreme, self._extreme_lr))
        if len(self._turns) > self.turns:
            self._turns.popleft()
        self._extreme, self._extreme_lr, self._rising = smooth, run.lr or 0.0, not self._rising

    def _judge(self, run: RunStatistics) -> Detection | None:
        if len(self._turns) < self.turns or run.rows - self._turns[0][0] > self.within:
            return None
        heights = [height for _, _, height, _ in self._turns]
        lrs = [lr for _, _, _, lr in self._turns]
        moves = [abs(b - a) for a, b in pairwise(heights)]
        size = sum(moves) / len(moves)
        progress = abs(heights[0] - heights[-1 if self.turns % 2 else -2])
        if progress > size or max(lrs) > self.cycle * min(lrs):
            return None
        period = (self._turns[-1][0] - self._turns[0][0]) / (len(self._turns) - 1)
        self._begin(size, max(round(2 * self.periods * period), self.least_calm))
        self._seen = self._swings()
        return Detection(onset=self._turns[0][1], severity="warning", evidence=self.evidence(run))

    def _swings(self) -> str:
        size = fmean(abs(b - a) for (_, _, a, _), (_, _, b, _) in pairwise(self._turns))
        (first, *_), (last, step, *_) = self._turns[0], self._turns[-1]
        turns = f"{len(self._turns)} turns in {last - first} rows up to step {step}"
        return f"{turns}, swings of {size:.3g}, {size / self._noise.noise:.1f}x the batch noise"

    def evidence(self, run: RunStatistics) -> str:
        if self._is_zigzag:
            return self._seen
        if not self._least_turn:
            now = f"from row to row the loss jumps by {self._noise.noise / GAUSS:.2g} at step {run.last_step}"
            return f"{now}, around {run.level.mean:.3g}"
        is_calm = self._still.length > self._calm / self.periods
        return f"{self._seen}; none as large since step {self._still.since}" if is_calm else self._seen

    def _await_recovery(self, run: RunStatistics, turned: bool) -> Recovered | None:
        swings = (turned and self._least_turn > 0) or self._noise.noise > self._most_noise(run)
        if self._still.count(not swings, run.step) >= self._calm:
            return self._recover(self._still.since)
        if self._least_turn or not self._has_fallen(run):
            return None
        self._settled_at = run.rows + self.settling
        return self._recover(self._fallen.since)

    def _has_fallen(self, run: RunStatistics) -> bool:
        """Whether jumps are much smaller than they were, and as small as those of a healthy run, for long enough."""
        fallen = run.level.noise < min(self.rattle_fallen * self._jumps, self._most_noise(run))
        return self._fallen.count(fallen, run.step) >= self.rattle_fallen_calm

    def _recover(self, since: int) -> Recovered:
        self._open, self._is_zigzag, self._least_turn = False, False, 0.0
        self._turns.clear()
        return Recovered(f"{self._seen}; calm since step {since}")
