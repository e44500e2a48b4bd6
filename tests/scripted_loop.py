"""A loop that trains nothing: losses are scripted and a checkpoint is a step; for hosts, workers and clients."""

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tinygpt_tui.engine.config import ConfigError, LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    ChangeSettings,
    CheckpointSaved,
    Evaluated,
    Event,
    FindingClosed,
    FindingEvent,
    FindingOpened,
    RunStarted,
    Sample,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
)
from tinygpt_tui.engine.hosting.interfaces import Hosted, ReportProgress
from tinygpt_tui.engine.storage.run_store import create, read_config
from tinygpt_tui.engine.storage.stored_checkpoints import Reason
from tinygpt_tui.engine.worker import serve


class ScriptedLoop:
    """Implements host.Loop; the loss of a step is a function of the step."""

    def __init__(self, steps: int, loss: Callable[[int], float] = lambda step: 5.0 / (1 + step)) -> None:
        self.step = 0
        self.steps = steps
        self._loss = loss
        self._settings = LiveSettings.from_config(RunConfig())

    @property
    def finished(self) -> bool:
        return self.step >= self.steps

    def started(self) -> RunStarted:
        return RunStarted(
            step=self.step,
            steps=self.steps,
            parameters=1,
            flops_per_token=1.0,
            train_tokens=1,
            val_tokens=1,
            corpus="a script",
            fingerprint="0",
            device="cpu",
            precision="fp32",
            threads=1,
            compiled=False,
            pid=os.getpid(),
            settings=self._settings,
        )

    def advance(self) -> list[Event]:
        self.step += 1
        return [
            StepFinished(
                step=self.step,
                loss=self._loss(self.step),
                lr=0.001,
                tokens=self.step,
                tokens_per_s=1.0,
                grad_norm=1.0,
                clipped=False,
            )
        ]

    def change(self, command: ChangeSettings) -> SettingsChanged:
        if command.clip is None:
            raise ConfigError("this loop changes its clip only")
        self._settings = replace(self._settings, clip=command.clip)
        return SettingsChanged(step=self.step, summary=f"clip {command.clip}", settings=self._settings)

    def evaluate(self) -> Evaluated:
        return Evaluated(step=self.step, val_loss=2.0, perplexity=math.exp(2.0))

    def sample(self, command: Sample) -> SampleGenerated:
        prompt = command.prompt or ""
        return SampleGenerated(step=self.step, prompt=prompt, text=prompt[::-1], temperature=1.0, top_k=1)


class StepSaver:
    """Implements host.Saver: the step is all that a scripted loop has to remember."""

    def __init__(self, folder: Path, loop: ScriptedLoop, every: int = 10) -> None:
        self._file = folder / "step.json"
        self._loop = loop
        self._every = every
        if self._file.exists():
            loop.step = json.loads(self._file.read_text())

    def due(self, events: Sequence[Event], *, ending: bool = False) -> list[Reason]:
        losses = [event.loss for event in events if isinstance(event, StepFinished) and event.loss is not None]
        finite = all(map(math.isfinite, losses))
        return ["series"] if self._loop.step % self._every == 0 and finite and not ending else []

    def save(self, reason: Reason) -> CheckpointSaved:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self._loop.step))
        fresh.replace(self._file)
        return CheckpointSaved(step=self._loop.step, name=f"step-{self._loop.step:06}", reason=reason)


class LossAbove:
    """A diagnosis with one finding: the loss is above a level."""

    def __init__(self, level: float) -> None:
        self._level = level
        self._is_open = False

    def observe(self, event: Event) -> list[FindingEvent]:
        match event:
            case StepFinished(loss=float() as loss, step=step) if (loss > self._level) != self._is_open:
                self._is_open = not self._is_open
                if not self._is_open:
                    return [FindingClosed(id=0, step=step)]
                return [
                    FindingOpened(id=0, step=step, onset=step, kind="high", severity="warning", evidence=f"{loss:.2f}")
                ]
            case _:
                return []


def new_run(runs: Path, *, steps: int, title: str = "Scripted", name: str | None = None) -> Path:
    config = RunConfig(title=title)
    config = replace(config, training=replace(config.training, steps=steps))
    return create(runs, config, name, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def scripted_worker(script: str = "train") -> tuple[str, ...]:
    """The command of a worker process with a scripted loop: `train`, `wait`, `crash`, `refuse` or `exit`.

    `wait` prepares until a byte comes through the run's pipe `go`.
    """
    return (sys.executable, "-P", __file__, script)


def _assemble(run: Path, script: str, progress: ReportProgress) -> Hosted:
    def loss(step: int) -> float:
        if script == "crash" and step == 5:
            raise RuntimeError("the script says so")
        if script == "exit" and step == 5:
            print("last words", flush=True)
            os._exit(7)
        return 5.0 / (1 + step)

    if script == "wait":
        progress("waiting for the word")
        (run / "go").open("rb").read(1)
    if script == "refuse":
        raise ConfigError("model.width = 3 is refused by the script")
    print("a stray print that must not reach a client")
    loop = ScriptedLoop(read_config(run).training.steps, loss)
    return Hosted(loop=loop, saver=StepSaver(run, loop), diagnosis=LossAbove(10.0), on_nan="continue")


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[2]), lambda run, progress: _assemble(run, sys.argv[1], progress)))
