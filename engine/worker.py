"""The process that trains one run: `python -m tinygpt_tui.engine.worker RUN [CHECKPOINT [CHANGE]]`.

It goes on from the latest checkpoint, or back to the one that is named, with a ChangeSettings command in JSON.

It outlives its terminal and the process that started it. It writes one line to its standard output, `ready` or why it
will not train; later output, also that of libraries, goes to its standard error, which is the run's log.
"""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from queue import SimpleQueue

import msgspec

from .config import ConfigError
from .events import AnyEvent, ChangeSettings, CheckpointSaved, Event, PreparationBegan, RunEnded, SettingsChanged, Stop
from .hosting.host import Host
from .hosting.interfaces import Hosted, LoopBroken, ReportProgress, Request, refuse_all
from .hosting.other_programs import OtherPrograms, let_threads_sleep
from .hosting.patience import Patience
from .hosting.replayed_diagnosis import ReplayedDiagnosis
from .hosting.server import Server
from .lesson_origin import lesson_in_force
from .long_work import LongWork
from .stopwatch import Stopwatch
from .storage.event_log import (
    EventLog,
    drop_superseded,
    line_count,
    marked_events,
    require_space,
    restart_steps,
    surviving_events,
    tail_events,
)
from .storage.origin import read_origin
from .storage.run_folder import CHECKPOINTS, StoreError, claimed
from .storage.run_store import config_keeper, read_config, write_config
from .storage.stored_checkpoints import CheckpointError, find_checkpoint

NICENESS = 5
"""Keeps the watching terminal responsive while both cores train."""
AUTOGROUP = Path("/proc/self/autogroup")
"""Linux may share processors among sessions first; there a process's niceness counts within its session alone."""
FINE, ENDED_BADLY, BAD_INPUT = 0, 1, 2


def serve(run: Path, assemble: Callable[[Path, ReportProgress], Hosted]) -> int:
    """Be the worker of a run until it ends; the exit status."""
    requests: SimpleQueue[Request] = SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, frame: requests.put(Request(Stop())))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    _give_way()
    try:
        with (
            claimed(run) as listener,
            closing(EventLog(run)) as log,
            closing(Server(run, listener, requests)) as server,
        ):
            _report("ready")
            return _train(run, assemble, log, requests, server.announce)
    except (StoreError, OSError) as error:
        _report(str(error))
        return BAD_INPUT


def _give_way() -> None:
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():  # a session of our own: no other process is in it
        with suppress(OSError):
            AUTOGROUP.write_text(str(NICENESS))


def _report(line: str) -> None:
    with suppress(OSError):  # the reading process may have ended
        os.write(1, line.encode() + b"\n")
    os.dup2(2, 1)


def _train(
    run: Path,
    assemble: Callable[[Path, ReportProgress], Hosted],
    log: EventLog,
    requests: SimpleQueue[Request],
    announce: Callable[[Event | None], None],
) -> int:
    try:
        try:
            hosted = assemble(run, lambda activity: announce(PreparationBegan(activity=activity)))
        finally:
            announce(None)
    except Exception as error:
        is_input = isinstance(error, ConfigError | StoreError)
        is_plain = is_input or isinstance(error, LoopBroken)
        if is_plain:
            print(error, file=sys.stderr)
        else:
            traceback.print_exc()
        detail = str(error) if is_plain else traceback.format_exception_only(error)[-1].strip()
        log.append(RunEnded(step=_last_step(run), reason="failed", detail=detail))
        refuse_all(requests, "the run has ended")
        return BAD_INPUT if is_input else ENDED_BADLY
    end = Host(hosted, log, requests, announce).run()
    return FINE if end.reason in ("finished", "stopped") else ENDED_BADLY


def _last_step(run: Path) -> int:
    return next((getattr(event, "step", 0) for event in reversed(tail_events(run))), 0)


