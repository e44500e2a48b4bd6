"""The loss swings up and down by more than batch noise explains."""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

from .level import OUTLIER, Level, Streak
from .row import Row
from .symptom import Kind, Recovered, Symptom

SMOOTHING = 4
"""Rows over which batch noise is averaged before a swing is looked for."""


@dataclass
class Oscillation:
    """The loss swings up and down, again and again, by much more than batch noise explains, and gets nowhere.

    Batch noise is the part that neighbouring rows do not share. A swing is a move of the smoothed curve from one
    turning point to the next that is several times this noise.
    """

    kind: ClassVar[Kind] = "oscillation"
    swing: float = 3.0
    """Times the batch noise; averaged over four rows, noise alone moves half as far once in thousands of rows."""
    least: float = 0.02
    """Share of the level: smaller swings do no harm."""
    turns: int = 5
    within: int = 200
    """Rows in which so many turns must happen; a schedule's own cycles are longer."""
    recovery: int = 150
    """Rows without a turn that close the finding."""

    _noise: Level = field(default_factory=lambda: Level(memory=50, noise_memory=50), init=False)
    _smooth: float | None = field(default=None, init=False)
    _extreme: float = field(default=0.0, init=False)
    _rising: bool = field(default=False, init=False)
    _turns: deque[tuple[int, int, float]] = field(default_factory=deque, init=False)
    """Row, step and height of the last turning points."""
    _rows: int = field(default=0, init=False)
    _open: bool = field(default=False, init=False)
    _still: Streak = field(default_factory=Streak, init=False)

    def observe(self, row: Row) -> Symptom | Recovered | None:
        loss = row.finite("loss")
        if loss is None:
            return None
        self._rows += 1
        self._noise.learn(loss)
        # a single hard batch must not look like a swing
        level = min(loss, self._noise.mean + OUTLIER * self._noise.noise)
        self._smooth = level if self._smooth is None else self._smooth + (level - self._smooth) / SMOOTHING
        turned = self._turn(row.step, self._smooth)
        if self._open:
            if self._still.count(not turned, row.step) < self.recovery:
                return None
            self._open = False
            self._turns.clear()
            return Recovered()
        return self._judge() if turned else None

    def _turn(self, step: int, smooth: float) -> bool:
        """Whether the smoothed curve has come back from its last extreme by a whole swing."""
        back = self._extreme - smooth if self._rising else smooth - self._extreme
        if self._rows == 1 or back < 0:
            self._extreme = smooth
            return False
        if back < max(self.swing * self._noise.noise, self.least * abs(self._noise.mean)):
            return False
        self._turns.append((self._rows, step, self._extreme))
        if len(self._turns) > self.turns:
            self._turns.popleft()
        self._extreme, self._rising = smooth, not self._rising
        return True

    def _judge(self) -> Symptom | None:
        if len(self._turns) < self.turns or self._rows - self._turns[0][0] > self.within:
            return None
        heights = [height for _, _, height in self._turns]
        moves = [abs(b - a) for a, b in pairwise(heights)]
        size = sum(moves) / len(moves)
        progress = abs(heights[0] - heights[-1 if self.turns % 2 else -2])
        if progress > size:
            return None
        self._open = True
        self._still = Streak()
        evidence = (
            f"{len(heights)} turns in {self._rows - self._turns[0][0]} rows, swings of {size:.3g}, "
            f"{size / self._noise.noise:.1f}x the batch noise"
        )
        return Symptom(onset=self._turns[0][1], severity="warning", evidence=evidence)
