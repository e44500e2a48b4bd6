"""Turns the events or rows of a run into findings, each with its causes, fixes and confidence."""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from ..config import LiveSettings, RunConfig
from ..events import (
    Evaluated,
    Event,
    FindingClosed,
    FindingEvent,
    FindingOpened,
    FindingUpdated,
    LayersMeasured,
    RunEnded,
    RunStarted,
    SettingsChanged,
    StepFinished,
    TimeSpent,
)
from ..metrics import step_values
from ..optimizers import OPTIMIZERS
from ..vocabulary import CHANCE_LOSS
from .calls import Calls, outcomes
from .catalogue import CATALOGUE
from .causes import fixes_for, ranked_causes
from .confidence import confidence
from .context import FAR, Context, peak_lr
from .detector import Detection, Detector, Recovered
from .game_causes import game_entry
from .held import SMALL_NORM, START
from .hindsight import verdict
from .regime import MEASURED_BY, Regime
from .row import Row
from .run_statistics import RunFacts, RunStatistics
from .whole_log import Whole

UPDATE_ROWS = 20
"""Rows between two updates of a finding's evidence, at least."""
UPDATE_SHARE = 0.05
"""The same as a share of all rows: a run of a million steps has some two hundred updates of a finding."""
OF_A_FALLING_LOSS = CATALOGUE.keys() - {"nan", "throughput_drop"}
"""Kinds that mean something only where the loss is to be minimised."""

OF_THE_START = frozenset(kind for kind, entry in CATALOGUE.items() if entry.detector.watched == "start")


def facts_of(config: RunConfig) -> RunFacts:
    settings = LiveSettings.from_config(config)
    return RunFacts(
        steps=config.training.steps,
        warmup_steps=config.schedule.warmup_steps,
        chance=CHANCE_LOSS,
        lr_is_high=peak_lr(settings) > FAR * OPTIMIZERS[config.optimizer.kind].usual_lr,
    )


@dataclass(slots=True)
class OpenFinding:
    id: int
    detector: Detector
    evidence: str
    update_at: float
    """The row, counted from the first, from which on its evidence may be published anew."""


