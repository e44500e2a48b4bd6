"""What a live change makes of the settings."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import LiveSettings
from tinygpt_tui.engine.events import ChangeSettings
from tinygpt_tui.engine.live_changes import changed, difference
from tinygpt_tui.engine.schedule import ScheduleConfig, planned_lr

from .test_schedule import schedules
from .texts import small_config

START = LiveSettings.from_config(small_config())


@given(schedules, st.integers(1, 500), st.floats(1e-6, 10.0))
def test_a_typed_rate_is_the_rate_of_the_next_step(schedule: ScheduleConfig, step: int, lr: float) -> None:
    settings = LiveSettings(schedule=schedule, clip=1, weight_decay=0, dropout=0, batch=4, accumulation=1)
    planned = planned_lr(settings, step, 500)
    assume(planned == 0 or planned > 1e-9)
    after = changed(settings, ChangeSettings(lr=lr), step=step, steps=500)
    assert planned_lr(after, step, 500) == pytest.approx(lr)


def test_a_typed_rate_keeps_the_shape_of_the_schedule() -> None:
    after = changed(START, ChangeSettings(lr=5e-4), step=500, steps=1000)
    assert planned_lr(after, 1000, 1000) == pytest.approx(5e-5)


def test_half_of_half_is_a_quarter() -> None:
    once = changed(START, ChangeSettings(lr_times=0.5), step=50, steps=100)
    twice = changed(once, ChangeSettings(lr_times=0.5), step=51, steps=100)
    assert planned_lr(twice, 60, 100) == pytest.approx(planned_lr(START, 60, 100) / 4)


def test_a_new_schedule_forgets_the_old_scale() -> None:
    halved = changed(START, ChangeSettings(lr_times=0.5), step=50, steps=100)
    after = changed(halved, ChangeSettings(schedule={"kind": "constant", "lr": 0.01}), step=50, steps=100)
    assert planned_lr(after, 50, 100) == 0.01


def test_the_summary_names_what_changed_and_nothing_else() -> None:
    after = changed(START, ChangeSettings(lr_times=0.5, batch=8), step=50, steps=100)
    assert difference(START, after, step=50, steps=100) == "lr 0.001 -> 0.0005, batch 2 -> 8"
    assert difference(START, START, step=50, steps=100) == "nothing changed"


def test_a_change_of_the_schedule_tells_what_is_another_in_it() -> None:
    def told(**schedule: object) -> str:
        after = changed(START, ChangeSettings(schedule=schedule), step=50, steps=100)
        return difference(START, after, step=50, steps=100)

    assert told(lr=0.1) == "lr 0.001 -> 0.1"
    assert (
        told(kind="constant", warmup_steps=20)
        == "schedule.kind three-phase -> constant, schedule.warmup_steps 10 -> 20"
    )
    assert told(min_lr=1e-5) == "schedule.min_lr 0.0001 -> 1e-05"
