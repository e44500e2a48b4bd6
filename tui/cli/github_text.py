"""A diagnosis for a workflow of GitHub Actions: an annotation for each alarm, and a summary of the job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ...engine.diagnostics.report import Finding
from ..text import visible
from .diagnose import LogDiagnosis

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the file to which a step appends Markdown."""
_COMMANDS = {"failure": "error", "warning": "warning"}


def annotations(diagnosis: LogDiagnosis, environment: Mapping[str, str] = os.environ) -> str:
    """Workflow commands, a line each; where the job has a summary, the findings are appended to it."""
    found = [
        (run, finding)
        for run, run_diagnosis in diagnosis.runs.items()
        for finding in run_diagnosis.report.findings
        if finding.severity in _COMMANDS
    ]
    if summary := environment.get(SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(_summary(diagnosis.log.file, found))
    lines = [_annotation(diagnosis.log.file, run, finding) for run, finding in found]
    return "\n".join(lines) or f"::notice title={_property(diagnosis.log.file)}::no alarm"


def _annotation(file: str, run: str, finding: Finding) -> str:
    where = f"{file}, run {run}" if run else file
    title = _property(f"{finding.title or finding.kind} since step {finding.onset} ({where})")
    words = [finding.evidence, *(f"Why: {cause}" for cause in finding.causes[:1])]
    words += [f"Next: {fix.title}" for fix in finding.fixes[:1]]
    message = _data("\n".join(map(visible, words)))
    return f"::{_COMMANDS[finding.severity]} title={title}::{message}"


def _data(text: str) -> str:
    """As the toolkit of GitHub Actions escapes a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def _summary(file: str, found: list[tuple[str, Finding]]) -> str:
    lines = [f"### `{_cell(file)}`: {'no alarm' if not found else 'training needs attention'}", ""]
    if found:
        lines += ["| finding | since step | seen | next |", "|---|---|---|---|"]
    for run, finding in found:
        name = f"{run}: {finding.title or finding.kind}" if run else finding.title or finding.kind
        fix = finding.fixes[0].title if finding.fixes else ""
        lines.append(f"| {_cell(name)} | {finding.onset} | {_cell(finding.evidence)} | {_cell(fix)} |")
    return "\n".join([*lines, "", ""])


def _cell(text: str) -> str:
    return visible(text).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
