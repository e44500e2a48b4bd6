"""Every loss of a log besides the one that stands for the run: parts, other tasks, other held-out sets."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from .report import Finding, Reporter
from .row import Row
from .run_statistics import RunFacts

Role = Literal["part", "task", "held-out", "opponent"]
FOUND_IN: Mapping[Role, frozenset[str]] = {
    "part": frozenset({"nan"}),
    "task": frozenset({"nan", "divergence", "spike", "oscillation"}),
    "held-out": frozenset({"nan", "overfitting"}),
    "opponent": frozenset({"nan", "stall"}),
}
"""What can be found in a column of each role.

A part may rise while the whole falls, but a NaN part makes the whole NaN. One task of several may have little to
learn, so that it is no stall. A model that overfits or forgets need not do so on every held-out set. The loss of an
opponent goes up and down with the game, until it is exactly 0: the game is over.
"""
_SHARED = ("lr", "epoch", "reward")


class FurtherLosses:
    """Judges each column by itself; `findings` may be asked at any time."""

    def __init__(self, roles: Mapping[str, Role], facts: RunFacts) -> None:
        self.columns = roles.keys()
        self._roles = roles
        self._reporters = {name: Reporter(facts, kinds=FOUND_IN[role]) for name, role in roles.items()}

    def observe(self, row: Row) -> None:
        values = row.values
        shared = {name: values[name] for name in _SHARED if name in values}
        for name, reporter in self._reporters.items():
            if self._roles[name] == "held-out":
                seen = {"val_loss": values[name]} if name in values else {}
                seen |= {"loss": values["loss"]} if "loss" in values else {}
            else:
                seen = {"loss": values[name]} if name in values else {}
            if seen:
                reporter.observe(Row(row.step, shared | seen))

    def findings(self, known: frozenset[str]) -> Iterator[Finding]:
        """The first alarm of each kind that is not `known` from the run's own loss, with the column it is seen in."""
        told = set(known)
        for name, reporter in self._reporters.items():
            for found in reporter.report().findings:
                if found.severity != "info" and found.kind not in told:
                    told.add(found.kind)
                    yield replace(found, evidence=f"in {name}: {found.evidence}")
