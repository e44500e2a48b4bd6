"""Compares alarms with labels: faults found, wrong alarms and delays, by the same rules for every detector."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinygpt_tui.engine.finding_kinds import FindingKind

Kinds = frozenset[FindingKind]


@dataclass(frozen=True, slots=True)
class Alarm:
    kinds: Kinds
    """What it may mean: a finding has one kind, a published rule often covers several."""
    step: int
    """When it was raised."""


@dataclass(frozen=True, kw_only=True)
class Label:
    planted: FindingKind | None
    must: Kinds
    may: Kinds
    onset: int | None
    """The first step with the fault."""
    is_exact: bool = True
    """Whether nothing was wrong before the onset, so that an alarm before it is false."""
    steps: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    label: Label
    right: tuple[Alarm, ...]
    wrong: tuple[Alarm, ...]
    is_found: bool
    delay: int | None
    """Steps from the onset to the first alarm that names what must be found."""

    @property
    def is_exact(self) -> bool:
        return not self.wrong and (self.is_found or self.label.planted is None)


def judge(label: Label, alarms: Iterable[Alarm]) -> Verdict:
    right: list[Alarm] = []
    wrong: list[Alarm] = []
    earliest = label.onset if label.is_exact and label.onset is not None else 0
    for alarm in alarms:
        is_right = bool(alarm.kinds & (label.must | label.may)) and alarm.step >= earliest
        (right if is_right else wrong).append(alarm)
    first = min((alarm.step for alarm in right if alarm.kinds & label.must), default=None)
    return Verdict(
        label=label,
        right=tuple(right),
        wrong=tuple(wrong),
        is_found=first is not None,
        delay=None if first is None or label.onset is None else max(first - label.onset, 0),
    )


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts for one kind: runs that had it planted, and alarms that named it."""

    faults: int
    found: int
    right: int
    wrong_on_healthy: int
    wrong_on_faulty: int
    delay: float | None
    """Median, in steps."""
    delay_share: float | None
    """Median, of the run's planned steps."""

    @property
    def wrong(self) -> int:
        return self.wrong_on_healthy + self.wrong_on_faulty

    @property
    def precision(self) -> float | None:
        alarms = self.right + self.wrong
        return self.right / alarms if alarms else None


def tally(kind: FindingKind, verdicts: Sequence[Verdict]) -> Tally:
    planted = [verdict for verdict in verdicts if verdict.label.planted == kind]
    delays = [(verdict.delay, verdict.delay / verdict.label.steps) for verdict in planted if verdict.delay is not None]
    return Tally(
        faults=len(planted),
        found=sum(verdict.is_found for verdict in planted),
        right=sum(kind in alarm.kinds for verdict in verdicts for alarm in verdict.right),
        wrong_on_healthy=_named(kind, (verdict for verdict in verdicts if verdict.label.planted is None)),
        wrong_on_faulty=_named(kind, (verdict for verdict in verdicts if verdict.label.planted is not None)),
        delay=statistics.median(steps for steps, _ in delays) if delays else None,
        delay_share=statistics.median(share for _, share in delays) if delays else None,
    )


def _named(kind: FindingKind, verdicts: Iterable[Verdict]) -> int:
    return sum(kind in alarm.kinds for verdict in verdicts for alarm in verdict.wrong)


@dataclass(frozen=True, kw_only=True)
class Totals:
    healthy: int
    healthy_with_alarm: int
    faulty: int
    found: int
    faulty_with_wrong: int
    exact: int
    delay_share: float | None


def totals(verdicts: Sequence[Verdict]) -> Totals:
    healthy = [verdict for verdict in verdicts if verdict.label.planted is None]
    faulty = [verdict for verdict in verdicts if verdict.label.planted is not None]
    delays = [verdict.delay / verdict.label.steps for verdict in faulty if verdict.delay is not None]
    return Totals(
        healthy=len(healthy),
        healthy_with_alarm=sum(bool(verdict.wrong) for verdict in healthy),
        faulty=len(faulty),
        found=sum(verdict.is_found for verdict in faulty),
        faulty_with_wrong=sum(bool(verdict.wrong) for verdict in faulty),
        exact=sum(verdict.is_exact for verdict in verdicts),
        delay_share=statistics.median(delays) if delays else None,
    )
