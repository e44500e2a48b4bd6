"""Recorded runs in, verdicts out: ours with and without knowledge of the run, published rules, and other programs."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from tinygpt_tui.engine.diagnostics.diagnosis import facts_of
from tinygpt_tui.engine.diagnostics.report import report_of
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.engine.finding_kinds import FindingKind
from tinygpt_tui.engine.vocabulary import CHANCE_LOSS as CHANCE

from .counting import Alarm, Label, Verdict, judge
from .published_rules import PUBLISHED
from .recording import Recording
from .rivals import RIVALS, write_csv
from .rule import alarms

BLIND = "tinygpt-tui, from the log alone"
KNOWN = "tinygpt-tui, its own run"
KINDS: Mapping[str, FindingKind] = {kind: kind for kind in get_args(FindingKind)}


@dataclass(frozen=True, kw_only=True)
class Judged:
    name: str
    verdicts: Mapping[str, Verdict]
    """By whose verdict it is: ours, and those of the published rules and the rivals that are installed."""


def judged(run: Recording, folder: Path) -> Judged:
    """Every verdict is about the same rows of one run; the folder keeps the reports of other programs."""
    config = run.case.config(run.seed)
    label = label_of(run)
    facts = replace(facts_of(config), chance=CHANCE * run.case.unit)
    alarms_by = {BLIND: findings(run, RunFacts()), KNOWN: findings(run, facts)}
    alarms_by |= {name: alarms(rules, run.rows, run.parameters) for name, rules in PUBLISHED.items()}
    alarms_by |= raised_by_rivals(run, folder)
    return Judged(name=run.name, verdicts={who: judge(label, raised) for who, raised in alarms_by.items()})


def raised_by_rivals(run: Recording, folder: Path) -> dict[str, list[Alarm]]:
    """Of those that are installed."""
    installed = [rival for rival in RIVALS if rival.is_installed]
    if not installed:
        return {}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "metrics.csv")
        write_csv(run.rows, path)
        return {rival.name: rival.alarms(path, run.rows[-1].step, folder) or [] for rival in installed}


def findings(run: Recording, facts: RunFacts) -> Iterator[Alarm]:
    for finding in report_of(run.rows, facts).findings:
        if finding.severity != "info" and finding.kind in KINDS:
            yield Alarm(frozenset({KINDS[finding.kind]}), finding.detected)


def label_of(run: Recording) -> Label:
    case = run.case
    is_exact = isinstance(case.onset, int)
    return Label(
        planted=case.planted,
        must=case.must,
        may=case.may,
        onset=case.onset if isinstance(case.onset, int | None) else lowest_val_loss(run),
        is_exact=is_exact,
        steps=case.config(run.seed).training.steps,
    )


def lowest_val_loss(run: Recording) -> int | None:
    """Where overfitting begins."""
    evaluated = [(row.values["val_loss"], row.step) for row in run.rows if "val_loss" in row.values]
    return min(evaluated)[1] if evaluated else None


def by_judge(runs: Iterable[Judged]) -> dict[str, list[Verdict]]:
    verdicts: dict[str, list[Verdict]] = {}
    for run in runs:
        for who, verdict in run.verdicts.items():
            verdicts.setdefault(who, []).append(verdict)
    return verdicts