class Diagnosis:
    """The findings of one run, from its first row on.

    It is deterministic: given a run's stored events, a new one reaches the state of the old one. The stored events
    include its findings. These are not raised again: an open finding keeps its stored id, and a new finding never gets
    an id that was used before.
    """

    def __init__(
        self, config: RunConfig | None = None, facts: RunFacts | None = None, kinds: Collection[str] = CATALOGUE.keys()
    ) -> None:
        """`kinds`: those that are looked for."""
        self._run = RunStatistics(facts or (facts_of(config) if config else RunFacts()))
        settings = LiveSettings.from_config(config) if config else None
        self._context = Context(run=self._run, config=config, settings=settings)
        self._recent = self._context.recent
        self._kinds = [kind for kind in CATALOGUE if kind in kinds]
        self._open: dict[str, OpenFinding] = {}
        """By kind."""
        self._awake = 0
        """The bits of the detectors that are not at rest; among them those of the start while one's finding is open."""
        self._next_id = 0
        self._rows = 0
        self._update_at = math.inf
        """The row from which on the evidence of some open finding may be published anew."""
        self._regime = Regime()
        self._has_measures = False
        """Whether rows have held what `Regime` looks at."""
        self._start()

    def _start(self) -> None:
        self._detectors: dict[str, Detector] = {kind: CATALOGUE[kind].detector() for kind in self._kinds}
        self._calls = Calls(self._detectors.values())

    def observe(self, event: Event) -> list[FindingEvent]:
        match event:
            case StepFinished():
                return self.examine(row_of(event))
            case Evaluated():
                return self.examine(Row(event.step, {"val_loss": event.val_loss}))
            case TimeSpent():
                return self.examine(time_row(event))
            case FindingOpened():
                self._adopt(event)
            case RunEnded():
                return self._updates(are_due=True)
            case LayersMeasured():
                self._run.layers = event
                self._awake |= SMALL_NORM
                self._context = replace(self._context, layers=event, layers_before=self._context.layers)
            case _:
                self._context = _updated(self._context, event)
        return []

    def examine(self, row: Row) -> list[FindingEvent]:
        """The findings that open, change or close at this row; rows come in the order of the log."""
        self._recent.append(row)
        run = self._run
        if not run.known.issuperset(row.values):
            run.meet(row.values)
            self._has_measures = not MEASURED_BY.isdisjoint(run.known)
        ended: list[FindingEvent] = []
        if self._has_measures and self._regime.ends_at(row) and "nan" not in self._open:
            ended = self._start_anew(row)
            run = self._run
        self._rows += 1
        run.look(row)
        seen: list[tuple[str, Detection | Recovered]] = []
        calls, rests = self._calls[run.held | self._awake]
        for kind, observe in calls:
            if (outcome := observe(run)) is not None:
                seen.append((kind, outcome))
        for bit, is_at_rest in rests:
            self._awake = self._awake & ~bit if is_at_rest(run) else self._awake | bit
        if run.learn():
            seen += outcomes(self._calls.after_block, run)
        if run.val_loss is not None:
            seen += outcomes(self._calls.after_val_loss, run)
        if not seen and self._rows < self._update_at:
            return ended
        found = [finding for kind, outcome in seen for finding in self._finding(kind, outcome)]
        self._awake = self._awake & ~START if OF_THE_START.isdisjoint(self._open) else self._awake | START
        return [*ended, *found, *self._updates()]

    def _start_anew(self, row: Row) -> list[FindingEvent]:
        """A jump by design: what was open ends here, and nothing is compared with the rows before."""
        ended: list[FindingEvent] = [FindingClosed(id=found.id, step=row.step) for found in self._open.values()]
        self._open.clear()
        self._awake = 0
        self._run = self._run.anew()
        self._context = replace(self._context, run=self._run)
        self._start()
        return ended

    @property
    def run(self) -> RunStatistics:
        return self._run

    @property
    def recent_losses(self) -> list[float]:
        """Of the last rows, those that are finite."""
        return [loss for row in self._recent if (loss := row.finite("loss")) is not None]

    def in_hindsight(self, whole: Whole) -> FindingOpened | None:
        """What the log shows if it ends here; nothing is remembered of it."""
        found = verdict(whole)
        return self._opened(self._next_id, *found) if found and found[0] in self._kinds else None

    @property
    def evidence_now(self) -> dict[int, str]:
        """Of every open finding, by its id."""
        return {found.id: self._in_its_words(found.detector.evidence(self._run)) for found in self._open.values()}

    def _in_its_words(self, evidence: str) -> str:
        """Where a row is the mean over an epoch, the number of a row is that of an epoch."""
        return evidence.replace(" step ", " epoch ") if self._run.facts.rows_are_epochs else evidence

    def _updates(self, *, are_due: bool = False) -> list[FindingEvent]:
        """The open findings whose evidence is another by now and was published long enough ago."""
        run, updates = self._run, list[FindingEvent]()
        for found in self._open.values():
            is_seen = run.val_loss is not None if found.detector.watched == "val_loss" else run.loss is not None
            if not are_due and (self._rows < found.update_at or not is_seen):
                continue
            found.update_at = self._next_update
            evidence = self._in_its_words(found.detector.evidence(run))
            if evidence != found.evidence:
                found.evidence = evidence
                updates.append(FindingUpdated(id=found.id, step=run.step, evidence=evidence))
        self._update_at = min((found.update_at for found in self._open.values()), default=math.inf)
        return updates

    @property
    def _next_update(self) -> float:
        return self._rows + max(UPDATE_ROWS, UPDATE_SHARE * self._rows)

    def _finding(self, kind: str, outcome: Detection | Recovered) -> list[FindingEvent]:
        """Nothing for an episode that an open finding explains, and for the end of such an episode."""
        entry = CATALOGUE[kind]
        if not self._run.loss_must_fall and kind in OF_A_FALLING_LOSS:
            return []
        match outcome:
            case Recovered(evidence=evidence) if kind in self._open:
                id, step = self._open.pop(kind).id, self._run.step
                summary = FindingUpdated(id=id, step=step, evidence=self._in_its_words(evidence))
                return [summary, FindingClosed(id=id, step=step)]
            case Detection() if entry.explained_by.isdisjoint(self._open):
                evidence = self._in_its_words(outcome.evidence)
                found = self._open[kind] = OpenFinding(
                    self._next_id, self._detectors[kind], evidence, self._next_update
                )
                self._next_id += 1
                return [self._opened(found.id, kind, outcome)]
            case _:
                return []

    def _opened(self, id: int, kind: str, outcome: Detection) -> FindingOpened:
        entry = CATALOGUE[kind]
        context = replace(self._context, onset=outcome.onset)
        told = game_entry(self._run, kind) or entry
        causes = ranked_causes(told.causes, context)
        return FindingOpened(
            id=id,
            step=self._run.step,
            onset=outcome.onset,
            kind=kind,
            severity=outcome.severity,
            title=told.title,
            evidence=self._in_its_words(outcome.evidence),
            causes=[cause.text for cause in causes],
            fixes=fixes_for(causes, told.fixes, context),
            confidence=confidence(kind),
        )

    def _adopt(self, stored: FindingOpened) -> None:
        self._next_id = max(self._next_id, stored.id + 1)
        if stored.kind in self._open:
            self._open[stored.kind].id = stored.id


def _updated(context: Context, event: Event) -> Context:
    match event:
        case RunStarted():
            return replace(context, started=event, settings=event.settings)
        case SettingsChanged():
            settings = event.settings
            return replace(context, change=event, before_change=context.settings, settings=settings)
        case _:
            return context


def row_of(event: StepFinished) -> Row:
    return Row(event.step, step_values(event))


def time_row(event: TimeSpent) -> Row:
    """Seconds a step, under the names that other programs' logs use; time spent waiting is left out."""
    spent = {name: seconds / max(event.steps, 1) for name, seconds in event.seconds.items() if name != "waiting"}
    return Row(event.step, {"step_time": sum(spent.values()), **{f"{name}_time": part for name, part in spent.items()}})