def assemble(run: Path, progress: ReportProgress, checkpoint: str = "", change: ChangeSettings | None = None) -> Hosted:
    """The tiny GPT of a run folder, where its latest checkpoint left it, or one that it goes back to."""
    progress("loading PyTorch")
    others = OtherPrograms()
    # imported here, so that the socket is there long before torch is
    from .corpus import CorpusError, load_corpus
    from .diagnostics.diagnosis import Diagnosis

    let_threads_sleep(others.cores(), os.environ)
    from .training.auto_settings import resolve
    from .training.checkpoints import Checkpoints
    from .training.fork_beginning import begin_fork
    from .training.going_back import go_back
    from .training.parallel.other_processes import OtherProcesses
    from .training.trainer import Trainer

    written = read_config(run)
    try:
        progress("reading the text")
        corpus = load_corpus(written.data, context=written.model.context)
        config = resolve(written)
        if config != written:
            write_config(run, config)
        new = line_count(run)
        opening: list[Event] = []
        if not new and (origin := read_origin(run)) and (origin.step or origin.changes):
            opening.append(begin_fork(run, origin, config, corpus, progress))
        require_space(run, config.training.steps - _last_step(run))
        shares = None
        if (processes := config.training.processes) > 1:
            progress(f"starting {processes} processes")
            shares = OtherProcesses(config, run)
        progress("building the model")
        stopwatch = Stopwatch()
        long_work = LongWork()
        trainer = Trainer(config, corpus, stopwatch, long_work=long_work, others=shares)
        checkpoints = Checkpoints(run / CHECKPOINTS, trainer, config.storage)
        if checkpoint:
            opening.append(go_back(trainer, checkpoints, find_checkpoint(run / CHECKPOINTS, checkpoint), change))
        else:
            checkpoints.restore_latest()
        if config.training.compile is True:
            progress("compiling the model, which may take a minute")
            trainer.compile()
    except (CorpusError, CheckpointError) as error:
        raise StoreError(str(error)) from None
    if new:
        progress("reading the run's past")
    past = takewhile(lambda event: event.seq < new, surviving_events(run, trainer.step))
    diagnosis = ReplayedDiagnosis(Diagnosis(config), past)
    gc.freeze()  # what is there stays: the collector need not look at all of torch again and again
    marked = list(marked_events(run, "changed", "checkpoint"))
    evaluated = drop_superseded(
        marked_events(run, "evaluation", "started"), restart_steps(marked_events(run, "started")), trainer.step
    )
    if not checkpoint:
        trainer.replay(changes_to_come(marked, trainer.step))
    is_changed = any(isinstance(event, SettingsChanged) for event in marked)
    return Hosted(
        loop=trainer,
        saver=checkpoints,
        diagnosis=diagnosis,
        on_nan=config.training.on_nan,
        patience=Patience(config.training.patience, takewhile(lambda each: each.seq < new, evaluated)),
        # its watch points were written of the run as it was
        lesson=replace(config.lesson, watch=()) if is_changed else lesson_in_force(config),
        stopwatch=stopwatch,
        long_work=long_work,
        opening=opening,
        upkeep=config_keeper(run),
    )


def changes_to_come(events: Iterable[AnyEvent], step: int) -> list[SettingsChanged]:
    """The live changes that a checkpoint of `step` does not know of: a crash must not undo them.

    One that is new at an earlier step than others takes them back: the run had gone back to there.
    """
    changes: dict[tuple[int, str], SettingsChanged] = {}
    for event in events:
        match event:
            case SettingsChanged():
                if (event.step, event.summary) not in changes:
                    changes = {key: change for key, change in changes.items() if change.step <= event.step}
                changes[event.step, event.summary] = event
            case CheckpointSaved() if event.step == step:
                changes = {key: change for key, change in changes.items() if change.step > step}
            case _:
                pass
    return [change for change in changes.values() if change.step >= step]


if __name__ == "__main__":
    folder, *back = sys.argv[1:]
    wanted = back[0] if back else ""
    change = msgspec.json.decode(back[1], type=ChangeSettings) if len(back) > 1 else None
    status = serve(Path(folder).resolve(), partial(assemble, checkpoint=wanted, change=change))
    sys.stderr.flush()
    os._exit(status)  # everything is written; to take torch apart would cost a second
