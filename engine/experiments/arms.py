"""Trains the runs of a proof side by side, at most one a core, until there is a verdict on each."""

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..client.live_run import LiveRun
from ..client.opening import start
from ..events import AnyEvent, Evaluated, FindingClosed, FindingOpened, RunEnded, StepFinished, Stop, TakeSteps
from ..storage.run_store import read_config
from .proof import Candidate, ProofPlan, make_arm
from .twin import twin
from .verdict import FixVerdict, Trial, VerdictWord, chance_of_twin, judge

_APART: tuple[VerdictWord, ...] = ("helps", "makes worse")


class Arm:
    """One run of a proof: its worker, which pauses between two verdicts, and what it has said so far."""

    def __init__(self, candidate: Candidate, path: Path, plan: ProofPlan, told: Callable[[], None]) -> None:
        self.candidate = candidate
        self.path = path
        self.has_ended = False
        self._kinds = plan.kinds
        self._start = plan.start
        self._told = told
        self._losses: list[float] = []
        self._val_losses: dict[int, float] = {}
        self._open: set[int] = set()
        self._run: LiveRun | None = None
        self._listening: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def steps(self) -> int:
        """Since the beginning of the proof."""
        return len(self._losses)

    def trial(self, steps: int) -> Trial:
        """What it did in the first so many steps."""
        evaluated = [loss for step, loss in self._val_losses.items() if self._start < step <= self._start + steps]
        return Trial(losses=self._losses[:steps], val_losses=evaluated, has_finding=bool(self._open))

    async def train_to(self, steps: int) -> None:
        """ClientError where its worker would not train."""
        if self._run is None:
            self._run = await start(self.path)
            self._listening = asyncio.create_task(self._listen(self._run))
        if steps > self.steps and not self.has_ended:
            await self._run.send(TakeSteps(count=steps - self.steps))
        while self.steps < steps and not self.has_ended:
            self._news.clear()
            await self._news.wait()

    async def stop(self) -> None:
        """With a checkpoint from where it can go on."""
        if self._run is not None and self._listening is not None:
            await self._run.send(Stop())
            await self._listening
            await self._run.exit_status()

    async def close(self) -> None:
        if self._run is not None and self._listening is not None:
            await self._run.close()
            self._listening.cancel()

    async def _listen(self, run: LiveRun) -> None:
        try:
            async for batch in run.batches():
                for event in batch:
                    self._note(event)
                self._news.set()
                self._told()
        finally:
            self.has_ended = True
            self._news.set()

    def _note(self, event: AnyEvent) -> None:
        match event:
            case StepFinished(loss=float() as loss):
                self._losses.append(loss)
            case Evaluated():
                self._val_losses[event.step] = event.val_loss
            case FindingOpened() if event.kind in self._kinds:
                self._open.add(event.id)
            case FindingClosed():
                self._open.discard(event.id)
            case RunEnded():
                self.has_ended = True
            case _:
                pass


class Proof:
    """The control is the first of the arms; `verdicts` are of the others, in their order."""

    def __init__(self, plan: ProofPlan, paths: Sequence[Path], told: Callable[[], None] = lambda: None) -> None:
        self.plan = plan
        self.arms = [Arm(each, path, plan, told) for each, path in zip(plan.candidates, paths, strict=True)]
        self.verdicts = [FixVerdict("cannot tell yet", "it has not begun") for _ in self.arms[1:]]
        self.twin: Arm | None = None
        """Of the control; it is there once a loss has been called lower or higher."""
        self.chance = 0.0
        """By how much losses may differ without any reason, as far as the twin shows it."""
        self.look = plan.looks[0]
        """The number of steps at which the next verdict is."""
        self.earlier: Proof | None = None
        """The nearest fix from an earlier step, where none helps."""
        self._told = told

    @property
    def steps(self) -> int:
        """That all arms together have trained."""
        return sum(arm.steps for arm in self._all)

    @property
    def steps_due(self) -> int:
        """That all arms together will have trained at the next verdict."""
        return sum(arm.steps if arm.has_ended else max(self.look, arm.steps) for arm in self._all)

    @property
    def _all(self) -> list[Arm]:
        return [*self.arms, *([self.twin] if self.twin else [])]

    async def run(self) -> None:
        """Until each verdict is clear, or the last look; ClientError where a worker would not train."""
        cores = read_config(self.plan.parent).training.cores
        free = asyncio.Semaphore(max(usable_processors() // cores, 1))

        async def train(arm: Arm) -> None:
            async with free:
                await arm.train_to(self.look)

        for look in self.plan.looks:
            self.look = look
            await asyncio.gather(*(train(arm) for arm in self._all))
            self.judge()
            if self.twin is None and any(verdict.loss and verdict.answer in _APART for verdict in self.verdicts):
                self.twin = await asyncio.to_thread(self._make_twin)
                await self.twin.train_to(look)
                self.judge()
            if all(verdict.answer != "cannot tell yet" for verdict in self.verdicts):
                return

    def judge(self) -> None:
        """By what there is so far."""
        steps = min(self.look, *(arm.steps for arm in self.arms if not arm.has_ended), 2**53)
        control, *fixes = (arm.trial(steps) for arm in self.arms)
        self.chance = chance_of_twin(self.twin.trial(steps), control) if self.twin else 0.0
        comparisons = len(fixes) * len(self.plan.looks)
        self.verdicts = [judge(fix, control, comparisons=comparisons, chance=self.chance) for fix in fixes]
        self._told()

    def _make_twin(self) -> Arm:
        again = twin(self.plan)
        folder = self.arms[0].path.parent
        path = make_arm(self.plan, folder, again, f"{self.arms[0].path.name}-twin", datetime.now(UTC))
        return Arm(again, path, self.plan, self._told)

    def best(self) -> int | None:
        """The place among the arms of the fix that helps most; None where none does."""
        helping = [place for place, verdict in enumerate(self.verdicts, 1) if verdict.answer == "helps"]
        return min(helping, key=self._difference, default=None)

    def nearest(self) -> int:
        """The place of the fix with the lowest loss, whether it helps or not; the first where none has one."""
        return min(range(1, len(self.arms)), key=lambda place: self._difference(place, unknown=math.inf))

    def _difference(self, place: int, unknown: float = -math.inf) -> float:
        verdict = self.verdicts[place - 1]
        interval = verdict.val_loss or verdict.loss
        return interval.mean if interval else unknown

    async def close(self) -> None:
        for arm in self._all:
            await arm.close()


def usable_processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def chance_words(proof: Proof) -> str:
    """What the control's twin shows; empty where it was not needed."""
    if proof.twin is None:
        return ""
    if not proof.chance:  # of a twin that has just begun nothing is known
        return f"{proof.twin.candidate.title}: trained to see what chance does"
    return f"{proof.twin.candidate.title}: a loss that differs by less than {proof.chance:.3g} may do so by chance"


def fix_verdict_words(verdict: FixVerdict) -> str:
    """Such as `helps: the loss is lower (val_loss differs by -0.31, between -0.40 and -0.22)`."""
    intervals = (("val_loss", verdict.val_loss), ("loss", verdict.loss))
    numbers = [
        f"{name} differs by {difference.mean:+.3g}, between {difference.low:+.3g} and {difference.high:+.3g}"
        for name, difference in intervals
        if difference
    ]
    return f"{verdict.answer}: {verdict.why}" + (f" ({'; '.join(numbers)})" if numbers else "")
