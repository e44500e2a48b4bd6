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
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, SupportsFloat

from .attached.control import Callback
from .attached.recorder import Recorder
from .attached.session import Session, ShownSettings, plain_number
from .diagnostics.diagnosis import Diagnosis
from .diagnostics.run_statistics import RunFacts
from .storage.run_store import create_described, default_runs_folder

if TYPE_CHECKING:
    from .training.loop_probe import LoopProbe, Module, Optimizer, Scaler

SWITCH = "TINYGPT_TUI_ATTACH"
"""An environment variable: 0 or off switches every attached run off."""
_OFF = ("0", "off", "no", "false")


class RunStopped(Exception):
    """The run was stopped from a screen, and the loop asked for an exception instead of False."""


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
    clip           gradient norm that `step` clips at, inf for none yet; None leaves clipping to the loop
    scaler         a torch.amp.GradScaler, by whose scale the gradients are divided
    every          measure gradients and updates at every n-th step; None: as often as costs at most 1% of a step
    settings       shown and compared, such as batch size or dataset
    on_evaluate, on_checkpoint    called between two steps when it is asked for on a screen
    raise_on_stop  `step` raises RunStopped instead of returning False
    runs           folder of the runs; by default where all runs are

    Under torchrun the process of rank 0 records. It can be paused, which makes the others wait; a stop, changes, our
    clipping and the callbacks are left out, since they would act in one process alone.
    """
    if os.environ.get(SWITCH, "").strip().lower() in _OFF or _number("RANK", 0) != 0:
        return AttachedRun()
    callbacks = {"evaluate": on_evaluate, "checkpoint": on_checkpoint}
    try:
        is_alone = _number("WORLD_SIZE", 1) == 1
        probe = _probe(model, optimizer, clip=clip if is_alone else None, scaler=scaler, every=every)
        folder = create_described(runs or default_runs_folder(), name)
        recorder = Recorder(folder, Diagnosis(facts=RunFacts(steps=steps, chance=chance_loss)))
        given = {tag: call for tag, call in callbacks.items() if call is not None}
        session = Session(recorder, probe, given, warn=_warn, is_alone=is_alone)
        session.start(title=name, steps=steps, chance_loss=chance_loss, settings=settings or {})
    except Exception as error:
        _warn(f"the run is not recorded: {error}")
        return AttachedRun()
    run = AttachedRun(session, folder, raise_on_stop=raise_on_stop)
    atexit.register(run.close)
    return run


class AttachedRun:
    """A loop that is watched; without a session it does nothing. One thread uses it, that of the loop."""

    def __init__(
        self, session: Session | None = None, path: Path | None = None, *, raise_on_stop: bool = False
    ) -> None:
        self.path = path
        """The run's folder; None where nothing is recorded."""
        self.is_stopped = False
        """Whether the run was stopped from a screen."""
        self._session = session
        self._raise_on_stop = raise_on_stop

    @property
    def is_recorded(self) -> bool:
        return self._session is not None and self._session.is_ours

    def step(
        self,
        loss: SupportsFloat,
        *,
        step: int | None = None,
        val_loss: SupportsFloat | None = None,
        tokens: int | None = None,
        **numbers: SupportsFloat,
    ) -> bool:
        """Record a step; call it between `backward` and `optimizer.step`. False once the run is stopped.

        It does not return while the run is paused. `step` counts from 1 by itself unless it is given; `tokens` is
        how many this step was trained on; other numbers go by their names: lr, grad_norm, accuracy, data_time, ...
        """

        self.measure(step=step, tokens=tokens, loss=loss, **numbers)
        if val_loss is not None:
            self.evaluate(val_loss)
        return self.go_on()

    def measure(self, *, step: int | None = None, tokens: int | None = None, **numbers: SupportsFloat) -> None:
        """The first half of `step`, for a loop that knows its loss later: between `backward` and `optimizer.step`."""
        self._do(lambda session: session.finish_step(step, numbers, tokens))

    def amend(self, **numbers: SupportsFloat) -> None:
        """Numbers that belong to the step that was measured last."""
        self._do(lambda session: session.amend(numbers))

    def go_on(self) -> bool:
        """The second half of `step`: answer what was asked, and return once the loop may go on; False to stop it."""

        def answer(session: Session) -> None:
            session.answer_requests()
            self.is_stopped = session.is_stopped

        self._do(answer)
        if self.is_stopped and self._raise_on_stop:
            raise RunStopped("the run was stopped from its screen")
        return not self.is_stopped

    def log(self, **numbers: SupportsFloat) -> None:
        """Numbers that belong to the next step."""
        self._do(lambda session: session.log(numbers))

    def evaluate(self, val_loss: SupportsFloat, **numbers: SupportsFloat) -> None:
        """Record an evaluation after the last step; other numbers of it belong to the next step."""

        def record(session: Session) -> None:
            session.evaluate(plain_number(val_loss))
            session.log(numbers)

        self._do(record)

    def sample(self, text: str, prompt: str = "") -> None:
        """Record what the model has made."""
        self._do(lambda session: session.sample(prompt, text))

    def close(self) -> None:
        """Record the end; at the end of the program it happens by itself."""
        self._do(lambda session: session.end())
        if self.is_recorded:
            self._give_up()
        atexit.unregister(self.close)

    def _do(self, act: Callable[[Session], None]) -> None:
        """What goes wrong in here is no error of the loop."""
        session = self._session
        if session is None or not session.is_ours:
            return
        try:
            act(session)
        except Exception as error:
            _warn(f"the run is not recorded any more: {error}")
            self._give_up()

    def _give_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _probe(
    model: Module | None,
    optimizer: Optimizer | Sequence[Optimizer] | None,
    *,
    clip: float | None,
    scaler: Scaler | None,
    every: int | None,
) -> LoopProbe | None:
    if model is None and optimizer is None:
        return None
    from .training.loop_probe import LoopProbe

    optimizers = [] if optimizer is None else [*optimizer] if isinstance(optimizer, Sequence) else [optimizer]
    return LoopProbe(model, optimizers, clip=clip, scaler=scaler, every=every)


def _number(variable: str, otherwise: int) -> int:
    """Of what torchrun sets in the environment of each of its processes."""
    value = os.environ.get(variable, "")
    return int(value) if value.isdigit() else otherwise


def _warn(words: str) -> None:
    first_line = words.partition("\n")[0][:300]  # torch adds a page of where an operator was registered
    warnings.warn(f"tinygpt-tui: {first_line}", RuntimeWarning, stacklevel=4)
