"""What a replay of a run reports: how far it is, and in the end whether every loss was the same."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

from ..events import Count
from .reporting import WorkReport, reporting_command, reports_of


class ReplayReport(WorkReport, frozen=True, kw_only=True):
    equal: Count = 0
    """Steps whose loss was the same to the last bit so far."""
    steps: Count = 0
    """Steps that the run has."""
    differs_at: Count | None = None
    """The first step with another loss."""
    was: float = 0.0
    now: float = 0.0


def replay(run: Path) -> AsyncGenerator[ReplayReport, None]:
    """Train a run again in a process of its own; it ends with the generator. StoreError where that cannot be done."""
    return reports_of((*reporting_command("replaying"), os.fspath(run)), ReplayReport, f"{run}: the replay")
