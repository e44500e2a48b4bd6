"""A diagnosis that recalls the past while the run goes on finds what one that knew it at once finds."""

from collections.abc import Iterator
from itertools import count

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis
from tinygpt_tui.engine.events import Event
from tinygpt_tui.engine.hosting.replayed_diagnosis import ReplayedDiagnosis

from .scripted_run import started, steps

CONFIG = RunConfig()
HEALTHY = [2.0 + 0.05 * (step % 3) for step in range(600)]
PAST: list[Event] = [started(CONFIG), *steps(CONFIG, HEALTHY)]
LATER: list[Event] = [*steps(CONFIG, [2.0, 2.1, 40.0, 2.0, *HEALTHY], first=601)]


def test_what_happens_meanwhile_is_diagnosed_after_the_past() -> None:
    known = Diagnosis(CONFIG)
    for event in PAST:
        known.observe(event)
    told = [word for event in LATER for word in known.observe(event)]
    seconds = count()

    recalling = ReplayedDiagnosis(Diagnosis(CONFIG), iter(PAST), clock=lambda: float(next(seconds)))
    answers = [recalling.observe(event) for event in LATER]

    assert told
    assert [word for answer in answers for word in answer] == told
    assert not any(answers[: len(PAST) - 10])  # each look at the clock is a second, so one of the past comes with each


def test_a_short_past_is_known_before_the_first_step() -> None:
    past: Iterator[Event] = iter(PAST)
    ReplayedDiagnosis(Diagnosis(CONFIG), past, clock=lambda: 0.0)
    assert next(past, None) is None
