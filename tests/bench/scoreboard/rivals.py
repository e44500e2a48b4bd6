"""Other programs that diagnose training logs, run as their users run them: on a file, with their own defaults.

Each is optional and found on the PATH:

    python -m venv rivals && rivals/bin/pip install runmedic losslint trainspotter
    PATH=rivals/bin:$PATH make scoreboard

They read a log that is complete, so their alarms are known at its last row, and none of them can be too early. Their
findings of severity info are no alarms, as ours are none; neither are those about what has no kind here, such as a
schedule without a warm-up.
"""

import csv
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .counting import Alarm, Kinds
from .rule import Log

LONGEST = 120.0
"""Seconds for one log."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    name: str
    """Of the package, and of its command."""
    arguments: tuple[str, ...]
    """What precedes the file; the report is JSON on standard output."""
    findings: Callable[[Any], Sequence[Mapping[str, Any]]]
    """Those in its report."""
    check: str
    """The key under which a finding names its check."""
    meant: Mapping[str, Kinds]
    """Check -> what an alarm of it may mean; it counts as right if any of these is."""

    @property
    def is_installed(self) -> bool:
        return shutil.which(self.name) is not None

    def alarms(self, log: Path, last: int, folder: Path) -> list[Alarm] | None:
        """What it raises about a log that ends with this step; None where it cannot read the log.

        Its report is kept in the folder, as the program does not change.
        """
        known = hashlib.sha256(log.suffix.encode() + log.read_bytes()).hexdigest()[:24]
        kept = folder / f"{self.name}_{known}.json"
        if not kept.exists():
            command = [self.name, *self.arguments, str(log)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
            kept.write_text(done.stdout)
        try:
            found = self.findings(json.loads(kept.read_text()))
        except ValueError:
            return None
        raised = {each[self.check] for each in found if each["severity"] != "info" and each[self.check] in self.meant}
        return [Alarm(self.meant[check], last) for check in sorted(raised)]


RIVALS = (
    Rival(
        name="runmedic",
        arguments=("diagnose", "--json"),
        findings=lambda report: [finding for run in report for finding in run["findings"]],
        check="check",
        meant={
            "non_finite": frozenset({"nan"}),
            "divergence": frozenset({"divergence"}),
            "loss_spikes": frozenset({"spike", "oscillation", "divergence"}),
            "no_learning": frozenset({"stall", "slow", "vanishing_gradients"}),
            "overfitting": frozenset({"overfitting"}),
            "grad_spikes": frozenset({"exploding_gradients", "spike", "divergence"}),
        },
    ),
    Rival(
        name="losslint",
        arguments=("check", "--format", "json"),
        findings=lambda report: report["findings"],
        check="check",
        meant={
            "nan_inf": frozenset({"nan"}),
            "divergence": frozenset({"divergence"}),
            "loss_spike": frozenset({"spike", "divergence"}),
        },
    ),
    Rival(
        name="trainspotter",
        arguments=("analyze", "--output", "json"),
        findings=lambda report: report["findings"],
        check="detector",
        meant={
            "divergence": frozenset({"divergence", "nan"}),
            "spikes": frozenset({"spike", "divergence"}),
            "overfitting": frozenset({"overfitting"}),
            "grad_norm": frozenset({"exploding_gradients", "spike", "divergence"}),
        },
    ),
)
"""https://pypi.org/project/runmedic/, https://pypi.org/project/losslint/, https://pypi.org/project/trainspotter/"""


def write_csv(rows: Log, path: Path) -> None:
    """A run's rows as all three read them."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["step", *names])
        table.writeheader()
        table.writerows({"step": row.step, **row.values} for row in rows)
