"""Presets keep their promises: today's share of the matrix here, all of it with `make presets`."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.lesson import Claim, Expectation, Lesson, LessonFix
from tinygpt_tui.engine.measured import Record
from tinygpt_tui.engine.presets import preset_files

from .matrix.promises import DAYS, Raised, Trial, broken, broken_by_fix, cases, gained, share
from .matrix.trials import judge

RECORD = Record(columns={"step": np.arange(1.0, 101.0), "loss": np.linspace(5.0, 3.0, 100)})
LESSON = Lesson(expected=(Expectation(kind="stall", by=100),), allowed=("spike",))
FIX = LessonFix(title="x", changes={"training.steps": 5}, then="y", gone=("stall",), better_by=0.5, speedup=2.0)
TRIAL = Trial(raised=(Raised(kind="stall", step=90),), val_loss=3.0, record=RECORD, seconds=10.0)
FIXED = Trial(raised=(), val_loss=2.4, record=RECORD, seconds=4.0)


def test_todays_share_of_the_presets_keeps_every_promise() -> None:
    verdicts = list(judge(share(cases(preset_files()), date.today())))
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


def test_a_fix_that_brings_less_than_promised_is_told() -> None:
    assert "val_loss is better by 0.100" in broken_by_fix(LESSON, FIX, TRIAL, replace(FIXED, val_loss=2.9))[0]
    assert "1.0 times as fast" in broken_by_fix(LESSON, FIX, TRIAL, replace(FIXED, seconds=10.0))[0]


def test_any_number_is_better_than_nan() -> None:
    lost = replace(TRIAL, val_loss=math.nan)
    assert gained(lost, TRIAL) == math.inf
    assert gained(TRIAL, lost) == gained(lost, lost) == -math.inf
