"""Runs an LR range test in a process of its own, which ends with the generator of what it reports."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..config import RunConfig
from ..events import encode
from ..storage.run_folder import CHECKPOINTS
from ..storage.run_store import read_config
from ..storage.stored_checkpoints import stored_checkpoints
from .reporting import WorkReport, reporting_command, reports_of

_TESTER = reporting_command("lr_testing")


class LrRangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    config: str
    """As TOML."""
    checkpoint: str = ""
    """The folder of the one to begin from; the initial weights where there is none."""


class LrRangeReport(WorkReport, frozen=True, kw_only=True):
    lrs: list[float] = msgspec.field(default_factory=list[float])
    losses: list[float] = msgspec.field(default_factory=list[float])
    """What is new since the last report: each lr, and the val_loss after its step."""


@dataclass(frozen=True)
class LrRangeStart:
    """From where a test begins."""

    config: RunConfig
    step: int = 0
    checkpoint: Path | None = None


def range_start(run: Path, step: int | None = None) -> LrRangeStart:
    """The latest checkpoint of a run at or before a step, with steps left to train; the initial weights without one.

    The run is only read.
    """
    config = read_config(run)
    last = config.training.steps - 1 if step is None else min(config.training.steps - 1, step)
    there = [stored for stored in stored_checkpoints(run / CHECKPOINTS) if 0 < stored.step <= last]
    return LrRangeStart(config, there[-1].step, there[-1].path) if there else LrRangeStart(config)


def lr_range_reports(start: LrRangeStart, tester: Sequence[str] = _TESTER) -> AsyncGenerator[LrRangeReport, None]:
    """StoreError where it cannot be done."""
    checkpoint = str(start.checkpoint) if start.checkpoint else ""
    request = encode(LrRangeRequest(config=start.config.to_toml(), checkpoint=checkpoint)) + b"\n"
    return reports_of(tester, LrRangeReport, "the LR range test", request)
