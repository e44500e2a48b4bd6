"""The tree of runs: a fork stands below its parent, wherever both are in the same part of the list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from .entries import Entry, RunEntry


def in_families(entries: Iterable[Entry]) -> list[Entry]:
    """Each part of the list in its order, but forks below their parents; a family stands where its first run stood."""
    ordered: list[Entry] = []
    for _, part in groupby(entries, lambda entry: entry.is_recent if isinstance(entry, RunEntry) else None):
        alike = list(part)
        runs = [each for each in alike if isinstance(each, RunEntry)]
        ordered += _families(runs) if runs else alike
    return ordered


def _families(runs: Sequence[RunEntry]) -> Iterator[RunEntry]:
    """With the depth of each; runs that are forks of each other in a circle are placed once."""
    there = {run.summary.name: run for run in runs}
    forks: dict[str, list[RunEntry]] = defaultdict(list)
    for run in runs:
        forks[run.summary.parent].append(run)
    waiting = dict(there)
    for run in runs:
        stack = [(_eldest(run, there), 0)]
        while stack:
            each, depth = stack.pop()
            if waiting.pop(each.summary.name, None) is not None:
                yield replace(each, depth=depth)
                stack += [(fork, depth + 1) for fork in reversed(forks[each.summary.name])]


def _eldest(run: RunEntry, there: Mapping[str, RunEntry]) -> RunEntry:
    """The first of a run's ancestors that is listed; itself where none is."""
    seen = {run.summary.name}
    while (parent := run.summary.parent) in there and parent not in seen:
        seen.add(parent)
        run = there[parent]
    return run
