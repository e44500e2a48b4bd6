"""Proving a fix: from the last healthy checkpoint the run itself, the control, and a fork with each fix train on.

All see the same batches. They lie in a folder of their own until one is adopted, and the run is only read.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ..diagnostics.report import SEVERITIES
from ..events import FindingClosed, FindingOpened
from ..lesson import Lesson
from ..storage.event_log import drop_superseded, marked_events, restart_steps
from ..storage.origin import read_origin, write_origin
from ..storage.relation import Relation, write_relation
from ..storage.run_folder import CHECKPOINTS, StoreError
from ..storage.run_store import create, read_config, remove, write_config
from ..storage.stored_checkpoints import stored_checkpoints
from .forking import can_change_later, fork

CONTROL = "control: nothing is changed"
FIRST_LOOK = 80
"""Steps before the first verdict."""
LOOKS = 3
"""Verdicts at most, each after twice as many steps as the last."""
AFTER_DETECTION = 20
"""Steps after that at which the finding was known, so that it is known of the control too."""
MOST_FIXES = 7
EVALUATIONS = 16
"""In the steps up to the first verdict, at least."""
EVALUATE_EVERY = 10
"""Steps at most: a late finding is known after so many that few evaluations would tell little."""
FOLDER = ".proof-"


@dataclass(frozen=True)
class Candidate:
    title: str
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProofPlan:
    parent: Path
    kinds: frozenset[str]
    """Of the open findings."""
    finding: str
    """What the worst of them is called."""
    start: int
    """The step from which all go on."""
    looks: tuple[int, ...]
    """Steps after the start at which there is a verdict, if it is not clear before."""
    candidates: tuple[Candidate, ...]
    """The control first."""
    left_out: tuple[str, ...]
    """Fixes that cannot be tried, each with the reason."""


def plan_proof(run: Path, steps: int | None = None) -> ProofPlan:
    """StoreError where there is nothing to prove. With `steps` there is one verdict, after so many."""
    findings = open_alarms(run)
    if not findings:
        raise StoreError(f"{run.name}: has no open finding, so there is no fix to prove")
    # a divergence may come with a spike of the same onset, which would be over soon without any fix
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.onset, finding.id))
    worst, onset = findings[0], min(finding.onset for finding in findings)
    before = [stored.step for stored in stored_checkpoints(run / CHECKPOINTS) if stored.step < onset]
    start, config = max(before, default=0), read_config(run)
    left = config.training.steps - start
    candidates: dict[str, Candidate] = {}
    left_out: list[str] = []
    for fix in (*offered_fixes(findings), *lesson_fixes(config.lesson, findings)):
        if why := _why_not(fix.changes, start):
            left_out.append(f"{fix.title}: {why}")
        else:
            candidates.setdefault(repr(fix.changes), fix)
    if not candidates:
        reasons = "; ".join(dict.fromkeys(left_out)) or "the finding has none"
        raise StoreError(f"{run.name}: no fix of its finding can be tried from step {start}: {reasons}")
    return ProofPlan(
        parent=run,
        kinds=frozenset(finding.kind for finding in findings),
        finding=worst.title or worst.kind,
        start=start,
        looks=tuple(_looks(left, max(FIRST_LOOK, worst.step - start + AFTER_DETECTION), steps)),
        candidates=(Candidate(CONTROL), *list(candidates.values())[:MOST_FIXES]),
        left_out=tuple(dict.fromkeys(left_out)),
    )


def open_alarms(run: Path) -> list[FindingOpened]:
    marked = [*marked_events(run, "finding", "finding_closed", "started")]
    surviving = [*drop_superseded(marked, restart_steps(marked))]
    closed = {event.id for event in surviving if isinstance(event, FindingClosed)}
    return [
        event for event in surviving if isinstance(event, FindingOpened) and event.is_alarm and event.id not in closed
    ]


def offered_fixes(findings: Iterable[FindingOpened]) -> Iterator[Candidate]:
    for finding in findings:
        yield from (Candidate(fix.title, fix.changes) for fix in finding.fixes)


def lesson_fixes(lesson: Lesson, findings: Iterable[FindingOpened]) -> Iterator[Candidate]:
    """A finding has only words for a fault that no usual setting makes; the lesson has the key that ends it.

    What the lesson does for speed, or to show that it makes a run worse, is no fix.
    """
    kinds = {finding.kind for finding in findings}
    for fix in lesson.fixes:
        if not fix.speedup and (fix.better_by > 0 or not kinds.isdisjoint(fix.gone)):
            yield Candidate(fix.title, dict(fix.changes))


def _why_not(changes: dict[str, Any], start: int) -> str:
    if not changes:
        return "it sets no key"
    if "training.steps" in changes or "training.patience" in changes:
        return "it ends the run, which needs no proof"
    if any(key.startswith("data.") for key in changes):
        return "it is other text, whose loss is not compared with that of this one; start a new run with it"
    fixed = [key for key in changes if start and not can_change_later(key)]
    return f"{fixed[0]} cannot change after the start, and the last healthy checkpoint is step {start}" if fixed else ""


def _looks(left: int, first: int, steps: int | None) -> Iterator[int]:
    if steps is not None:
        yield min(steps, left)
        return
    for count in (min(first * 2**look, left) for look in range(LOOKS)):
        yield count
        if count == left:
            return


def earlier_plans(plan: ProofPlan, place: int, steps: int) -> list[ProofPlan]:
    """One of the fixes from earlier states of the run for as many steps: half as far, and from the start; later ones
    first. None where the proof began at the start."""
    half = [stored.step for stored in stored_checkpoints(plan.parent / CHECKPOINTS) if stored.step <= plan.start // 2]
    candidates = plan.candidates[0], plan.candidates[place]
    return [
        replace(plan, start=start, looks=(steps,), candidates=candidates, left_out=())
        for start in dict.fromkeys([max(half, default=0), 0])
        if start < plan.start
    ]


def make_folder(plan: ProofPlan) -> Path:
    """Beside the runs, so that adopting one is a rename; no list of runs shows it."""
    return Path(tempfile.mkdtemp(prefix=FOLDER, dir=plan.parent.parent))


def make_arms(plan: ProofPlan, folder: Path, now: datetime) -> list[Path]:
    """A fork for each candidate."""
    return [make_arm(plan, folder, candidate, f"arm-{place}", now) for place, candidate in enumerate(plan.candidates)]


def make_arm(plan: ProofPlan, folder: Path, candidate: Candidate, name: str, now: datetime) -> Path:
    """A fork that is evaluated often and not sampled."""
    every = min(max(plan.looks[0] // EVALUATIONS, 1), EVALUATE_EVERY)
    measured = {
        "instruments.evaluate_every": every,
        "instruments.sample_every": 0,
        "storage.checkpoint_every": 1_000_000_000,
        "training.on_nan": "stop",
    }
    return fork(folder, plan.parent, plan.start, candidate.changes | measured, now, name=name)


def adopt(plan: ProofPlan, arm: Path, candidate: Candidate, now: datetime) -> Path:
    """The fork as a run beside its parent, measured as its parent is; its worker must have ended."""
    parent, origin = read_config(plan.parent), read_origin(arm)
    config = parent.with_changes(candidate.changes)
    assert origin is not None, "every arm is a fork"
    write_config(arm, config)
    write_origin(arm, msgspec.structs.replace(origin, parent=plan.parent.name))
    write_relation(arm, Relation(runs=(plan.parent.name,), fix=candidate.title))
    placeholder = create(plan.parent.parent, config, f"{plan.parent.name[:40]}-fork", now)
    remove(placeholder)
    return arm.rename(placeholder)
