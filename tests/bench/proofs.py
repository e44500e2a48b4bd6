"""How often a proof is right: `python -m tests.bench.proofs [PRESET]...`, some half an hour on two cores.

Every preset with a fault is trained until the fault is found, three seeds each, and what `prove` would try is tried
beside fixes that are none. What its lesson mends the run with has to be called helpful, and what is none must not be.
"""

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import FindingOpened, Stop
from tinygpt_tui.engine.experiments import arms
from tinygpt_tui.engine.experiments.arms import Proof, fix_verdict_words
from tinygpt_tui.engine.experiments.proof import AFTER_DETECTION, Candidate, ProofPlan, make_arms, plan_proof
from tinygpt_tui.engine.experiments.too_late import try_earlier
from tinygpt_tui.engine.presets import find_preset, preset_files
from tinygpt_tui.engine.storage.run_folder import StoreError
from tinygpt_tui.engine.storage.run_store import create

from ..matrix.promises import SEEDS
from .thread_run import ThreadRun, start_thread

BAR = 0.95


@dataclass
class Tally:
    right: int = 0
    of: int = 0

    def count(self, *, is_right: bool) -> None:
        self.right += is_right
        self.of += 1

    def __str__(self) -> str:
        share = self.right / self.of if self.of else 1.0
        return f"{self.right} of {self.of}, {'kept' if share >= BAR else 'NOT kept'}"


def faulty(names: list[str]) -> list[str]:
    lessons = {name: find_preset(name)[1].lesson for name in names or sorted(preset_files())}
    return [name for name, lesson in lessons.items() if lesson.expected and lesson.fixes]


def useless(config: RunConfig, seed: int) -> Iterator[Candidate]:
    """What changes every loss by chance alone; what mends another fault; and, the same for all seeds, a new name."""
    if seed == SEEDS[0]:
        yield Candidate("another name and cadence", {"title": "Renamed", "instruments.layers_every": 7})
    beta2 = config.optimizer.beta2
    tiny = {"sgd": {"schedule.lr": config.schedule.lr * 1.001}, "momentum": {"optimizer.momentum": 0.9001}}
    yield Candidate("a hair's breadth", tiny.get(config.optimizer.kind, {"optimizer.beta2": beta2 * 0.9999}))
    overfits = any(expected.kind == "overfitting" for expected in config.lesson.expected)
    yield Candidate("of another fault", {"optimizer.clip": 0.5} if overfits else {"model.dropout": 0.1})


def is_of_lesson(candidate: Candidate, config: RunConfig) -> bool:
    """Whether the lesson promises that it helps, by these keys."""
    return any(candidate.changes == fix.changes for fix in config.lesson.fixes)


async def trained(folder: Path, name: str, seed: int) -> Path:
    """A run that is stopped where a person would press F: some steps after its fault is known."""
    changes: dict[str, Any] = {"training.seed": seed, "training.threads": 1, "training.precision": "fp32"}
    config = find_preset(name)[1].with_changes(changes | {"instruments.sample_every": 0, "training.device": "cpu"})
    kinds = {kind for each in config.lesson.expected for kind in (each.kind, *each.or_else)}
    path = create(folder, config, name, datetime.now(UTC), numbered=True)
    run, known = ThreadRun(path), None
    async for batch in run.batches():
        for event in batch:
            if isinstance(event, FindingOpened) and event.kind in kinds and known is None:
                known = event.step
        if known is not None and any(getattr(event, "step", 0) >= known + AFTER_DETECTION for event in batch):
            await run.send(Stop())
            known = float("inf")
    await run.exit_status()
    return path


async def proved(plan: ProofPlan, folder: Path) -> Proof:
    proof = Proof(plan, make_arms(plan, folder, datetime.now(UTC)))
    try:
        await proof.run()
        await try_earlier(proof, folder)
    finally:
        await proof.close()
    return proof


async def row(name: str, seed: int, right: Tally, wrong: Tally) -> None:
    with tempfile.TemporaryDirectory(prefix="proofs-") as folder:
        began, run = time.monotonic(), await trained(Path(folder), name, seed)
        try:
            plan = plan_proof(run)
        except StoreError as error:
            print(f"{name} {seed}: {error}", flush=True)
            return
        config = find_preset(name)[1]
        none = list(useless(config, seed))
        plan = replace(plan, candidates=(*plan.candidates, *none))
        beside = Path(folder, "arms")
        beside.mkdir()
        proof = await proved(plan, beside)
    seconds = time.monotonic() - began
    print(f"{name} {seed}: {plan.finding}, from step {plan.start}, {proof.look} steps, {seconds:.0f} s", flush=True)
    for why in plan.left_out:
        print(f"    not tried: {why}")
    for arm, verdict in zip(proof.arms[1:], proof.verdicts, strict=True):
        kind = "none" if arm.candidate in none else "right" if is_of_lesson(arm.candidate, config) else "offered"
        if kind == "right":
            right.count(is_right=verdict.answer == "helps")
        elif kind == "none":
            wrong.count(is_right=verdict.answer != "helps")
        print(f"    {kind:<7} {arm.candidate.title}: {fix_verdict_words(verdict)}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="all with a fault, if none is named")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), metavar="N", help="how many, from 0 on")
    options = parser.parse_args()
    right, wrong = Tally(), Tally()
    with patch.object(arms, "start", start_thread), patch.object(arms, "usable_processors", lambda: 1):
        for seed in range(options.seeds):
            for name in faulty(options.presets):
                await row(name, seed, right, wrong)
                gc.unfreeze()  # a worker freezes what it has loaded
    print(f"right fixes called helpful: {right}\nuseless fixes not called helpful: {wrong}")


if __name__ == "__main__":
    asyncio.run(main())
