"""Presets keep their promises: today's share of the matrix here, all of it with `make presets`."""

import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.events import Fix, LayersMeasured, StepFinished
from tinygpt_tui.engine.lesson import Claim, Expectation, Lesson, LessonFix
from tinygpt_tui.engine.measured import MeasuredRun
from tinygpt_tui.engine.presets import find_preset, preset_files

from .matrix.promises import (
    DAYS,
    FIRST_CAUSES,
    Case,
    Raised,
    Trial,
    broken,
    broken_by_fix,
    cases,
    gained,
    misjudged,
    share,
    unhealthy,
)
from .matrix.table import promises
from .matrix.trials import judge

TABLE = (Path(__file__).parents[1] / "presets" / "README.md").read_text()
RECORD = MeasuredRun(columns={"step": np.arange(1.0, 101.0), "loss": np.linspace(5.0, 3.0, 100)})
LESSON = Lesson(expected=(Expectation(kind="stall", by=100),), allowed=("spike",))
FIX = LessonFix(title="x", changes={"training.steps": 5}, then="y", gone=("stall",), better_by=0.5, speedup=2.0)
TRIAL = Trial(raised=(Raised(kind="stall", step=90),), val_loss=3.0, record=RECORD, seconds=10.0)
FIXED = Trial(raised=(), val_loss=2.4, record=RECORD, seconds=4.0)


@pytest.mark.parametrize("id", sorted(preset_files()))
def test_the_table_of_presets_has_what_each_lesson_promises(id: str) -> None:
    """Whoever changes a promise runs `make presets`."""
    (row,) = [line for line in TABLE.splitlines() if line.startswith(f"| `{id}`")]
    assert [each for each in promises(find_preset(id)[1].lesson) if each not in row] == []


def test_todays_share_of_the_presets_keeps_every_promise() -> None:
    today = share(cases(preset_files()), date.today())
    baseline = [] if any(case.id == "baseline" for case in today) else [Case(id="baseline", seed=0)]
    verdicts = list(judge([*baseline, *today]))
    assert verdicts
    assert [(verdict.case, verdict.broken) for verdict in verdicts if verdict.broken] == []


@given(st.dates(max_value=date(9999, 1, 1)))
def test_the_daily_shares_are_the_whole_matrix_in_the_end(first: date) -> None:
    everything = cases(preset_files())
    tried = [case for number in range(DAYS) for case in share(everything, first + timedelta(days=number))]
    assert sorted(tried, key=repr) == sorted(everything, key=repr)


def test_a_run_that_keeps_its_promises_breaks_none() -> None:
    assert broken(LESSON, TRIAL) == []
    assert broken(LESSON, replace(TRIAL, raised=(*TRIAL.raised, Raised(kind="spike", step=3)))) == []
    assert broken_by_fix(LESSON, FIX, TRIAL, FIXED) == []


def test_a_finding_that_comes_late_or_not_at_all_is_a_broken_promise() -> None:
    assert broken(LESSON, replace(TRIAL, raised=(Raised(kind="stall", step=101),))) == [
        "stall should be known by step 100 and was at step 101"
    ]
    assert "never" in broken(LESSON, replace(TRIAL, raised=()))[0]


def test_a_sentence_whose_check_fails_is_told() -> None:
    lesson = replace(LESSON, claims=(Claim(says="3", check="loss at end < 3.1"), Claim(says="4", check="loss < 2")))
    assert broken(lesson, TRIAL) == ["'4' is false: loss < 2 never held"]


def test_a_finding_that_nobody_announced_is_a_broken_promise() -> None:
    assert broken(LESSON, replace(TRIAL, raised=(*TRIAL.raised, Raised(kind="slow", step=3)))) == [
        "slow at step 3 is not expected"
    ]
    assert broken_by_fix(LESSON, FIX, TRIAL, replace(FIXED, raised=TRIAL.raised)) == [
        "stall at step 90 is not expected"
    ]


def test_every_finding_that_a_lesson_can_mend_has_a_known_first_cause() -> None:
    lessons = {id: find_preset(id)[1].lesson for id in preset_files()}
    assert {id for id, lesson in lessons.items() if lesson.expected} == FIRST_CAUSES.keys()


def test_the_first_remedy_is_one_of_the_lessons_fixes_and_the_first_cause_the_fault() -> None:
    lesson = replace(LESSON, fixes=(FIX,))

    def complaints(*causes: str, **fix: Any) -> int:
        raised = Raised(kind="stall", step=90, causes=causes, fixes=(Fix(**fix),))
        trial = replace(TRIAL, raised=(raised,))
        return 10 * len(broken(lesson, trial)) + len(misjudged("schedule-ended", lesson, trial))

    assert complaints("the schedule has ended: 0 is left", title="X: in words", changes={}) == 0
    assert complaints("the schedule has ended", title="stop", changes={"training.steps": 7}) == 0
    assert complaints("the schedule has ended", title="triple the lr", changes={"schedule.lr": 3.0}) == 10
    assert complaints("learning rate too high", "the schedule has ended", title="y", changes={}) == 11


def test_a_fix_that_brings_less_than_promised_is_told() -> None:
    kept, missed = (replace(FIX, check=f"loss at end < {limit}") for limit in (3.1, 2.9))
    assert broken_by_fix(LESSON, kept, TRIAL, FIXED) == []
    assert broken_by_fix(LESSON, missed, TRIAL, FIXED) == ["'y' is false: loss at end < 2.9 never held"]
    assert "val_loss is better by 0.100" in broken_by_fix(LESSON, FIX, TRIAL, replace(FIXED, val_loss=2.9))[0]
    assert "1.0 times as fast" in broken_by_fix(LESSON, FIX, TRIAL, replace(FIXED, seconds=10.0))[0]


def test_any_number_is_better_than_nan() -> None:
    lost = replace(TRIAL, val_loss=math.nan)
    assert gained(lost, TRIAL) == math.inf
    assert gained(TRIAL, lost) == gained(lost, lost) == -math.inf


def test_what_a_baseline_must_not_be_is_told() -> None:
    def told(norm: float = 1.0, **layers: Any) -> str:
        step = StepFinished(
            step=1, loss=2.0, lr=1e-3, tokens=1, tokens_per_s=1.0, grad_norm=norm, clipped=norm > 5,
            param_norm=1.0, update_ratio=1e-3,
        )  # fmt: skip
        usual = {"grad_norm": [1.0] * 4, "update_ratio": [1e-3] * 4, "max_attention_logit": 3.0, "log_z": 5.0}
        return " ".join(unhealthy([step, LayersMeasured(step=1, names=list("abcd"), **usual | layers)]))

    assert told() == ""
    assert "grad_norm" in told(11.0) and "clipped" in told(6.0)
    assert "logit" in told(max_attention_logit=60.0)
    assert "20" in told(grad_norm=[1.0, 1.0, 20.0, 1.0]) and told(grad_norm=[20.0, 1.0, 1.0, 0.01]) == ""
