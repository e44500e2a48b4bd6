"""Every metric is complete: what its entry promises, rows, readers and curves keep."""

import math

import pytest

from tinygpt_tui.engine.diagnostics.diagnosis import row_of
from tinygpt_tui.engine.events import Event, StepFinished
from tinygpt_tui.engine.metrics import EACH_STEP, METRICS, Metric
from tinygpt_tui.engine.readers.log import MAPPABLE
from tinygpt_tui.engine.readers.names import meaning
from tinygpt_tui.tui.view.curves import Curves
from tinygpt_tui.tui.view.training_clock import TrainingClock

STEP = StepFinished(
    step=7,
    loss=2.5,
    lr=1e-3,
    tokens=1024,
    tokens_per_s=5000.0,
    grad_norm=0.8,
    clipped=True,
    grad_max=0.3,
    grad_min=-0.25,
    param_norm=20.0,
    update_ratio=2e-3,
)

each_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
each_step = pytest.mark.parametrize("name", EACH_STEP)


def test_all_that_a_step_measures_is_a_metric() -> None:
    assert set(EACH_STEP) == set(StepFinished.__struct_fields__) - set(Event.__struct_fields__) - {"step"}


@each_step
def test_a_row_of_the_diagnosis_has_what_the_step_measured(name: str) -> None:
    assert row_of(STEP).values[name] == getattr(STEP, name)


def test_what_was_not_measured_is_missing_from_a_row() -> None:
    plain = StepFinished(step=1, loss=1.0, lr=1.0, tokens=1, tokens_per_s=1.0, grad_norm=1.0, clipped=False)
    assert row_of(plain).values.keys() == set(EACH_STEP) - {"grad_max", "grad_min", "param_norm", "update_ratio"}


@each_step
def test_a_curve_has_a_column_for_it(name: str) -> None:
    curves = Curves.empty().after([STEP], TrainingClock())
    assert curves.at(name) == pytest.approx(float(getattr(STEP, name)))
    assert math.isnan(Curves.empty().at(name))


@each_metric
def test_readers_recognise_its_name_and_how_other_tools_spell_it(metric: Metric) -> None:
    for name in (metric.name, *metric.columns) if metric.columns else ():
        found = meaning(name)
        assert found is not None and found.canonical == metric.name, name
    assert (metric.name in MAPPABLE) == bool(metric.columns)


@each_metric
def test_it_has_a_title_for_people(metric: Metric) -> None:
    assert metric.title and metric.title == metric.title.strip()
    assert [other.title for other in METRICS.values()].count(metric.title) == 1
