"""Logs in the formats of other trainers, from seeds that nothing was developed on, read and judged as files."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygpt_tui.engine.diagnostics.confidence import Length, length_of
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.tui.cli.diagnose import diagnose_log

from ..foreign.labelled_logs import CASES, labelled_log
from .counting import Alarm, Label, Verdict, judge
from .judging import BLIND, KINDS
from .rivals import RIVALS

FOREIGN_SEEDS = (61, 62)
"""No detector, reader or task was changed after looking at a log of these."""


@dataclass(frozen=True, kw_only=True)
class JudgedLog:
    name: str
    group: str
    """What kind of log it is."""
    length: Length
    verdicts: Mapping[str, Verdict]
    """By who judged it; who could not read it has found nothing."""
    unread_by: frozenset[str]


def judged_logs(seed: int, folder: Path, *, only: str = "", again: bool = False) -> Iterator[JudgedLog]:
    """All cases of one seed, made where they are not in the folder yet."""
    with tempfile.TemporaryDirectory() as place:
        for case in CASES:
            if only in case and (made := _made(case, seed, folder, again=again)):
                yield _judged(made["label"], made["text"], Path(place), folder)


def _made(case: str, seed: int, folder: Path, *, again: bool) -> dict[str, Any] | None:
    """The text of a log and its label; None where the planted fault does not show."""
    path = folder / f"foreign_{case}_{seed}.json"
    if again or not path.exists():
        log = labelled_log(case, seed)
        path.write_text(json.dumps({"label": log.label(), "text": log.text} if log else None))
    return json.loads(path.read_text())


def _judged(written: Mapping[str, Any], text: str, place: Path, folder: Path) -> JudgedLog:
    path = place / written["file"]
    path.write_text(text, encoding="utf-8")
    rows, ours = _findings(path)
    raised = {BLIND: ours}
    installed = [rival for rival in RIVALS if rival.is_installed]
    raised |= {rival.name: rival.alarms(path, written["steps"] or 0, folder) for rival in installed}
    label = label_of(written)
    return JudgedLog(
        name=written["file"],
        group=written["group"],
        length=length_of(rows),
        verdicts={who: judge(label, alarms or ()) for who, alarms in raised.items()},
        unread_by=frozenset(who for who, alarms in raised.items() if alarms is None),
    )


def _findings(path: Path) -> tuple[int, list[Alarm] | None]:
    """The rows that were read, and the alarms; None where the log cannot be read."""
    try:
        reports = [run.report for run in diagnose_log(str(path), path.parent, {}).runs.values()]
    except ReadError:
        return 0, None
    found = [finding for report in reports for finding in report.findings if finding.severity != "info"]
    alarms = [Alarm(frozenset({KINDS[each.kind]}), each.detected) for each in found if each.kind in KINDS]
    return max(report.rows for report in reports), alarms


def label_of(written: Mapping[str, Any]) -> Label:
    """Foreign labels name one group of kinds at most; when a fault begins there is not known exactly."""
    must = frozenset(kind for group in written["must"] for kind in group)
    return Label(
        planted=next((kind for group in written["must"] for kind in group), None),
        must=must,
        may=must | frozenset(written["may"]),
        onset=written["onset"],
        is_exact=False,
        steps=written["steps"] or 1,
    )


def measured_foreign(logs: Sequence[JudgedLog], date: str, command: str) -> dict[str, Any]:
    """What `engine/diagnostics/measured_foreign.json` holds: by length and kind, how often an alarm was right."""
    counted: Counter[tuple[Length, str, str]] = Counter()
    for log in logs:
        verdict = log.verdicts[BLIND]
        counted.update((log.length, kind, "right") for alarm in verdict.right for kind in alarm.kinds)
        counted.update((log.length, kind, "wrong") for alarm in verdict.wrong for kind in alarm.kinds)
    by_length: dict[str, dict[str, dict[str, int]]] = {}
    for length, kind, _ in sorted(counted):
        by_length.setdefault(length, {})[kind] = {
            judged: counted[length, kind, judged] for judged in ("right", "wrong")
        }
    return {"date": date, "command": command, **by_length}
