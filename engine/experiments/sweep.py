"""A sweep: short runs over a grid of one or two config keys, and what its losses tell. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import product
from typing import Any, get_type_hints

from ..config import ConfigError, RunConfig
from ..toml_tables import toml_value
from .lr_range import with_peak_lr

MOST_CELLS = 64
CELL_EVALUATIONS = 4
"""In a short run, so that its cell fills in while it trains."""
HEAT_LEVELS = 5
_LARGEST_SPREAD = 1.0
"""Nats between the best cell and the lowest level of heat: one that diverged must not make all others alike."""
LR_KEY, WARMUP_KEY = "schedule.lr", "schedule.warmup_steps"


@dataclass(frozen=True)
class SweepAxis:
    key: str
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]


@dataclass(frozen=True)
class SweepPlan:
    config: RunConfig
    """Of the whole run, as it would be trained."""
    across: SweepAxis
    down: SweepAxis | None
    steps: int
    """That each cell trains."""

    @property
    def cells(self) -> list[dict[str, Any]]:
        """The config keys of every cell, row by row."""
        rows = [{self.down.key: value} for value in self.down.values] if self.down else [{}]
        return [row | {self.across.key: value} for row, value in product(rows, self.across.values)]

    def whole(self, cell: int) -> RunConfig:
        """The run that has the values of a cell, with all its steps."""
        changes = self.cells[cell]
        if LR_KEY in changes:
            lr = self.config.with_changes({LR_KEY: changes[LR_KEY], "schedule.min_lr": 0.0}).schedule.lr  # is a number
            changes = with_peak_lr(self.config.schedule, lr) | changes
        return self.config.with_changes(changes)

    def short(self, cell: int) -> RunConfig:
        """What a cell trains: on one thread unless the run has a number of its own, so that each has a core."""
        return self.whole(cell).with_changes(self.shortened)

    @property
    def shortened(self) -> dict[str, Any]:
        """The config keys that are the same in all cells, because these are short."""
        threads = self.config.training.threads
        return {
            "training.steps": self.steps,
            "training.threads": 1 if threads == "auto" else threads,
            "training.on_nan": "stop",
            "training.patience": 0,
            "instruments.evaluate_every": max(self.steps // CELL_EVALUATIONS, 1),
            "instruments.layers_every": 0,
            "instruments.sample_every": 0,
            "storage.checkpoint_every": 1_000_000_000,
        }


def plan_sweep(config: RunConfig, assignments: Sequence[str], steps: int, *, warmup: bool = False) -> SweepPlan:
    """`assignments` are texts such as `lr=1e-4,1e-3`; with `warmup` a sweep of the lr is made without warm-up too.

    ConfigError where a cell cannot be a run.
    """
    axes = [read_axis(each) for each in assignments]
    if warmup:
        usual = config.schedule.warmup_steps or max(steps // 10, 1)
        axes.append(SweepAxis(WARMUP_KEY, (0, min(usual, max(steps // 2, 1)))))
    if not 1 <= len(axes) <= 2 or len({axis.key for axis in axes}) < len(axes):
        raise ConfigError("a sweep has one key or two different ones, each with its values: lr=1e-4,1e-3,1e-2")
    plan = SweepPlan(config, axes[0], axes[1] if len(axes) > 1 else None, steps)
    if set_by_us := sorted({axis.key for axis in axes} & plan.shortened.keys()):
        raise ConfigError(f"{set_by_us[0]}: is the same in all cells of a sweep; --steps says how long each is trained")
    if len(plan.cells) > MOST_CELLS:
        raise ConfigError(
            f"{len(plan.cells)} cells are more than the {MOST_CELLS} that a sweep may have; give fewer values"
        )
    for cell in range(len(plan.cells)):
        plan.short(cell)
    return plan


def read_axis(assignment: str) -> SweepAxis:
    name, equals, texts = assignment.partition("=")
    values = tuple(dict.fromkeys(toml_value(text.strip()) for text in texts.split(",") if text.strip()))
    if not equals or not values:
        raise ConfigError(f"{assignment}: write a key and its values, as in lr=1e-4,1e-3,1e-2")
    return SweepAxis(full_key(name.strip()), values)


def full_key(name: str) -> str:
    """`schedule.lr` of `lr`, where one section alone has such a key."""
    if "." in name:
        return name
    sections = {section: hint for section, hint in get_type_hints(RunConfig).items() if is_dataclass(hint)}
    found = [f"{section}.{name}" for section, hint in sections.items() if name in {each.name for each in fields(hint)}]
    if len(found) != 1:
        why = f"is more than one key: {', '.join(found)}" if found else "is no key; write section.key"
        raise ConfigError(f"{name}: {why}")
    return found[0]


def final_loss(losses: Sequence[float], val_losses: Sequence[float]) -> float:
    """What a cell is judged by: the last val_loss, NaN where the loss is no number any more."""
    if not val_losses or not losses or not math.isfinite(losses[-1]):
        return math.nan
    return val_losses[-1]


def best_cell(losses: Sequence[float]) -> int | None:
    finite = [cell for cell, loss in enumerate(losses) if math.isfinite(loss)]
    return min(finite, key=lambda cell: losses[cell], default=None)


def heat_levels(losses: Sequence[float]) -> list[int]:
    """From 1 to HEAT_LEVELS, the highest for the lowest loss; 0 where there is none."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return [0] * len(losses)
    best = min(finite)
    spread = min(max(finite) - best, _LARGEST_SPREAD) or 1.0
    return [
        HEAT_LEVELS - min(int((loss - best) / spread * HEAT_LEVELS), HEAT_LEVELS - 1) if math.isfinite(loss) else 0
        for loss in losses
    ]


def lr_curves(plan: SweepPlan, losses: Sequence[float]) -> list[tuple[str, list[float], list[float]]]:
    """The final loss over the lr, a curve for each value of the other key; none where no key is the lr."""
    if LR_KEY not in plan.cells[0]:
        return []
    other = plan.down if plan.across.key == LR_KEY else plan.across
    curves = []
    for value in other.values if other else (None,):
        points = sorted(
            (changes[LR_KEY], loss)
            for changes, loss in zip(plan.cells, losses, strict=True)
            if other is None or changes[other.key] == value
        )
        name = f"{other.name} {value}" if other else "val_loss"
        curves.append((name, [lr for lr, _ in points], [loss for _, loss in points]))
    return curves


def lr_sensitivity(losses: Sequence[float], initial: float) -> float:
    """How much is lost on average by an lr that is not the best (Wortsman et al. 2023, section 2.3).

    The mean over the lrs of min(loss, initial) - best, with `initial` the loss of the untrained model, which also
    stands for a loss that is no number.
    """
    capped = [min(loss, initial) if math.isfinite(loss) else initial for loss in losses]
    return sum(capped) / len(capped) - min(capped)
