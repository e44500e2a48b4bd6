"""The gradient norm is practically nothing, and learning stops."""

from dataclasses import dataclass, field
from typing import ClassVar

from ...events import LayersMeasured
from ...healthy import VANISHING
from ..detector import Detection, Recovered, Watched
from ..layer_gradients import fading
from ..level import Streak
from ..run_statistics import RunStatistics


@dataclass
class VanishingGradients:
    """The gradient norm is practically nothing and the loss no longer falls, although there is much to learn.

    A converged model has small gradients too, which is why a small norm alone is not called a fault: the loss must
    have stopped falling, far from nothing; and far from converged where only a fall below the usual level is seen.
    Where layers are measured, a gradient that shrinks from each to the next below has vanished too, if the lowest gets
    less than a thousandth: the norm of all, which the highest make up, does not show that.
    """

    kind: ClassVar[str] = "vanishing_gradients"
    watched: ClassVar[Watched] = "small_norm"
    nothing: float = VANISHING
    """A norm below this moves no weight; the usual textbook threshold."""
    converged: float = 0.05
    """Units below which gradients of nothing are no surprise."""
    far: float = 0.5
    """The same for a norm that has only fallen far below its usual level."""
    patience: int = 20
    recovery: int = 10
    measurements: int = 4
    """Of the layers, in a row, that show a gradient which fades on its way down."""

    _small: Streak = field(default_factory=Streak, init=False)
    _loss_before: float = field(default=0.0, init=False)
    """The level of the loss when the norm became small."""
    _calm: Streak = field(default_factory=Streak, init=False)
    _open: bool = field(default=False, init=False)
    _rows: int = field(default=0, init=False)
    """With a small norm, of the open finding."""
    _last: tuple[float, int] = field(default=(0.0, 0), init=False)
    """The last norm, and its step."""
    _faded: Streak = field(default_factory=Streak, init=False)
    _measured: LayersMeasured | None = field(default=None, init=False)
    _open_in_depth: bool = field(default=False, init=False)
    _fading: str = field(default="", init=False)
    """What the last measurement that fades shows."""

    def observe(self, run: RunStatistics) -> Detection | Recovered | None:
        layers = run.layers
        if layers is not self._measured and layers is not None and not self._open:
            self._measured = layers
            if (outcome := self._in_depth(layers)) is not None:
                return outcome
        norm = run.grad_norm
        if norm is None or self._open_in_depth:
            return None
        small = norm < self.nothing or norm < run.norm.collapsed
        if not (small or self._open):
            self._small.length = 0
            return None
        self._last = norm, run.step
        return self._await_recovery(run, small) if self._open else self._weigh(run, norm)

    def is_at_rest(self, run: RunStatistics) -> bool:
        return not (self._open or self._small.length) and (run.layers is None or run.layers is self._measured)

    def _in_depth(self, layers: LayersMeasured) -> Detection | Recovered | None:
        found = fading(layers)
        rows = self._faded.count(found is not None, layers.step)
        if self._open_in_depth and found is None:
            self._open_in_depth = False
            return Recovered(f"{self._fading}; since step {layers.step} it fades no more")
        if found is not None:
            self._fading = (
                f"gradient norm {found.highest_norm:.2g} in {found.highest}, less in every layer below, and "
                f"{found.lowest_norm:.2g} in {found.lowest}, at step {layers.step}"
            )
        if self._open_in_depth or rows < self.measurements:
            return None
        self._open_in_depth = True
        return Detection(onset=self._faded.since, severity="failure", evidence=self._fading)

    def _weigh(self, run: RunStatistics, norm: float) -> Detection | None:
        if self._small.length == 0:
            self._loss_before = run.level.mean if run.rows else run.first
        rows = self._small.count(True, run.step)
        still = self._loss_before - run.level.mean < 3 * run.level.noise
        level = self.converged if norm < self.nothing else self.far
        if rows < self.patience or not still or run.level.mean < level * run.unit:
            return None
        self._open, self._rows = True, rows
        return Detection(onset=self._small.since, severity="failure", evidence=self.evidence(run))

    def evidence(self, run: RunStatistics) -> str:
        if self._open_in_depth:
            return self._fading
        norm, step = self._last
        loss = f"with the loss at {run.last_loss:.3g} at step {run.last_step}"
        return f"gradient norm {norm:.3g} at step {step}, {self._how_long(run)}, {loss}"

    def _how_long(self, run: RunStatistics) -> str:
        return f"below {max(self.nothing, run.norm.collapsed):.3g} in {self._rows} rows since step {self._small.since}"

    def _await_recovery(self, run: RunStatistics, small: bool) -> Recovered | None:
        self._rows += small
        if self._calm.count(not small, run.step) < self.recovery:
            return None
        seen = f"gradient norm {self._how_long(run)}; larger since step {self._calm.since}"
        self._open = False
        self._small, self._calm = Streak(), Streak()
        return Recovered(seen)
