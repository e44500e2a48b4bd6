"""Following a run in a terminal or a pipe until it ends, and what Ctrl-C does meanwhile."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TextIO

import click

from ...engine.client import opening
from ...engine.client.live_run import LiveRun
from ...engine.client.run import Run
from ...engine.client.stored_run import StoredRun
from ...engine.config import RunConfig
from ...engine.events import AnyEvent, ChangeSettings, PreparationBegan, RunEnded, Stop, encode
from ...engine.storage.event_log import line_count
from ...engine.storage.run_folder import CHECKPOINTS, EVENTS, find_worker, kill_worker
from ...engine.storage.run_store import remove, run_description
from ...engine.storage.run_summary import planned_steps
from ..text import visible, visible_json
from .options import PROGRAM
from .progress_text import TextProgress

WORKER_BAD_INPUT = 2
"""The exit status of a worker that would not train."""
SILENCE_S = 4.0
"""After which a worker that sends nothing is complained of; one that is only busy sends from a thread of its own."""
PLAIN_SECONDS = 5.0
"""Of the run's own time, between two lines where there is no terminal to redraw one on."""


class Narrator(Protocol):
    def show(self, batch: list[AnyEvent]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    end: RunEnded | None
    """None where we left before it."""
    is_bad_input: bool = False
    """The worker would not train, for something that a person can put right."""
    skipped: str = ""
    """What in the run's log was no event."""

    @property
    def complaint(self) -> str:
        """What is to be said of a run that ended badly; empty for others."""
        match self.end:
            case RunEnded(reason="failed", detail=detail) if self.is_bad_input:
                return detail
            case RunEnded(reason="failed" | "died" as reason, detail=detail, step=step):
                return f"the run {reason} after step {step}: {detail or 'it did not say why'}"
            case _:
                return ""

    @property
    def exit_status(self) -> int:
        if self.is_bad_input:
            return 2
        return 0 if self.end is None or self.end.reason in ("finished", "stopped") else 1


class EventLines:
    """Every event as its line, for scripts."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, batch: list[AnyEvent]) -> None:
        self._out.write("".join(visible_json(encode(event).decode()) + "\n" for event in batch))
        self._out.flush()


class PlainLines:
    """What happens as lines, and a line of progress now and then."""

    def __init__(self, progress: TextProgress, out: TextIO) -> None:
        self._progress, self._out = progress, out
        self._next = 0.0

    def show(self, batch: list[AnyEvent]) -> None:
        for event in batch:
            for line in self._progress.observe(event):
                self._out.write(line + "\n")
            if isinstance(event, PreparationBegan):
                self._out.write(self._progress.activity + "\n")
            if self._progress.latest is event and event.time >= self._next:
                self._out.write(self._progress.status() + "\n")
                self._next = event.time + PLAIN_SECONDS
        self._out.flush()


class ProgressLine:
    """What happens as lines that scroll away above one line that is redrawn."""

    def __init__(self, progress: TextProgress, out: TextIO) -> None:
        self._progress, self._out = progress, out

    def show(self, batch: list[AnyEvent]) -> None:
        lines = [line for event in batch for line in self._progress.observe(event)]
        above = "".join(f"\r\x1b[K{line}\n" for line in lines)
        ended = any(isinstance(event, RunEnded) for event in batch)
        status = "" if ended else self._progress.status()[: shutil.get_terminal_size().columns - 1]
        self._out.write(f"{above}\r\x1b[K{status}")
        self._out.flush()


def narrator(steps: int, out: TextIO, *, as_json: bool) -> Narrator:
    if as_json:
        return EventLines(out)
    progress = TextProgress(steps)
    return ProgressLine(progress, out) if out.isatty() else PlainLines(progress, out)


async def follow(
    path: Path, open_run: Callable[[Path], Awaitable[LiveRun | StoredRun]], narrator: Narrator, *, is_ours: bool
) -> Outcome:
    """Print the progress of a run to its end. Ctrl-C stops a run of ours, and kills it the second time."""
    with _interrupts() as presses:
        run = await open_run(path)
        waiting = asyncio.create_task(complain_of_silence(run, path))
        telling = asyncio.create_task(ending(run, narrator))
        obeying = asyncio.create_task(_stop_when_asked(run, path, presses) if is_ours else presses.get())
        await asyncio.wait((telling, obeying), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not telling.done():
            telling.cancel()
            return Outcome(end=None)
        obeying.cancel()
        try:
            end = telling.result()
        except BrokenPipeError:  # the reading program has ended; the run goes on
            return Outcome(end=None)
        status = await run.exit_status() if isinstance(run, LiveRun) else None
        return Outcome(end=end, is_bad_input=status == WORKER_BAD_INPUT, skipped=_skipped(run, path))


async def complain_of_silence(run: Run, path: Path) -> None:
    """One line where a worker has sent nothing for some seconds, not even what is stored; it is waited for on."""
    if not isinstance(run, LiveRun):
        return
    try:
        async with asyncio.timeout(SILENCE_S):
            await run.heard.wait()
    except TimeoutError:
        pid = worker.pid if (worker := find_worker(path)) else "?"
        click.echo(
            f"{PROGRAM}: the worker (process {pid}) does not answer; if it was suspended, `kill -CONT {pid}` lets it "
            f"go on; `kill -KILL {pid}` ends it, and `{PROGRAM} resume {visible(path.name)}` goes on",
            err=True,
        )


def _skipped(run: LiveRun | StoredRun, path: Path) -> str:
    if not isinstance(run, StoredRun) or not run.transcript.unreadable:
        return ""
    return f"{path / EVENTS}: lines that were skipped: {run.transcript.unreadable}; {run.transcript.problems[0]}"


async def opened(path: Path) -> LiveRun | StoredRun:
    """A run without a worker, read from disk."""
    return opening.open_stored(path)


async def ending(run: LiveRun | StoredRun, narrator: Narrator | None = None) -> RunEnded | None:
    """How a run ended, when it has; meanwhile `narrator`, if given, prints it."""
    end = None
    async for batch in run.batches():
        if narrator:
            narrator.show(batch)
        for event in batch:
            # an end that something follows was an earlier worker's
            end = event if isinstance(event, RunEnded) else None
    return end


async def _stop_when_asked(run: Run, path: Path, presses: asyncio.Queue[None]) -> None:
    await presses.get()
    print("\ntinygpt-tui: stopping with a checkpoint; Ctrl-C again ends it at once", file=sys.stderr)
    stopping = asyncio.create_task(run.send(Stop()))
    await presses.get()
    stopping.cancel()
    kill_worker(path)
    await asyncio.Event().wait()  # the caller sees the run's end


@contextmanager
def _interrupts() -> Iterator[asyncio.Queue[None]]:
    """Ctrl-C, and a polite request to terminate, as something to wait for."""
    loop = asyncio.get_running_loop()
    presses: asyncio.Queue[None] = asyncio.Queue()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, presses.put_nowait, None)
    try:
        yield presses
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def host(
    path: Path,
    config: RunConfig,
    *,
    as_json: bool,
    is_new: bool,
    checkpoint: str = "",
    change: ChangeSettings | None = None,
) -> int:
    """Train in a worker and follow it; a new run that its input keeps from beginning leaves nothing behind."""
    try:
        click.echo(f"run {visible(str(path))}", err=as_json)
    except OSError:
        if is_new:
            remove(path)
        raise
    teller = narrator(config.training.steps, sys.stdout, as_json=as_json)
    open_run = partial(opening.start, since=0 if is_new else line_count(path), checkpoint=checkpoint, change=change)
    try:
        outcome = asyncio.run(follow(path, open_run, teller, is_ours=True))
    except OSError as error:
        error.add_note(f"the run goes on, and `{PROGRAM} attach {path.name}` comes back to it")
        raise
    if outcome.is_bad_input and is_new:
        remove(path)
    return _conclude(path, outcome)


def look(path: Path, *, as_json: bool) -> int:
    """Follow a run that another process started, or print what is stored of it."""
    teller = narrator(planned_steps(path), sys.stdout, as_json=as_json)
    open_run = opening.attach if find_worker(path) else opened
    return _conclude(path, asyncio.run(follow(path, open_run, teller, is_ours=False)))


def _conclude(path: Path, outcome: Outcome) -> int:
    for line in filter(None, (outcome.skipped, outcome.complaint)):
        click.echo(f"{PROGRAM}: {visible(line)}", err=True)
    if outcome.exit_status == 1 and run_description(path) is None:
        log = visible(str(path / "worker.log"))
        has_checkpoint = any((path / CHECKPOINTS).glob("step-*"))
        place = "goes on from the latest checkpoint" if has_checkpoint else "begins again, for there is no checkpoint"
        click.echo(f"the log is {log}; `{PROGRAM} resume {visible(path.name)}` {place}", err=True)
    return outcome.exit_status
