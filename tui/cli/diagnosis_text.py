"""A diagnosis as text: for a person the verdict, why, what next, the evidence and a small plot; for a script JSON."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click
import numpy as np

from ...engine.diagnostics.report import Finding, RunVerdict, by_importance, verdict_of
from ..formatting import compact, count, setting
from ..plots.printed import PrintedCurve, PrintedPlot, printed
from ..text import visible, visible_json
from .diagnose import LogDiagnosis, RunDiagnosis

_HEIGHT = 14
_WIDEST = 100
_COLOURS = {"failure": "red", "warning": "yellow", "info": "cyan"}
_VERDICTS: dict[RunVerdict, str] = {
    "failing": "red", "needs attention": "yellow", "recovered": "yellow", "no alarm": "green"
}  # fmt: skip
_PLAIN = str.maketrans("●·–∞→“”≈×", '*.-8>""~x')
_NAMES = 12
"""Columns that are listed by name."""
_UNTIMED = "throughput_drop"
"""Most logs have no times, and a person who reads one does not miss them."""
_ORDERS = 50.0
"""From this ratio of the highest to the lowest loss on, the plot is logarithmic."""


def json_line(diagnosis: LogDiagnosis) -> str:
    """One object, in one line of strict JSON."""
    log = diagnosis.log
    reports = {run or "1": run_diagnosis.report for run, run_diagnosis in diagnosis.runs.items()}
    several = len(reports) > 1
    return visible_json(
        json.dumps(
            {
                "file": log.file,
                "format": log.format,
                "columns": {**log.columns, **({"step": log.step_column} if log.step_column else {})},
                **({"losses": list(log.losses), "adversarial": log.adversarial} if log.losses else {}),
                **({"notes": list(log.notes)} if log.notes else {}),
                **({"skipped": list(log.skipped)} if log.skipped else {}),
                "rows": sum(report.rows for report in reports.values()),
                "signals": _union(report.signals for report in reports.values()),
                "blind": _union(report.blind for report in reports.values()),
                **({"runs": list(reports)} if several else {}),
                "findings": [
                    {**({"run": run} if several else {}), **_finding(finding)}
                    for run, report in reports.items()
                    for finding in report.findings
                ],
            }
        )
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "onset": finding.onset,
        "detected": finding.detected,
        "closed": finding.closed,
        "title": finding.title,
        "evidence": finding.evidence,
        "causes": list(finding.causes),
        "fixes": [{"title": fix.title, "set": _strict(fix.changes)} for fix in finding.fixes],
        "confidence": finding.confidence,
    }


@dataclass(frozen=True, kw_only=True)
class DiagnosisPage:
    """A diagnosis as a page of text."""

    width: int
    is_ascii: bool

    def __call__(self, diagnosis: LogDiagnosis) -> str:
        lines = self._heading(diagnosis)
        for run, found in diagnosis.runs.items():
            name = f"run {run or '1'}: " if len(diagnosis.runs) > 1 else ""
            lines += ["", *self._run(name, found)]
        reasons = _union(found.report.blind for found in diagnosis.runs.values())
        blind = [reason for reason in reasons if not reason.startswith(_UNTIMED)]
        lines += [line for reason in blind for line in self._wrapped("blind", [f"to {reason}"])]
        text = "\n".join([*lines, ""])
        return text.translate(_PLAIN) if self.is_ascii else text

    def _heading(self, diagnosis: LogDiagnosis) -> list[str]:
        log = diagnosis.log
        read = [*log.columns.items(), ("step", log.step_column or "counted")]
        columns = ", ".join(name if name == column else f"{name} = {column}" for name, column in read)
        lines = [click.style(visible(log.file), bold=True), *self._wrapped("read", [f"{columns}, as {log.format}"])]
        if log.ignored:
            lines += self._wrapped("left", [_listed(log.ignored)])
        if log.unmeasured:
            lines += self._wrapped("empty", [_listed(log.unmeasured)])
        if log.skipped:
            lines += self._wrapped("lost", [_listed(log.skipped)])
        lines += self._wrapped("take", log.notes)
        if len(diagnosis.runs) > 1:
            names = _listed([run or "the first" for run in diagnosis.runs])
            lines += self._wrapped("runs", [f"{len(diagnosis.runs)}, of which --run NAME takes one: {names}"])
        return lines

    def _run(self, name: str, found: RunDiagnosis) -> list[str]:
        report = found.report
        findings = by_importance(report.findings)
        alarms = [finding for finding in findings if finding.severity != "info"]
        extent = f"{count(report.rows)} rows, steps {found.first} to {found.last}"
        lines = [f"{visible(name)}{_styled(verdict_of(findings))} ({extent})", *self._plot(found)]
        for finding in alarms:
            lines += ["", *self._alarm(finding)]
        lines += [""] if alarms else []
        for words, remark in _latest(finding for finding in findings if finding.severity == "info"):
            lines += self._wrapped("note", [words])
            lines += self._why_and_next(remark)
        return lines

    def _alarm(self, finding: Finding) -> list[str]:
        ended = f", over at step {finding.closed}" if finding.closed is not None else ""
        severity = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=True)
        title = click.style(visible(finding.title or finding.kind), bold=True)
        lines = [f"● {title} ({severity}) since step {finding.onset}, known at step {finding.detected}{ended}"]
        lines += self._wrapped("Seen", [finding.evidence])
        lines += self._why_and_next(finding)
        if finding.confidence is not None:
            lines += self._wrapped("Sure", [f"{finding.confidence:.0%} of such findings were right when measured"])
        return lines

    def _why_and_next(self, finding: Finding) -> list[str]:
        fixes = [_fix(fix.title, fix.changes) for fix in finding.fixes[:3]]
        return self._wrapped("Why", finding.causes[:3]) + self._wrapped("Next", fixes)

    def _wrapped(self, label: str, texts: Sequence[str]) -> list[str]:
        lines: list[str] = []
        for text in texts:
            head = f"  {'' if lines else label:<6}"
            lines += click.wrap_text(visible(text), self.width, head, " " * len(head)).splitlines()
        return lines

    def _plot(self, found: RunDiagnosis) -> list[str]:
        curves = {name: points for name, sketch in found.curves.items() if len((points := sketch.points())[0]) > 2}
        if len(curves) > 1:
            curves.pop("reward", None)  # it has another scale, and of a run with a loss that is what is drawn
        values = [value for _, points in curves.values() for value in points if math.isfinite(value)]
        if not values:
            return [f"  {name}: no finite value" for name in curves]
        is_log = min(values) > 0 and max(values) / min(values) > _ORDERS
        plot = PrintedPlot(
            title=", ".join(f"{name} last {compact(found.curves[name].last)}" for name in curves)
            + (" (logarithmic)" if is_log else ""),
            curves=[
                PrintedCurve(name=name, x=np.array(steps, "f8"), y=np.array(points))
                for name, (steps, points) in curves.items()
            ],
            log_y=is_log,
        )
        try:
            lines = printed(plot, width=self.width - 2, height=_HEIGHT, colour=False, ascii=self.is_ascii)
        except ImportError as error:
            lines = [f"no plot: {error}"]
        return [f"  {line}".rstrip() for line in lines]


def page_for(out: TextIO, *, is_ascii: bool) -> DiagnosisPage:
    """A page as wide as the terminal, in the characters that it can write."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) if out.isatty() else _WIDEST
    return DiagnosisPage(
        width=max(width, 40), is_ascii=is_ascii or (out.encoding or "").lower() not in ("utf-8", "utf8")
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return f"{shown} and {len(names) - _NAMES} more" if len(names) > _NAMES else shown


def _styled(verdict: RunVerdict) -> str:
    return click.style(verdict, fg=_VERDICTS[verdict], bold=True)


def _latest(remarks: Iterable[Finding]) -> list[tuple[str, Finding]]:
    """The latest remark of each kind, in words."""
    by_kind: dict[str, list[Finding]] = {}
    for remark in remarks:
        by_kind.setdefault(remark.kind, []).append(remark)
    return [
        (
            f"{same[-1].title or kind}{f' ({len(same)} times)' if len(same) > 1 else ''},"
            f" step {same[-1].onset}: {same[-1].evidence}",
            same[-1],
        )
        for kind, same in by_kind.items()
    ]


def _fix(title: str, changes: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key} = {setting(to) if isinstance(to, float) else to}" for key, to in changes.items())
    return f"{title} ({shown})" if shown else title


def _strict(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(to) if isinstance(to, float) and not math.isfinite(to) else to for key, to in changes.items()}


def _union(names: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for each in names for name in each))
