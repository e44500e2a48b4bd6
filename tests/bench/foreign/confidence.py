"""How often a finding on another trainer's log was right: `python -m tests.bench.foreign.confidence FOLDER...`.

Each FOLDER holds made logs and their labels.json. The counts behind the confidence of findings on foreign logs,
engine/diagnostics/measured_foreign.json, are replaced; a log of few rows is counted apart from one of many.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tinygpt_tui.engine.diagnostics.confidence import MEASURED_FOREIGN, Length, length_of
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.tui.cli.diagnose import diagnose_log


def judged(folder: Path) -> Iterator[tuple[Length, str, bool]]:
    """The length of the log, the kind of an alarm on it, and whether that was right."""
    for label in json.loads((folder / "labels.json").read_text()):
        true = set(label["may"]).union(*label["must"])
        try:
            diagnosis = diagnose_log(str(folder / label["file"]), folder, {})
        except ReadError:
            continue
        for run in diagnosis.runs.values():
            for finding in run.report.findings:
                if finding.severity != "info":
                    yield length_of(run.report.rows), finding.kind, finding.kind in true


def main(folders: Sequence[str]) -> None:
    verdicts = Counter(verdict for folder in folders for verdict in judged(Path(folder)))
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for length, kind, is_right in sorted(verdicts):
        counted = counts.setdefault(length, {}).setdefault(kind, {"right": 0, "wrong": 0})
        counted["right" if is_right else "wrong"] = verdicts[length, kind, is_right]
    measured = {"command": "python -m tests.bench.foreign.confidence FOLDER...", **counts}
    MEASURED_FOREIGN.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
