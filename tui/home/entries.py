"""What the home screen offers: presets to start, runs to come back to, something to learn with, and in which order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:  # the first frame needs neither
    from datetime import datetime
    from pathlib import Path

    from ...engine.config import RunConfig
    from ...engine.storage.run_summary import RunSummary, StoredState

Intention = Literal["start", "attach", "resume", "open", "learn"]
"""What Enter does with an entry."""


@dataclass(frozen=True)
class PresetEntry:
    id: str
    config: RunConfig


@dataclass(frozen=True)
class BrokenPreset:
    id: str
    why: str


@dataclass(frozen=True)
class LearnEntry:
    """Something to learn with."""

    id: Literal["course", "exercise curve", "exercise fault"]
    """As the command calls it."""
    title: str
    summary: str
    about: str


LEARNING = (
    LearnEntry(
        "course",
        "Course",
        "How training behaves, page by page, on live runs",
        "Short pages, each with something live to see and a question: the loss and perplexity, learning rates, "
        "SGD and Adam with their equations on live numbers, the phases of training, what to monitor, the five "
        "problems, and when to stop. It opens where you left it.",
    ),
    LearnEntry(
        "exercise curve",
        "Read a curve",
        "When did the warm-up end, when did the decay begin?",
        "A run with a schedule that you do not know is trained for you, another one each time. Say from its curve when "
        "the warm-up ended, whether it spiked, when the decay began, and whether you would train on. The answers are "
        "compared with what really was.",
    ),
    LearnEntry(
        "exercise fault",
        "Name the fault",
        "A hidden fault trains; find out which it is",
        "One of the faulty presets trains, and you are not told which. Watch the loss, ask for instruments, each for a "
        "point, name the fault, and see the same run without it.",
    ),
)


@dataclass(frozen=True)
class RunEntry:
    summary: RunSummary
    is_recent: bool = False
    """Whether it is among those that a person most likely comes back to."""
    depth: int = 0
    """How many of its ancestors stand above it in a tree of runs."""


@dataclass(frozen=True)
class LogEntry:
    """A log of another program that was watched."""

    path: Path
    written_at: datetime


@dataclass(frozen=True)
class MeasuredSpeed:
    """What an earlier run of the same shape reached on this machine."""

    tokens_per_s: float
    run: str


Entry = LearnEntry | PresetEntry | BrokenPreset | RunEntry | LogEntry

INTENTIONS: dict[StoredState, Intention | None] = {
    "starting": "attach",
    "running": "attach",
    "paused": "attach",
    "finished": "open",
    "stopped": "resume",
    "interrupted": "resume",
    "failed": "open",
    "damaged": None,
}
_RECENT = 3
"""Runs that stand above the presets, unless more than that are training."""


def run_entries(runs: Iterable[RunSummary]) -> tuple[RunEntry, ...]:
    """Those that train, the newest of the others as long as these are few, then the earlier ones."""
    runs = list(runs)
    alive = [run for run in runs if INTENTIONS[run.state] == "attach"]
    ended = [run for run in runs if INTENTIONS[run.state] != "attach"]
    recent = alive + ended[: max(_RECENT - len(alive), 0)]
    earlier = ended[len(recent) - len(alive) :]
    return tuple([RunEntry(run, is_recent=True) for run in recent] + [RunEntry(run) for run in earlier])


RunOrder = Literal["newest", "name", "val_loss", "state"]


@dataclass(frozen=True)
class Listing:
    """What is listed besides what a filter leaves out, and how."""

    runs_alone: bool = False
    order: RunOrder = "newest"
    """Of runs that stand alone."""


def next_order(order: RunOrder) -> RunOrder:
    orders: tuple[RunOrder, ...] = get_args(RunOrder)
    return orders[(orders.index(order) + 1) % len(orders)]


def listing_words(listing: Listing) -> str:
    """Empty for the usual list."""
    if not listing.runs_alone:
        return ""
    return "runs alone, " + ("the newest first" if listing.order == "newest" else f"by {listing.order}")


def is_tree(listing: Listing) -> bool:
    """A list by val_loss or state ranks runs, so that forks do not stand below their parents."""
    return not listing.runs_alone or listing.order in ("newest", "name")


def listed(
    presets: Iterable[Entry], runs: Iterable[RunEntry], listing: Listing, logs: Iterable[LogEntry] = ()
) -> list[Entry]:
    if not listing.runs_alone:
        return in_order(presets, runs, logs)
    newest = sorted(runs, key=lambda run: run.summary.created, reverse=True)
    ordered = newest if listing.order == "newest" else sorted(newest, key=_ORDERS[listing.order])
    return [*(replace(run, is_recent=True) for run in ordered), *logs]


def _by_name(run: RunEntry) -> list[tuple[bool, int, str]]:
    """Numbers in names count as numbers: 2 comes before 10."""
    parts = re.split(r"(\d+)", run.summary.name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _by_val_loss(run: RunEntry) -> float:
    """The lowest first, then those that have none or whose is no number."""
    loss = run.summary.val_loss
    return loss if loss is not None and not math.isnan(loss) else math.inf


def _by_state(run: RunEntry) -> int:
    """Those that train first."""
    return list(INTENTIONS).index(run.summary.state)


_ORDERS: dict[RunOrder, Callable[[RunEntry], Any]] = {"name": _by_name, "val_loss": _by_val_loss, "state": _by_state}


def in_order(presets: Iterable[Entry], runs: Iterable[RunEntry], logs: Iterable[LogEntry] = ()) -> list[Entry]:
    """What a person comes back to, what there is to begin, what was long ago."""
    runs = list(runs)
    recent = [run for run in runs if run.is_recent]
    return [*recent, *logs, *LEARNING, *presets, *(run for run in runs if not run.is_recent)]


def usual_choice(entries: Sequence[Entry]) -> int:
    """The place of what Enter most likely means before a person has chosen: a preset, else a run."""
    for kinds in ((PresetEntry,), (RunEntry, BrokenPreset)):
        if (place := next((at for at, entry in enumerate(entries) if isinstance(entry, kinds)), None)) is not None:
            return place
    return 0


def identity(entry: Entry) -> tuple[str, str]:
    """What stays the same about an entry while its numbers change."""
    match entry:
        case LearnEntry():
            return "learn", entry.id
        case PresetEntry() | BrokenPreset():
            return "preset", entry.id
        case RunEntry():
            return "run", entry.summary.name
        case LogEntry():
            return "log", str(entry.path)


def intention(entry: Entry | None) -> Intention | None:
    match entry:
        case LearnEntry():
            return "learn"
        case PresetEntry():
            return "start"
        case RunEntry():
            return INTENTIONS[entry.summary.state]
        case LogEntry():
            return "open"
        case _:
            return None


def matching(entries: Iterable[Entry], wanted: str) -> list[Entry]:
    """Those in which every typed word occurs."""
    words = wanted.casefold().split()
    return [entry for entry in entries if all(word in _searched(entry) for word in words)]


def _searched(entry: Entry) -> str:
    match entry:
        case LearnEntry():
            return f"{entry.id} {entry.title} {entry.summary} learn lesson".casefold()
        case PresetEntry():
            lesson = entry.config.lesson
            return f"{entry.id} {entry.config.title} {lesson.chapter} {lesson.summary} preset".casefold()
        case BrokenPreset():
            return entry.id.casefold()
        case LogEntry():
            return f"{entry.path} log".casefold()
        case RunEntry():
            run = entry.summary
            fork = f"fork {run.parent} {run.fix}" if run.parent else ""
            return f"{run.name} {run.title} {run.state} {'findings' if run.findings else ''} {fork}".casefold()
