"""What is known about a run when something is found: its settings, its signals, what a person just did."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from ..config import LiveSettings, RunConfig
from ..events import Fix, LayersMeasured, RunStarted, SettingsChanged
from ..optimizers import OPTIMIZERS
from ..schedule import batch_scale
from .detector import Symptom
from .row import Row
from .run_statistics import History

FAR = 5.0
"""Times above or below the usual rate from which the rate itself is the first suspect."""
JUST_BEFORE = 60
"""Rows between a change and what it is suspected of."""
STEADY = 3
"""Rows of the same rate before a jump; a warm-up has none."""
RECENT = 2 * JUST_BEFORE


def peak_lr(settings: LiveSettings) -> float:
    """The highest rate of the schedule as it takes effect."""
    batch = settings.batch * settings.accumulation
    return settings.schedule.lr * settings.lr_scale * batch_scale(settings.schedule, batch)


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """None and empty where it is not known, which for a foreign log is most of it."""

    symptom: Symptom
    step: int
    run: History
    recent: Sequence[Row] = ()
    """The last rows, the latest last."""
    config: RunConfig | None = None
    settings: LiveSettings | None = None
    """As changed while the run trains."""
    change: SettingsChanged | None = None
    """The last one before the onset."""
    before_change: LiveSettings | None = None
    """The settings until then."""
    layers: LayersMeasured | None = None
    started: RunStarted | None = None

    def before(self, name: str) -> list[float]:
        """A signal in the rows just before the onset."""
        return [row.values[name] for row in self.recent if row.step < self.symptom.onset and name in row.values]

    def since(self, name: str) -> list[float]:
        return [row.values[name] for row in self.recent if row.step >= self.symptom.onset and name in row.values]

    @property
    def lr(self) -> float | None:
        """The learning rate at the moment."""
        return self.run.lr

    @property
    def peak_lr(self) -> float | None:
        """The highest rate of the schedule as it takes effect, or else the highest that was seen."""
        return self.run.top_lr or self.run.lr if self.settings is None else peak_lr(self.settings)

    @property
    def usual_lr(self) -> float | None:
        return OPTIMIZERS[self.config.optimizer.kind].usual_lr if self.config else None

    @property
    def lr_ratio(self) -> float:
        """The peak rate over the usual one; 1 where either is unknown."""
        if self.peak_lr is None or not self.usual_lr:
            return 1.0
        return self.peak_lr / self.usual_lr

    @property
    def update_ratio(self) -> float | None:
        values = self.before("update_ratio") or self.since("update_ratio")
        return median(values) if values else None

    @property
    def clipped_share(self) -> float | None:
        values = [row.values["clipped"] for row in self.recent if "clipped" in row.values]
        return fmean(values) if values else None

    @property
    def rise_of_lr(self) -> tuple[float, float] | None:
        """From and to, where the rate grew by half and more within the rows before the onset, outside a warm-up."""
        rates = self.before("lr")[-JUST_BEFORE:] + self.since("lr")[:1]
        jumps = [
            (before[-1], after)
            for *before, after in zip(*(rates[start:] for start in range(STEADY + 1)), strict=False)
            if 0 < max(before) < 1.05 * min(before) and after > 1.5 * before[-1]
        ]
        return jumps[-1] if jumps else None

    @property
    def change_is_fresh(self) -> bool:
        """Whether a person changed something in the rows just before the onset."""
        if self.change is None:
            return False
        rows_since = sum(self.change.step < row.step <= self.symptom.onset for row in self.recent)
        return self.change.step <= self.symptom.onset and rows_since <= JUST_BEFORE

    @property
    def epochs(self) -> float | None:
        """How often the training text has been seen."""
        tokens = next((row.values["tokens"] for row in reversed(self.recent) if "tokens" in row.values), None)
        if self.started is None or tokens is None:
            return None
        return tokens / max(self.started.train_tokens, 1)


Remedy = Callable[[Circumstances], Iterator[Fix]]


@dataclass
class Witness:
    """Remembers what circumstances are made of, in constant memory."""

    config: RunConfig | None = None
    settings: LiveSettings | None = None
    change: SettingsChanged | None = None
    before_change: LiveSettings | None = None
    layers: LayersMeasured | None = None
    started: RunStarted | None = None
    recent: deque[Row] = field(default_factory=lambda: deque(maxlen=RECENT))

    def circumstances(self, symptom: Symptom, run: History) -> Circumstances:
        return Circumstances(
            symptom=symptom,
            step=run.step,
            run=run,
            recent=tuple(self.recent),
            config=self.config,
            settings=self.settings,
            change=self.change,
            before_change=self.before_change,
            layers=self.layers,
            started=self.started,
        )


SEEN, SET, COMMON = 3.0, 2.0, 1.0
"""The rank of a cause that a signal shows, that a setting makes likely, and that is merely common for this kind."""


@dataclass(frozen=True, slots=True)
class Cause:
    rank: float
    text: str
    """The cause, and after a colon the reason for its rank."""


Suspect = Callable[[Circumstances], Iterable[Cause]]
