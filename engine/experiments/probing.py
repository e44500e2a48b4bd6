"""Asks probes of a run, in a process of its own: here torch is not imported."""

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from .probes import ProbeAnswer, ProbeWork
from .reporting import WorkReport, reporting_command, reports_of

_PROBER = reporting_command("probes.asked")


class ProbeReport(WorkReport, frozen=True, kw_only=True):
    answer: ProbeAnswer | None = None
    work: ProbeWork | None = None
    """Of the probe that is being measured."""


async def probe(
    run: Path,
    names: Sequence[str],
    tell_work: Callable[[ProbeWork], None] = lambda _: None,
    *,
    prober: Sequence[str] = _PROBER,
) -> AsyncGenerator[ProbeAnswer, None]:
    """The answers in the order of the names, each as soon as it is there; StoreError where the run cannot be asked.

    `tell_work` is called while a probe that trains is measured. The process ends with the generator.
    """
    command = (*prober, os.fspath(run), *names)
    async with aclosing(reports_of(command, ProbeReport, f"{run.name}: the probe")) as reports:
        async for report in reports:
            if report.answer is not None:
                yield report.answer
            if report.work is not None:
                tell_work(report.work)
