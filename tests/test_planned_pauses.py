"""Pauses at what a lesson has to show: where its sentences come true, and nowhere else."""

import math
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.conditions import parse_condition
from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import Evaluated, Event, FindingOpened, PaceLesson, SettingsChanged, StepFinished
from tinygpt_tui.engine.hosting.planned_pauses import PlannedPauses
from tinygpt_tui.engine.hosting.running_measures import RunningMeasures
from tinygpt_tui.engine.lesson import Lesson, Watch
from tinygpt_tui.engine.measured import first_step
from tinygpt_tui.engine.toml_tables import ConfigError

from .matrix.trials import recorded

NUMBERS = st.one_of(st.integers(-8, 8).map(float), st.just(math.nan))
CONDITIONS = [
    "loss < -3",
    "mean loss < 1",
    "average loss >= 2",
    "max loss > 6",
    "min loss <= -6",
    "loss < 0.5 peak",
    "loss > 1.5 start",
    "loss at 5 = 2 +- 3",
    "val_loss < 0",
    "min val_loss < 0 and mean loss > 1",
    "finding spike and loss > 2",
    "step >= 20 and loss > 1",
    "scatter loss > 0.5",
]


def step(number: int, loss: float) -> StepFinished:
    return StepFinished(step=number, loss=loss, lr=1e-3)


def events(losses: Sequence[float]) -> list[Event]:
    """With an evaluation in every fourth step, and a spike at step 9."""
    found: list[Event] = []
    for number, loss in enumerate(losses, 1):
        found.append(step(number, loss))
        if number % 4 == 0:
            found.append(Evaluated(step=number, val_loss=loss - 1))
        if number == 9:
            found.append(FindingOpened(id=1, step=9, onset=8, kind="spike", severity="warning", evidence="7 after 3"))
    return found


def pauses(lesson: Lesson, run: Iterable[Event], paced: bool = True) -> list[tuple[int, str]]:
    planned, found, last = PlannedPauses(lesson), list[tuple[int, str]](), 0
    planned.follow(PaceLesson(watch_points=paced))
    run = list(run)
    for place, event in enumerate(run, 1):
        planned.observe([event])
        last = event.step if isinstance(event, StepFinished) else last
        if place == len(run) or isinstance(run[place], StepFinished):
            pause = planned.after_step(last)
            found += [(pause.step, pause.reason)] if pause else []
    return found


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.sampled_from(CONDITIONS))
def test_a_run_comes_to_a_sentence_at_the_step_that_its_record_has_for_it(losses: list[float], text: str) -> None:
    happened, condition = events(losses), parse_condition(text)
    measures, reached = RunningMeasures(), None
    for place, event in enumerate(happened, 1):
        measures.observe(event)
        if place == len(happened) or isinstance(happened[place], StepFinished):
            measures.end_step()
            number = sum(isinstance(each, StepFinished) for each in happened[:place])
            reached = number if reached is None and measures.holds(condition) else reached
    assert reached == first_step(condition, recorded(happened))


def test_a_run_pauses_where_a_condition_first_holds_and_not_at_its_step_number() -> None:
    lesson = Lesson(watch=(Watch(step=2, when="loss < 3", what="low"), Watch(when="loss > 50", what="never")))
    losses = [5.0, 4.0, 3.5, 2.0, 3.5, 2.0]
    assert pauses(lesson, events(losses)) == [(4, "low")]
    assert pauses(lesson, events(losses), paced=False) == []


def test_a_sentence_with_a_step_only_and_those_of_evaluations_and_findings_are_paused_at() -> None:
    watch = (
        Watch(step=2, what="second"),
        Watch(when="val_loss < 5", what="evaluated"),
        Watch(when="finding spike", what="spike"),
    )
    assert pauses(Lesson(watch=watch), events([5.0] * 12)) == [(2, "second"), (4, "evaluated"), (9, "spike")]


def test_a_resumed_run_does_not_pause_at_what_it_has_seen_before() -> None:
    watch = (Watch(when="loss < 6", what="before"), Watch(when="loss < 3", what="now"))
    run = [step(101, 5.0), step(102, 5.0), step(103, 2.0)]
    assert pauses(Lesson(watch=watch), run) == [(103, "now")]


def test_after_a_change_nothing_is_paused_at() -> None:
    change = SettingsChanged(step=1, summary="lr halved", settings=LiveSettings.from_config(RunConfig()))
    assert pauses(Lesson(watch=(Watch(when="loss < 3", what="low"),)), [step(1, 5.0), change, step(2, 2.0)]) == []


def test_steps_that_are_gathered_are_looked_at_one_by_one() -> None:
    planned = PlannedPauses(Lesson(watch=(Watch(when="loss < 3", what="low"),)))
    planned.follow(PaceLesson(watch_points=True))
    planned.observe(events([5.0, 2.0, 5.0]))
    pause = planned.after_step(3)
    assert pause is not None and (pause.step, pause.at) == (2, "watch")


def test_a_sentence_cannot_wait_for_the_end_of_a_run() -> None:
    with pytest.raises(ConfigError, match="must not wait for the end"):
        Watch(when="val_loss at end < 3", what="x")
