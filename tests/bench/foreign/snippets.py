"""A few rows out of a run, as people paste them into a report: the first ones, the last ones, or one in so many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from .tasks_classes import STUCK
from .trained_run import BROKEN, LogRow, TrainedRun

Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Snippet:
    task: str
    """The task whose rows it takes."""
    rows: Callable[[Sequence[LogRow], Random], Sequence[LogRow]]
    must: Groups = ()
    may: tuple[str, ...] = ()

    def taken(self, run: TrainedRun, draw: Random) -> TrainedRun:
        return TrainedRun(
            rows=self.rows(run.rows, draw),
            must=self.must,
            may=self.may,
            by_epoch=run.by_epoch,
            is_snippet=True,
            ending=run.last,
        )


def _all(rows: Sequence[LogRow], draw: Random) -> Sequence[LogRow]:
    return rows


def _first(rows: Sequence[LogRow], draw: Random) -> Sequence[LogRow]:
    return rows[: draw.randint(4, 9)]


def _last(rows: Sequence[LogRow], draw: Random) -> Sequence[LogRow]:
    return rows[-draw.randint(5, 10) :]


def _spread(rows: Sequence[LogRow], draw: Random) -> Sequence[LogRow]:
    """Eight to twelve rows, evenly over the run."""
    count = draw.randint(8, 12)
    return [rows[(len(rows) - 1) * i // (count - 1)] for i in range(count)]


def _around_nan(rows: Sequence[LogRow], draw: Random) -> Sequence[LogRow]:
    bad = next((i for i, row in enumerate(rows) if any(value != value for value in row.values())), len(rows) - 1)
    return rows[max(bad - 3, 0) : bad + draw.randint(1, 3)]


def _evaluated(rows: Sequence[LogRow], draw: Random) -> Sequence[LogRow]:
    return [row for row in rows if "val_loss" in row]


SNIPPETS: Mapping[str, Snippet] = MappingProxyType(
    {
        "pasted_epochs": Snippet(task="few_epochs", rows=_all),
        "pasted_beginning": Snippet(task="many_epochs", rows=_first),
        "pasted_first_steps": Snippet(task="language_model", rows=_first),
        "pasted_whole_run": Snippet(task="language_model", rows=_spread),
        "pasted_diffusion": Snippet(task="diffusion", rows=_last),
        "pasted_smoothed": Snippet(task="smoothed_mixup", rows=_first),
        "pasted_regression": Snippet(task="regression_in_millions", rows=_first),
        "pasted_overfit": Snippet(task="overfit_few_samples", rows=_spread, must=(("overfitting",),)),
        "pasted_overfit_end": Snippet(task="overfit_few_samples", rows=_last, must=(("overfitting",),)),
        "pasted_preferences": Snippet(task="preferences_overfit", rows=_evaluated, must=(("overfitting",),)),
        "pasted_labels_shuffled": Snippet(task="labels_shuffled", rows=_first, must=STUCK),
        "pasted_frozen": Snippet(task="frozen_network", rows=_first, must=STUCK),
        "pasted_chance_steps": Snippet(task="labels_shuffled_by_steps", rows=_last, must=STUCK),
        "pasted_nan": Snippet(task="rate_too_high", rows=_around_nan, must=(("nan",),), may=BROKEN),
        "pasted_nan_validation": Snippet(task="nan_in_validation", rows=_around_nan, must=(("nan",),)),
        "pasted_regression_diverges": Snippet(
            task="regression_diverges", rows=_first, must=(("divergence", "nan", "exploding_gradients"),), may=BROKEN
        ),
        "pasted_divergence": Snippet(
            task="slow_divergence", rows=_spread, must=(("divergence",),), may=("exploding_gradients", "spike")
        ),
        "pasted_dead": Snippet(task="dead_network", rows=_all, must=(("divergence", "stall"),), may=BROKEN),
    }
)
