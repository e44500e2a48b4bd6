"""One run's rows in, one report out: the same detectors as live, and what they could not see."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..config import RunConfig
from ..events import Event, FindingClosed, FindingEvent, FindingOpened, FindingUpdated, Fix, StepFinished, TimeSpent
from .catalogue import CATALOGUE
from .confidence import foreign_confidence
from .diagnosis import Diagnosis, time_row
from .profile import Profile
from .row import Row
from .run_statistics import RunFacts, RunStatistics
from .whole_log import EvaluatedRow, Whole

FEW_ROWS = 25
NEED_ROWS = ("stall", "slow", "oscillation")
"""What cannot be detected in fewer rows, but where the whole curve shows it."""
SEVERITIES = ("failure", "warning", "info")
"""The most severe first."""
REMEMBERED = frozenset({"accuracy", "val_accuracy", "reward", "entropy", "epoch", "val_loss", "loss_scale"})
"""What is kept for the end of a log besides the run's statistics."""
MOST_EVALUATIONS = 30
"""Of a log with few rows; with more, the detector of overfitting knows their noise."""
FORECASTS = frozenset({"slow", "overfitting"})
"""Kinds that forecast how a run will end: a fall that came after all, or a new best val_loss, proves them wrong."""
_ONLY_REWARD = "all but a collapse of the policy: the reward is all that was measured of how it learns"
_NEEDED = {
    "val_loss": "overfitting: there is no val_loss",
    "grad_norm": "exploding_gradients and vanishing_gradients: there is no grad_norm",
    "lr": "the schedule: there is no lr, so a plateau cannot be told from the end of a decay",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: str
    severity: str
    onset: int
    detected: int
    closed: int | None
    title: str
    evidence: str
    causes: tuple[str, ...]
    fixes: tuple[Fix, ...]
    confidence: float | None


def by_importance(findings: Iterable[Finding]) -> list[Finding]:
    """Failures first, then warnings, then remarks; each in the order in which they began."""
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.onset))


RunVerdict = Literal["failing", "needs attention", "recovered", "no alarm"]


def verdict_of(findings: Iterable[Finding]) -> RunVerdict:
    """Of a run with these findings, in words."""
    alarms = [finding for finding in findings if finding.severity != "info"]
    severities = {finding.severity for finding in alarms if finding.closed is None}
    if severities:
        return "failing" if "failure" in severities else "needs attention"
    return "recovered" if alarms else "no alarm"


@dataclass(frozen=True, kw_only=True)
class Report:
    rows: int
    signals: tuple[str, ...]
    """Canonical names of what was measured."""
    blind: tuple[str, ...]
    """What could not be seen, and why: silence is not health."""
    findings: tuple[Finding, ...]


