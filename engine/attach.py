"""Attach a training loop of your own: the same screen, diagnosis, pause and live changes as for the tiny GPT.

    from tinygpt_tui.engine.attach import watch

    run = watch(model, optimizer, name="my-run")
    for batch in loader:
        loss = model(batch)
        loss.backward()
        run.step(loss)          # between backward and optimizer.step; False once the run is stopped
        optimizer.step()
        optimizer.zero_grad()

The loop's losses stay what they are, to the bit: whatever goes wrong here becomes one warning, and then silence.
PyTorch is imported only for a loop that gives a model or an optimizer.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .attach_ranks import Ranks, meet_ranks
from .attached.attached_run import AttachedRun, RunStopped
from .attached.following_rank import FollowingRank
from .attached.loop_warning import warn_loop
from .attached.meetings import Meetings
from .attached.rank_store import own_report
from .attached.recorder import Recorder
from .attached.session import Session, ShownSettings
from .attached.steering import Callback, Steering
from .attached.termination import TerminationWatch
from .diagnostics.diagnosis import Diagnosis
from .diagnostics.run_statistics import RunFacts
from .storage.run_store import create_described, default_runs_folder

if TYPE_CHECKING:
    from .training.loop_probe import LoopProbe, Module, Optimizer, Scaler
    from .training.rank_clock import RankClock

__all__ = ["SWITCH", "AttachedRun", "RunStopped", "watch"]

SWITCH = "TINYGPT_TUI_ATTACH"
"""An environment variable: 0 or off switches every attached run off."""
_OFF = ("0", "off", "no", "false")


def watch(
    model: Module | None = None,
    optimizer: Optimizer | Sequence[Optimizer] | None = None,
    *,
    name: str = "loop",
    steps: int | None = None,
    chance_loss: float | None = None,
    clip: float | None = None,
    scaler: Scaler | None = None,
    every: int | None = None,
    settings: ShownSettings | None = None,
    on_evaluate: Callback | None = None,
    on_checkpoint: Callback | None = None,
    raise_on_stop: bool = False,
    runs: Path | None = None,
) -> AttachedRun:
    """Record a loop in a run folder `<runs>/<name>-<n>` and serve it to the screen.

    steps          planned number of steps, where it is known
    chance_loss    loss of a guess, such as ln(classes): a loss that stays there is a stall
    clip           gradient norm that `step` clips at, inf for none yet; None: the loop clips, as with FSDP it must
    scaler         a torch.amp.GradScaler, by whose scale the gradients are divided
    every          measure gradients and updates at every n-th step; None: as often as costs at most 0.5% of a step
    settings       shown and compared, such as batch size or dataset
    on_evaluate, on_checkpoint    called between two steps when it is asked for on a screen
    raise_on_stop  `step` raises RunStopped instead of returning False
    runs           folder of the runs; by default where all runs are

    Under torchrun every process calls this and `step`. Rank 0 records; pauses, changes, our clipping, the callbacks and
    a stop act in all of them at the same step, on one machine and on several. Where one does not take part, rank 0 can
    only be made to wait.
    """
    is_off = os.environ.get(SWITCH, "").strip().lower() in _OFF
    if is_off and clip is None:
        return AttachedRun()
    callbacks = {"evaluate": on_evaluate, "checkpoint": on_checkpoint}
    ranks, probe = Ranks(), None
    try:
        if not is_off:
            ranks = meet_ranks(needs_torch=model is not None or optimizer is not None)
        is_recorded = not is_off and ranks.rank == 0
        clip = clip if ranks.can_act else None
        probe = _probe(model, optimizer, clip=clip, scaler=scaler, every=every, is_recorded=is_recorded)
        given = {tag: call for tag, call in callbacks.items() if call is not None}
        steering = Steering(probe, given) if ranks.can_act else Steering(None, {})
        if not is_recorded:
            return _kept(_following(probe, steering, ranks, model, raise_on_stop=raise_on_stop))
        if ranks.trouble:
            warn_loop(f"the run can be paused, but not stopped or changed: {ranks.trouble}")
        folder = create_described(runs or default_runs_folder(), name)
        recorder = Recorder(folder, Diagnosis(facts=RunFacts(steps=steps, chance=chance_loss)))
        step_clock = _step_clock(model, ranks)
        session = Session(recorder, probe, steering, can_stop=ranks.can_act, others=ranks.store, step_clock=step_clock)
        session.start(title=name, steps=steps, chance_loss=chance_loss, settings=settings or {})
        return _kept(AttachedRun(session, folder, raise_on_stop=raise_on_stop))
    except Exception as error:
        warn_loop(f"the run is not recorded: {error}")
        ranks.part()
        return _kept(AttachedRun(FollowingRank(None, probe)))


def _kept(run: AttachedRun) -> AttachedRun:
    """It ends with the program, if not before."""
    atexit.register(run.close)
    return run


def _following(
    probe: LoopProbe | None, steering: Steering, ranks: Ranks, model: Module | None, *, raise_on_stop: bool
) -> AttachedRun:
    meetings, termination = None, None
    if ranks.store is not None:
        meetings = Meetings(ranks.store, own_report(ranks.rank))
        # one that is ended from outside, as all are when one has died or the job is cancelled, is not the one that died
        termination = TerminationWatch(partial(meetings.leave, ""))
    rank = FollowingRank(meetings, probe, steering, _step_clock(model, ranks), termination)
    return AttachedRun(rank, raise_on_stop=raise_on_stop)


def _step_clock(model: Module | None, ranks: Ranks) -> RankClock | None:
    if model is None or ranks.size == 1 or not ranks.can_act:
        return None
    from .training.rank_clock import RankClock

    return RankClock(model)


def _probe(
    model: Module | None,
    optimizer: Optimizer | Sequence[Optimizer] | None,
    *,
    clip: float | None,
    scaler: Scaler | None,
    every: int | None,
    is_recorded: bool,
) -> LoopProbe | None:
    if model is None and optimizer is None:
        return None
    from .training.loop_probe import LoopProbe
    from .training.process_group import is_sharded

    if is_sharded(model):
        if clip is not None and is_recorded:
            warn_loop("each process holds a part of every weight, so clip= does nothing: the loop has to clip")
        clip = None
    if is_sharded(model) or not is_recorded:
        every = 0
    optimizers = [] if optimizer is None else [*optimizer] if isinstance(optimizer, Sequence) else [optimizer]
    return LoopProbe(model, optimizers, clip=clip, scaler=scaler, every=every)
