"""What causes and fixes are derived from: the run's settings, its recent rows, and the last change of its settings."""

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import fmean, median

from ..config import LiveSettings, RunConfig
from ..events import Fix, LayersMeasured, RunStarted, SettingsChanged
from ..optimizers import OPTIMIZERS
from ..schedule import batch_scale
from .row import Row
from .run_statistics import RunStatistics

FAR = 5.0
"""Times above or below the usual lr from which the lr is a likely cause by itself."""
JUST_BEFORE = 60
"""Rows: a change that came earlier than this before the onset is not taken for its cause."""
HARMLESS_STEPS = 5
"""In a log that begins later, or with the mean over an epoch, the lr may have done harm before its first row."""
STEADY = 3
"""Rows of nearly the same lr before a jump; a warm-up has none."""
RECENT_ROWS = 2 * JUST_BEFORE


def peak_lr(settings: LiveSettings) -> float:
    """The highest lr of the schedule, with the live factor and the scaling by batch size applied."""
    batch = settings.batch * settings.accumulation
    return settings.schedule.lr * settings.lr_scale * batch_scale(settings.schedule, batch)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is known about a run, and the onset of the finding that is to be explained.

    A field is None where nothing is known, as most are for a log of another program. `run` and `recent` are the
    diagnosis' own and change with every row, so a context is read at once and not kept.
    """

    run: RunStatistics
    onset: int = 0
    """The step at which the finding began."""
    recent: deque[Row] = field(default_factory=lambda: deque(maxlen=RECENT_ROWS))
    """The last rows, oldest first."""
    config: RunConfig | None = None
    settings: LiveSettings | None = None
    """The present settings, with all live changes."""
    change: SettingsChanged | None = None
    """The latest change of the settings."""
    before_change: LiveSettings | None = None
    """The settings before `change`."""
    layers: LayersMeasured | None = None
    layers_before: LayersMeasured | None = None
    """The measurement before the latest."""
    started: RunStarted | None = None

    def before(self, name: str) -> list[float]:
        """The values of a metric in the recent rows before the onset."""
        return [row.values[name] for row in self.recent if row.step < self.onset and name in row.values]

    def since(self, name: str) -> list[float]:
        return [row.values[name] for row in self.recent if row.step >= self.onset and name in row.values]

    @property
    def lr(self) -> float | None:
        """The latest lr in the log."""
        return self.run.lr.now

    @property
    def peak_lr(self) -> float | None:
        """The highest lr of the schedule, or the highest seen where the settings are not known."""
        return self.run.lr.top or self.run.lr.now if self.settings is None else peak_lr(self.settings)

    @property
    def usual_lr(self) -> float | None:
        return OPTIMIZERS[self.config.optimizer.kind].usual_lr if self.config else None

    @property
    def update_ratio(self) -> float | None:
        return median(values) if (values := self._update_ratios) else None

    @property
    def update_ratio_of(self) -> str:
        """Of which rows `update_ratio` is the median."""
        count, row = len(self._update_ratios), "row" if self.is_foreign else "step"
        return f"in the median of {count} {row}s" if count > 1 else f"in one {row}"

    @property
    def _update_ratios(self) -> list[float]:
        return self.before("update_ratio") or self.since("update_ratio")

    @property
    def clipped_share(self) -> float | None:
        values = [row.values["clipped"] for row in self.recent if "clipped" in row.values]
        return fmean(values) if values else None

    @property
    def rise_of_lr(self) -> tuple[float, float] | None:
        """The lr before and after its last jump by half or more in the rows before the onset; a warm-up is no jump."""
        lrs = self.before("lr")[-JUST_BEFORE:] + self.since("lr")[:1]
        jumps = [
            (before[-1], after)
            for *before, after in zip(*(lrs[start:] for start in range(STEADY + 1)), strict=False)
            if 0 < max(before) < 1.05 * min(before) and after > 1.5 * before[-1]
        ]
        return jumps[-1] if jumps else None

    @property
    def is_foreign(self) -> bool:
        """Whether the log is another program's, whose settings are not known."""
        return self.config is None and self.settings is None

    @property
    def loss_is_bad(self) -> bool:
        """Whether a recent loss was NaN or infinite."""
        return any(not math.isfinite(row.values.get("loss", 0.0)) for row in self.recent)

    @property
    def loss_is_zero(self) -> bool:
        """Whether the last two losses are exactly 0, which no language model and no noisy task reaches."""
        losses = [row.values["loss"] for row in self.recent if "loss" in row.values][-2:]
        return len(losses) == 2 and not any(losses)

    @property
    def change_is_fresh(self) -> bool:
        """Whether the settings were changed in the rows just before the onset."""
        if self.change is None:
            return False
        rows_since = sum(self.change.step < row.step <= self.onset for row in self.recent)
        return self.change.step <= self.onset and rows_since <= JUST_BEFORE

    @property
    def epochs(self) -> float | None:
        """How often each training token has been seen, on average."""
        tokens = next((row.values["tokens"] for row in reversed(self.recent) if "tokens" in row.values), None)
        if self.started is None or tokens is None:
            return None
        return tokens / max(self.started.train_tokens, 1)


def was_never_finite(context: Context) -> bool:
    """Whether the loss, or the gradient norm where that is what went wrong, was never a number."""
    norms = [row.values["grad_norm"] for row in context.recent if "grad_norm" in row.values]
    no_norm = len(norms) >= 2 and not any(map(math.isfinite, norms)) and context.onset == context.run.first_step
    return not context.run.rows or (no_norm and not context.loss_is_bad)


def lr_is_innocent(context: Context) -> bool:
    """Where nothing was ever finite, or the loss is 0, or only an evaluation failed, no step has done the harm."""
    if not context.is_foreign:
        return False
    only_val = not math.isfinite(context.run.row.values.get("val_loss", 0.0)) and not context.loss_is_bad
    return (was_never_finite(context) and not _began_unseen(context)) or context.loss_is_zero or only_val


def _began_unseen(context: Context) -> bool:
    """Whether steps were taken before the first row, or in it, as in the mean over an epoch."""
    return context.run.facts.rows_are_epochs or context.onset > HARMLESS_STEPS


def lr_ratio(context: Context) -> float:
    """The highest lr over the optimizer's usual one; 1 where either is unknown."""
    if context.peak_lr is None or not context.usual_lr:
        return 1.0
    return context.peak_lr / context.usual_lr


SEEN, SET, COMMON = 3.0, 2.0, 1.0
"""Rank of a cause that the metrics show, of one that the settings make likely, and of one that is merely common."""


@dataclass(frozen=True, slots=True)
class Cause:
    rank: float
    text: str
    """The cause and, after a colon, the reason for its rank."""
    fixes: tuple[Fix, ...] = ()
    """What removes this cause, where the usual fixes of the finding do not; in words where no config key does it."""


CauseRule = Callable[[Context], Iterable[Cause]]
"""Yields a cause where the context makes it likely."""
FixRule = Callable[[Context], Iterable[Fix]]
"""Yields a fix where the context allows it."""
