"""Every metric is complete: what its entry promises, rows, readers and curves keep."""

import math

import pytest

from tinygpt_tui.engine.diagnostics.diagnosis import row_of
from tinygpt_tui.engine.events import Event, StepFinished
from tinygpt_tui.engine.finished_steps import FinishedSteps
from tinygpt_tui.engine.metrics import EACH_STEP, METRICS, Metric
from tinygpt_tui.engine.readers.log import MAPPABLE
from tinygpt_tui.engine.readers.names import meaning
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.tui.view.curves import Curves
from tinygpt_tui.tui.view.training_clock import TrainingClock

from .texts import small_config, small_corpus

STEP = next(event for event in Trainer(small_config(), small_corpus()).advance() if isinstance(event, StepFinished))

each_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
each_step = pytest.mark.parametrize("name", EACH_STEP)


def test_all_that_a_step_measures_is_a_metric() -> None:
    assert set(EACH_STEP) == set(StepFinished.__struct_fields__) - set(Event.__struct_fields__) - {"step", "others"}


def test_a_trainer_measures_every_one() -> None:
    assert row_of(STEP).values.keys() == set(EACH_STEP)


@each_step
def test_a_row_of_the_diagnosis_has_what_the_step_measured(name: str) -> None:
    assert row_of(STEP).values[name] == getattr(STEP, name)


def test_what_was_not_measured_is_missing_from_a_row() -> None:
    plain = StepFinished(step=1, loss=1.0, lr=1.0, tokens=1, tokens_per_s=1.0, grad_norm=1.0, clipped=False)
    assert row_of(plain).values.keys() == {name for name in EACH_STEP if getattr(plain, name) is not None}
    assert len(row_of(plain).values) < len(EACH_STEP)


@each_step
def test_a_curve_has_a_column_for_it(name: str) -> None:
    curves = Curves.empty().after(FinishedSteps.of([STEP]), TrainingClock())
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
