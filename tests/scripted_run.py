"""A run that says what a test scripted and remembers what it was told; no process, no file, no clock."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    Accepted,
    AnyEvent,
    Command,
    Event,
    Refused,
    RunEnded,
    RunStarted,
    StepFinished,
)
from tinygpt_tui.engine.schedule import planned_lr


class ScriptedRun:
    """Implements client.Run. `say` and `end` go on while a test runs; `commands` is what it was told."""

    def __init__(
        self,
        events: Iterable[AnyEvent] = (),
        *,
        config: RunConfig | None = None,
        path: Path | None = None,
        live: bool = False,
        refuse: str = "",
    ) -> None:
        self.config = config or RunConfig(title="Scripted")
        self.path = path
        self.live = live
        self.commands: list[Command] = []
        self.is_closed = False
        self.refuse = refuse
        """The reason every command is refused for; empty accepts them."""
        self._said: asyncio.Queue[list[AnyEvent] | None] = asyncio.Queue()
        self.say(*events)
        if not live:
            self.end()

    def say(self, *events: AnyEvent) -> None:
        """One more batch of events."""
        if events:
            self._said.put_nowait(list(events))

    def end(self) -> None:
        """Nothing more will be said."""
        self.live = False
        self._said.put_nowait(None)

    async def close(self) -> None:
        self.is_closed = True

    async def batches(self) -> AsyncIterator[list[AnyEvent]]:
        while (batch := await self._said.get()) is not None:
            yield batch

    async def send(self, command: Command) -> Accepted | Refused:
        self.commands.append(command)
        if self.refuse:
            return Refused(id=command.id, why=self.refuse)
        return Accepted(id=command.id, step=0)


class EndsWhenClosed(ScriptedRun):
    """As a worker does: what it says last comes when the screen is gone."""

    async def close(self) -> None:
        await super().close()
        self.say(RunEnded(step=2, reason="stopped"))
        self.end()


def started(config: RunConfig, step: int = 0) -> RunStarted:
    """What a worker says first."""
    return RunStarted(
        step=step,
        steps=config.training.steps,
        parameters=120_000,
        flops_per_token=720_000.0,
        train_tokens=900_000,
        val_tokens=100_000,
        corpus="a scripted corpus",
        fingerprint="0123456789abcdef",
        device="cpu",
        precision="fp32",
        threads=1,
        compiled=False,
        pid=0,
        settings=LiveSettings.from_config(config),
    )


def steps(config: RunConfig, losses: Sequence[float], *, first: int = 1) -> list[StepFinished]:
    """One finished step a loss, with plausible other numbers."""
    settings = LiveSettings.from_config(config)
    a_step = config.training.batch * config.training.accumulation * config.model.context
    return [
        StepFinished(
            step=step,
            time=1_000.0 + 0.01 * step,
            loss=loss,
            lr=planned_lr(settings, step, config.training.steps),
            tokens=step * a_step,
            tokens_per_s=60_000.0,
            grad_norm=0.8,
            clipped=False,
            grad_max=0.05,
            grad_min=1e-9,
            param_norm=20.0,
            update_ratio=1e-3,
        )
        for step, loss in enumerate(losses, first)
    ]


def finished_run(losses: Sequence[float], *, title: str = "Scripted", path: Path | None = None) -> ScriptedRun:
    """A run on disk that came to its end."""
    config = RunConfig(title=title)
    config = replace(config, training=replace(config.training, steps=max(len(losses), 1)))
    events: list[Event] = [started(config), *steps(config, losses), RunEnded(step=len(losses), reason="finished")]
    return ScriptedRun(events, config=config, path=path)  # pyright: ignore[reportArgumentType]
