"""What a loop holds of its run: the object that `attach.watch` returns."""

import atexit
from collections.abc import Callable
from pathlib import Path
from typing import SupportsFloat

from .following_rank import FollowingRank
from .loop_warning import warn_loop
from .session import Session, plain_number


class RunStopped(Exception):
    """The run was stopped from a screen, and the loop asked for an exception instead of False."""


class AttachedRun:
    """A loop that is watched; without a session it does nothing. One thread uses it, that of the loop."""

    def __init__(
        self,
        session: Session | FollowingRank | None = None,
        path: Path | None = None,
        *,
        raise_on_stop: bool = False,
    ) -> None:
        """A session records the loop; a FollowingRank does what is decided elsewhere."""
        self.path = path
        """The run's folder; None where nothing is recorded."""
        self.is_stopped = False
        """Whether the run was stopped from a screen."""
        self._session = session
        self._raise_on_stop = raise_on_stop
        self._has_warned = False

    @property
    def is_recorded(self) -> bool:
        return isinstance(self._session, Session) and self._session.is_ours

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
        session = self._part()
        if session is not None:
            try:
                session.finish_step(step, numbers, tokens)
            except Exception as error:
                self._give_up(session, error)

    def amend(self, **numbers: SupportsFloat) -> None:
        """Numbers that belong to the step that was measured last."""
        self._record(lambda session: session.amend(numbers))

    def go_on(self) -> bool:
        """The second half of `step`: answer what was asked, and return once the loop may go on; False to stop it."""

        session = self._part()
        if session is not None:
            try:
                session.answer_requests()
                self.is_stopped |= session.is_stopped
            except Exception as error:
                self._give_up(session, error)
        if self.is_stopped and self._raise_on_stop:
            raise RunStopped("the run was stopped from its screen")
        return not self.is_stopped

    def log(self, **numbers: SupportsFloat) -> None:
        """Numbers that belong to the next step."""
        self._record(lambda session: session.log(numbers))

    def evaluate(self, val_loss: SupportsFloat, **numbers: SupportsFloat) -> None:
        """Record an evaluation after the last step; other numbers of it belong to the next step."""

        def record(session: Session) -> None:
            session.evaluate(plain_number(val_loss))
            session.log(numbers)

        self._record(record)

    def sample(self, text: str, prompt: str = "") -> None:
        """Record what the model has made."""
        self._record(lambda session: session.sample(prompt, text))

    def close(self) -> None:
        """Record the end; at the end of the program it happens by itself."""
        session = self._part()
        if session is not None:
            try:
                session.end()
            except Exception as error:
                self._give_up(session, error)
        session, self._session = self._session, None
        if session is not None and session.is_ours and (rest := session.give_up()) is not None:
            rest.close()
        atexit.unregister(self.close)

    def _record(self, act: Callable[[Session], None]) -> None:
        session = self._part()
        if isinstance(session, Session):
            try:
                act(session)
            except Exception as error:
                self._give_up(session, error)

    def _part(self) -> Session | FollowingRank | None:
        """None where nothing is to be done, as in a process that was forked off the loop's."""
        return self._session if self._session is not None and self._session.is_ours else None

    def _give_up(self, session: Session | FollowingRank, error: Exception) -> None:
        """What goes wrong in here is no error of the loop."""
        if not self._has_warned:
            warn_loop(f"the run is not recorded any more: {error}")
        self._has_warned = True
        self._session = session.give_up()
