"""Causes and fixes of a slow run, most of them from the share of time that each activity takes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..config import RunConfig
from ..events import Fix
from ..stopwatch import Activity
from .context import COMMON, JUST_BEFORE, SEEN, SET, Cause, CauseRule, Context, FixRule
from .time_account import MOSTLY_LOST, NAMES

MATTERS = 0.1
"""Share of the time from which an activity is named as a cause."""
MODEST = 0.05
"""Share of the time that an instrument should take."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A setting of how often something that takes time is done."""

    key: str
    verb: str

    def of(self, config: RunConfig) -> int:
        section, _, name = self.key.partition(".")
        return getattr(getattr(config, section), name)


INTERVALS: dict[Activity, Interval] = {
    "evaluation": Interval("instruments.evaluate_every", "evaluate"),
    "sample": Interval("instruments.sample_every", "sample"),
    "layers": Interval("instruments.layers_every", "measure the layers"),
    "checkpoint": Interval("storage.checkpoint_every", "save a checkpoint"),
}
USUAL_REASONS: dict[Activity, str] = {
    "data": "a slow disk, or too few processes that load it",
    "log": "a slow disk",
    "diagnosis": "the steps are very short",
}


def _load_changed(context: Context) -> Iterator[Cause]:
    changed = _changed_loads(context)
    if context.change is not None and changed:
        text = ", ".join(f"{name} {old:g} -> {new:g}" for name, (old, new) in changed.items())
        yield Cause(SEEN + 1, f"a change after step {context.change.step}: {text}")


def _changed_loads(context: Context) -> dict[str, tuple[int, int]]:
    """What a step has to do, before and since a person changed it, where that was just before the onset."""
    before, since = context.before_change, context.settings
    if context.change is None or before is None or since is None:
        return {}
    if not 0 <= context.onset - context.change.step <= JUST_BEFORE:
        return {}
    loads = {"batch": (before.batch, since.batch), "accumulation": (before.accumulation, since.accumulation)}
    return {name: (old, new) for name, (old, new) in loads.items() if old != new}


def _costly(context: Context) -> Iterator[Cause]:
    for activity, share in context.run.spent.shares().items():
        reason = _reason(activity, context.config)
        if reason and share >= MATTERS:
            rank = SEEN if share >= 0.25 else COMMON
            verb = "takes" if activity in ("diagnosis", "log") else "take"
            yield Cause(rank + share / 2, f"{NAMES[activity]} {verb} {share:.0%} of the time: {reason}")


def _reason(activity: Activity, config: RunConfig | None) -> str | None:
    interval = INTERVALS.get(activity)
    if interval is None or config is None:
        return USUAL_REASONS.get(activity)
    every = interval.of(config)
    often = "every step" if every == 1 else f"every {every} steps"
    match activity:
        case "evaluation":
            return f"{often}, on {config.instruments.evaluate_sequences} sequences"
        case "sample":
            return f"{often}, {config.instruments.sample_tokens} tokens"
        case "checkpoint":
            return f"{often}, or a slow disk"
        case _:
            return often


def _the_machine(context: Context) -> Iterator[Cause]:
    if context.run.spent.lost > MOSTLY_LOST or _changed_loads(context):
        return
    changed = "nothing was changed" if context.settings else "nothing in the log explains it"
    others = "another program on this machine, or a processor that is too hot"
    yield Cause(SET, f"{others}: the steps themselves take longer, and {changed}")
    if context.settings is None:
        yield Cause(COMMON, "a larger batch, context or model: this log would not tell")


def _undo(context: Context) -> Iterator[Fix]:
    if changed := _changed_loads(context):
        title = " and ".join(f"{name} {old:g}" for name, (old, _) in changed.items())
        yield Fix(title=f"go back to {title}", changes={f"training.{name}": old for name, (old, _) in changed.items()})


def _less_often(context: Context) -> Iterator[Fix]:
    """So seldom that it takes a modest share of the time, in a round number of steps."""
    for activity, share in context.run.spent.shares().items():
        if context.config is None or activity not in INTERVALS or share < MATTERS:
            continue
        interval = INTERVALS[activity]
        every = interval.of(context.config)
        wanted = every * share / max(1 - share, 1e-3) * (1 - MODEST) / MODEST
        seldom = min(_rounded_up(wanted), context.config.training.steps)
        if seldom > every > 0:
            yield Fix(title=f"{interval.verb} every {seldom} steps", changes={interval.key: seldom})


def _rounded_up(value: float) -> int:
    power = 10 ** max(math.floor(math.log10(max(value, 1))), 0)
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= value)


def _one_thread(context: Context) -> Iterator[Fix]:
    """Threads wait for each other, and beside other programs each of them is kept waiting."""
    if context.config is None or context.run.spent.lost > MOSTLY_LOST or _changed_loads(context):
        return
    if context.config.training.device in ("auto", "cpu") and context.config.training.threads != 1:
        yield Fix(title="train with one thread (--threads 1)", changes={"training.threads": 1})


CAUSES: tuple[CauseRule, ...] = (_load_changed, _costly, _the_machine)
FIXES: tuple[FixRule, ...] = (_undo, _less_often, _one_thread)
