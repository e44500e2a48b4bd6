"""Every schedule against its formula, its bounds and its corners."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ConfigError, LiveSettings, RunConfig
from tinygpt_tui.engine.events import ChangeSettings
from tinygpt_tui.engine.live_changes import changed
from tinygpt_tui.engine.schedule import SCHEDULES, ScheduleConfig, planned_curve, planned_lr, scheduled_lr
from tinygpt_tui.tui.run.change_fields import change_fields

from .texts import small_config

schedules = st.builds(
    ScheduleConfig,
    kind=st.sampled_from([*SCHEDULES]),
    lr=st.floats(1e-3, 1.0),
    min_lr=st.floats(0, 1e-3),
    warmup_steps=st.integers(0, 50),
    decay_start=st.floats(0, 1),
    period=st.integers(1, 300),
    factor=st.floats(0, 1),
    growth=st.floats(1, 4),
)


@given(schedules, st.integers(1, 2000), st.data())
def test_a_rate_stays_between_its_bounds(schedule: ScheduleConfig, steps: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, steps))
    assert schedule.min_lr * (1 - 1e-9) <= scheduled_lr(schedule, step, steps) <= schedule.lr * (1 + 1e-9)


@given(schedules, st.integers(60, 2000))
def test_warm_up_climbs_in_a_line_to_the_peak(schedule: ScheduleConfig, steps: int) -> None:
    rates = [scheduled_lr(schedule, step, steps) for step in range(1, schedule.warmup_steps + 1)]
    climbs = [later - earlier for earlier, later in pairwise(rates)]
    assert climbs == pytest.approx([(schedule.lr - schedule.min_lr) / max(schedule.warmup_steps, 1)] * len(climbs))
    if schedule.kind != "three-phase" or schedule.decay_start > 0.9:
        assert scheduled_lr(schedule, schedule.warmup_steps + 1, steps) == pytest.approx(schedule.lr)


@pytest.mark.parametrize("kind", ["three-phase", "cosine", "linear"])
@given(schedules, st.integers(60, 2000))
def test_a_decay_never_rises_and_ends_at_the_bottom(kind: str, schedule: ScheduleConfig, steps: int) -> None:
    schedule = replace(schedule, kind=kind)
    rates = [scheduled_lr(schedule, step, steps) for step in range(schedule.warmup_steps + 1, steps + 1)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(rates))
    if schedule.decay_start < 1 or kind != "three-phase":
        assert rates[-1] == pytest.approx(schedule.min_lr)


def test_the_three_phases_are_those_of_the_tutorial() -> None:
    schedule = ScheduleConfig()
    assert scheduled_lr(schedule, 1, 1000) == pytest.approx(1e-4)
    assert scheduled_lr(schedule, 11, 1000) == pytest.approx(1e-3)
    assert scheduled_lr(schedule, 800, 1000) == pytest.approx(1e-3)
    assert scheduled_lr(schedule, 900, 1000) == pytest.approx(0.5 * (1e-3 + 1e-4))
    assert scheduled_lr(schedule, 1000, 1000) == pytest.approx(1e-4)


def test_step_drops_by_its_factor() -> None:
    schedule = ScheduleConfig(kind="step", lr=1.0, min_lr=0.0, warmup_steps=0, period=10, factor=0.1)
    assert [scheduled_lr(schedule, step, 30) for step in (1, 10, 11, 21)] == pytest.approx([1, 1, 0.1, 0.01])


def test_the_triangle_touches_both_ends_in_every_cycle() -> None:
    schedule = ScheduleConfig(kind="triangular", lr=1.0, min_lr=0.2, warmup_steps=0, period=10)
    assert [scheduled_lr(schedule, step, 99) for step in (1, 6, 11, 16)] == pytest.approx([1.0, 0.2, 1.0, 0.2])


@given(st.integers(1, 50), st.floats(1.0, 3.0))
def test_a_restart_goes_back_to_the_peak(period: int, growth: float) -> None:
    schedule = ScheduleConfig(kind="restarts", lr=1.0, min_lr=0.0, warmup_steps=0, period=period, growth=growth)
    restart, length = 0.0, float(period)
    for _ in range(4):
        first_step_of_period = math.ceil(restart - 1e-9) + 1
        late = (first_step_of_period - 1 - restart) / length
        expected = 0.5 * (1 + math.cos(math.pi * max(late, 0.0)))
        assert scheduled_lr(schedule, first_step_of_period, 10**9) == pytest.approx(expected, abs=1e-6)
        restart, length = restart + length, length * growth


@given(st.integers(1, 64), st.integers(1, 8))
def test_linear_scaling_grows_with_the_batch(batch: int, accumulation: int) -> None:
    settings = replace(LiveSettings.from_config(small_config()), batch=batch, accumulation=accumulation)
    scaled = replace(settings, schedule=ScheduleConfig(batch_scaling="linear", base_batch=4))
    plain = replace(settings, schedule=ScheduleConfig(base_batch=4))
    assert planned_lr(scaled, 50, 100) == pytest.approx(planned_lr(plain, 50, 100) * batch * accumulation / 4)


@given(st.floats(1e-3, 1.0), st.floats(0, 1e-3), st.integers(2, 2000))
def test_a_line_ends_exactly_at_the_least_rate(lr: float, min_lr: float, steps: int) -> None:
    schedule = ScheduleConfig(kind="linear", lr=lr, min_lr=min_lr, warmup_steps=0)
    assert scheduled_lr(schedule, steps, steps) == min_lr


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_kind_is_complete(kind: str) -> None:
    config = RunConfig().with_values({"schedule.kind": kind, "training.steps": "900"})
    settings, steps = LiveSettings.from_config(config), config.training.steps
    curve = planned_curve(settings, steps, steps)
    assert len(curve) == steps
    assert all(config.schedule.min_lr * (1 - 1e-9) <= lr <= config.schedule.lr * (1 + 1e-9) for lr in curve)
    form = {field.name for field in change_fields(settings, curve[0])}
    assert set(SCHEDULES[kind].reads) <= form
    assert changed(settings, ChangeSettings(schedule={"kind": kind}), step=1, steps=steps) == settings


def _another(value: float) -> float:
    """A value that its field allows too."""
    return value // 2 if isinstance(value, int) else 0.7 * value


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_kind_reads_the_fields_that_it_names_and_no_others(kind: str) -> None:
    schedule = ScheduleConfig(kind=kind)
    names = {name for schedule in SCHEDULES.values() for name in schedule.reads}
    others = {name: _another(getattr(schedule, name)) for name in names}

    def curve(schedule: ScheduleConfig) -> list[float]:
        return [scheduled_lr(schedule, step, 900) for step in range(schedule.warmup_steps + 1, 901)]

    read = {name for name, value in others.items() if curve(replace(schedule, **{name: value})) != curve(schedule)}
    assert read == set(SCHEDULES[kind].reads)


def test_a_kind_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"schedule\.kind = 'sawtooth' should be 'three-phase' or .*'restarts'"):
        RunConfig().with_values({"schedule.kind": "sawtooth"})
