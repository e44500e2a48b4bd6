"""A step that takes long: how long so far, whether its process computes, and what was asked for and comes after it."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ...engine.client.run import Run
from ..formatting import duration
from ..view.run_view import RunView
from .feed import RunFeed
from .process_work import WorkMeter

_SLOW_S = 3.0
_ANSWER_S = 1.0
"""After which a command that is not answered yet is shown."""
_WORDS = {
    "lr_half": "lower lr",
    "lr_double": "higher lr",
    "full_speed": "full speed",
    "change": "change of settings",
    "fix": "change of settings",
    "speed": "change of speed",
}
"""By command; the others go by their name."""


class SlowStep:
    """`look` is called once in a while, and `show` gets what is to be shown: nothing unless a step is slow."""

    EVERY_S = 1.0

    def __init__(
        self, run: Run, feed: RunFeed, *, now: Callable[[], float], show: Callable[[Sequence[str]], None]
    ) -> None:
        self._run = run
        self._feed = feed
        self._now = now
        self._show = show
        self._work = WorkMeter(now)
        self._asked: dict[str, float] = {}
        """When, by the name of each command that is not answered yet."""

    @contextmanager
    def until_answered(self, command: str) -> Iterator[None]:
        self._asked[command] = self._now()
        try:
            yield
        finally:
            self._asked.pop(command, None)

    def look(self) -> None:
        view = self._feed.newest
        pid = view.started.pid if view.started is not None else 0
        if not self._run.live or pid <= 0:  # a run that is read from disk, or of which no process is known
            self._show(())
            return
        now = self._now()
        since_news = now - self._feed.newest_at
        waiting = [name for name, asked_at in self._asked.items() if now - asked_at >= _ANSWER_S]
        if view.state == "training" and (waiting or since_news >= _SLOW_S + _held_s(view)):
            facts = step_facts(view, since_news, waiting)
        elif waiting:  # a run that stands does at once what was asked
            facts = [f"{_WORDS.get(waiting[0], waiting[0])}: {duration(now - self._asked[waiting[0]])} so far"]
        else:
            facts = []
        work = self._work.read(pid) if facts else ""
        self._show([*facts, work] if work else facts)


def step_facts(view: RunView, since_news: float, asked: Sequence[str]) -> list[str]:
    """What matters most first."""
    is_last = 0 < view.steps <= view.step
    present = "the end" if is_last else f"step {view.step + 1}"
    coming = " and ".join(dict.fromkeys(_WORDS.get(name, name) for name in asked))
    return [f"{present}: {duration(since_news)} so far", *([f"{coming} after it"] if coming else [])]


def _held_s(view: RunView) -> float:
    """Seconds that a step waits for because the speed is limited."""
    return 1 / view.speed_limit if math.isfinite(view.speed_limit) else 0.0