class Reporter:
    """Observes one run row by row, or event by event where it is ours; `report` may be asked at any time."""

    def __init__(
        self,
        facts: RunFacts | None = None,
        config: RunConfig | None = None,
        *,
        signals: Collection[str] = (),
        kinds: Collection[str] = CATALOGUE.keys(),
    ) -> None:
        """`signals`: what the log is known to hold; where loss is not among them, val_loss is judged in its place.

        `kinds`: the findings that are looked for.
        """
        self._diagnosis = Diagnosis(config, facts, kinds)
        self._only_val = bool(signals) and "loss" not in signals and "val_loss" in signals
        self._rows = 0
        self._signals: dict[str, None] = {}
        """In the order in which they came."""
        self._known = set[str]()
        """The same, for a quick look whether a row holds another one."""
        self._remembers = False
        self._findings: dict[int, Finding] = {}
        self._is_ours = config is not None
        self._evaluations: list[EvaluatedRow] = []
        self._accuracy: float | None = None
        self._rewards = Profile()
        self._entropies: tuple[float, float] | None = None
        self._epoch: float | None = None
        self._first_epoch: float | None = None
        self._scales: tuple[float, float] | None = None

    def observe(self, row: Row) -> list[FindingEvent]:
        """The findings that open, change or close at this row."""
        self._rows += 1
        values = row.values
        if not self._known.issuperset(values):
            self._signals |= dict.fromkeys(values)
            self._known.update(values)
            self._remembers = not (self._is_ours or REMEMBERED.isdisjoint(self._known))
        if self._only_val and "val_loss" in values:
            row = Row(row.step, {**values, "loss": values["val_loss"]}, row.resumed)
        found = self._diagnosis.examine(row)
        if found:
            self._take(found)
        if self._remembers and not REMEMBERED.isdisjoint(values):
            self._remember(row)
        return found

    def _remember(self, row: Row) -> None:
        """What `in_hindsight` needs besides the run's statistics."""
        accuracy = row.finite("accuracy")
        held_out = row.finite("val_accuracy")
        if accuracy is None:
            accuracy = held_out
        if accuracy is not None:
            self._accuracy = _share(accuracy)
        self._epoch = row.values.get("epoch", self._epoch)
        if self._first_epoch is None:
            self._first_epoch = self._epoch
        if (scale := row.finite("loss_scale")) is not None:
            self._scales = (self._scales[0] if self._scales else scale), scale
        reward = row.finite("reward")
        if reward is not None:
            self._rewards.learn(reward, row.step)
        if (entropy := row.finite("entropy")) is not None:
            low, high = self._entropies or (entropy, entropy)
            self._entropies = min(low, entropy), max(high, entropy)
        run = self._diagnosis.run
        if run.val_loss is not None and run.rows and len(self._evaluations) < MOST_EVALUATIONS:
            share = None if held_out is None else _share(held_out)
            evaluation = EvaluatedRow(step=row.step, val_loss=run.val_loss, loss=_training_loss(run), accuracy=share)
            self._evaluations.append(evaluation)

    def observe_event(self, event: Event) -> None:
        match event:
            case StepFinished():
                self._rows += 1
            case TimeSpent():
                self._signals |= dict.fromkeys(time_row(event).values)
            case _:
                pass
        self._take(self._diagnosis.observe(event))

    def _take(self, findings: Iterable[FindingEvent]) -> None:
        for finding in findings:
            match finding:
                case FindingOpened():
                    self._findings[finding.id] = _finding(finding)
                case FindingUpdated():
                    self._findings[finding.id] = replace(self._findings[finding.id], evidence=finding.evidence)
                case FindingClosed():
                    self._findings[finding.id] = replace(self._findings[finding.id], closed=finding.step)

    def report(self) -> Report:
        findings = tuple(self._judged())
        return Report(rows=self._rows, signals=tuple(self._signals), blind=self._blind(findings), findings=findings)

    @property
    def found_so_far(self) -> tuple[Finding, ...]:
        """What the detectors have found: of a log that goes on there is no whole curve yet to be judged at its end."""
        now = self._diagnosis.evidence_now
        return tuple(replace(found, evidence=now.get(id, found.evidence)) for id, found in self._findings.items())

    def _judged(self) -> Sequence[Finding]:
        """The findings of the detectors; where they raised no alarm but spikes, what the whole curve shows besides.

        Of a tall spike a fifth is left when it counts as over, which may be more than all that had been learned.
        """
        found = [self._in_hindsight(each) for each in self.found_so_far]
        if self._is_ours:
            return found
        alarms = [each for each in found if each.severity != "info"]
        if all(each.kind == "spike" for each in alarms):
            opened = self._diagnosis.in_hindsight(self._whole)
            if opened and (opened.kind == "divergence" or not alarms):
                found.append(self._in_hindsight(_finding(opened)))
        return _without_overtaken_spikes(found)

    @property
    def _whole(self) -> Whole:
        return Whole(
            run=self._diagnosis.run,
            evaluations=self._evaluations,
            epoch=self._epoch,
            first_epoch=self._first_epoch or 0.0,
            loss_scales=self._scales,
            rewards=self._rewards,
            entropies=self._entropies,
            accuracy=self._accuracy,
            recent=self._diagnosis.recent_losses,
            is_only_val=self._only_val,
        )

    def _in_hindsight(self, finding: Finding) -> Finding:
        """A forecast that a foreign log has refuted by itself, with nothing changed, is worth knowing and no alarm."""
        if self._is_ours:
            return finding
        is_refuted = finding.closed is not None and finding.kind in FORECASTS
        return replace(
            finding,
            severity="info" if is_refuted else finding.severity,
            confidence=foreign_confidence(finding.kind, self._rows),
        )

    @property
    def blind(self) -> tuple[str, ...]:
        """What could not be seen so far, and why."""
        return self._blind(self.found_so_far)

    def _blind(self, findings: Iterable[Finding]) -> tuple[str, ...]:
        if "reward" in self._signals and not {"loss", "val_loss"} & self._signals.keys():
            return (_ONLY_REWARD,)
        blind = [reason for signal, reason in _NEEDED.items() if signal not in self._signals]
        if self._only_val:
            blind = ["the training loss: there is only val_loss, which was judged in its place", *blind]
        if not {"tokens_per_s", "step_time"} & self._signals.keys():
            blind.append("throughput_drop: there is neither tokens_per_s nor step_time")
        elif "step_time" not in self._signals or "data_time" not in self._signals:
            blind.append("where the time goes: there is no data_time beside a step_time")
        found = {finding.kind for finding in findings}
        if self._rows < FEW_ROWS and (missed := [kind for kind in NEED_ROWS if kind not in found]):
            blind.append(f"{', '.join(missed)}: {self._rows} rows are too few to tell")
        return tuple(blind)


def _is_open_spike(finding: Finding) -> bool:
    return finding.kind == "spike" and finding.closed is None


def _without_overtaken_spikes(findings: Sequence[Finding]) -> Sequence[Finding]:
    """A spike after which the loss went on up and stayed there was the beginning of that divergence, and no alarm."""
    lasting = [found.detected for found in findings if found.kind == "divergence" and found.closed is None]
    return [
        replace(found, severity="info")
        if _is_open_spike(found) and found.detected <= max(lasting, default=-1)
        else found
        for found in findings
    ]


def _share(accuracy: float) -> float:
    return accuracy / 100 if accuracy > 1 else accuracy


def _training_loss(run: RunStatistics) -> float:
    """Of this moment: the row's own where it is a mean over an epoch, else the level."""
    return run.loss if run.loss is not None and run.facts.rows_are_epochs else run.level.mean


def _finding(finding: FindingOpened) -> Finding:
    return Finding(
        kind=finding.kind,
        severity=finding.severity,
        onset=finding.onset,
        detected=finding.step,
        closed=None,
        title=finding.title,
        evidence=finding.evidence,
        causes=tuple(finding.causes),
        fixes=tuple(finding.fixes),
        confidence=finding.confidence,
    )


def report_of(rows: Iterable[Row], facts: RunFacts | None = None, *, signals: Collection[str] = ()) -> Report:
    reporter = Reporter(facts, signals=signals)
    for row in rows:
        reporter.observe(row)
    return reporter.report()
