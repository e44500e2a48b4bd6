"""A resume that lost something shows by its jump; a clean one, and what only looks like one, shows nothing."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.diagnostics.report import Finding, report_of
from tinygpt_tui.engine.diagnostics.row import Row

seeds = st.integers(0, 10_000)
few = settings(max_examples=20, deadline=None)


def loss_at(step: int, draw: Random, noise: float = 0.03) -> float:
    return 2 + 3 * math.exp(-step / 150) + draw.gauss(0, noise)


def resumed(seed: int, *, back: int, jump: float, healing: float = 15, lr: float | None = None) -> list[Row]:
    """To step 400, then from a checkpoint `back` steps before it to step 800."""
    draw = Random(seed)
    before = [Row(step, {"loss": loss_at(step, draw), "lr": 1e-3}) for step in range(1, 401)]
    first = 401 - back
    after = [
        Row(step, {"loss": loss_at(step, draw) + jump * math.exp(-(step - first) / healing), "lr": lr or 1e-3})
        for step in range(first, 801)
    ]
    return before + after


def alarms(rows: list[Row]) -> list[Finding]:
    return [finding for finding in report_of(rows).findings if finding.severity != "info"]


@few
@given(seeds, st.integers(2, 60), st.floats(0.4, 1.5), st.integers(5, 40))
def test_a_jump_where_the_steps_go_back_is_a_seam_and_no_spike(seed: int, back: int, jump: float, healing: int) -> None:
    found = alarms(resumed(seed, back=back, jump=jump, healing=healing))
    assert [(finding.kind, finding.onset) for finding in found] == [("seam", 401 - back)]


@few
@given(seeds, st.integers(0, 399))
def test_a_clean_resume_is_no_seam_however_far_back_it_goes(seed: int, back: int) -> None:
    assert "seam" not in [finding.kind for finding in alarms(resumed(seed, back=back, jump=0))]


@few
@given(seeds)
def test_the_same_jump_without_a_resume_is_a_spike(seed: int) -> None:
    assert [finding.kind for finding in alarms(resumed(seed, back=0, jump=1.5))] == ["spike"]


def test_a_jump_that_heals_closes_the_finding() -> None:
    (found,) = alarms(resumed(1, back=50, jump=1))
    assert found.closed is not None
    assert "back since step" in found.evidence


def test_a_schedule_that_began_anew_is_named_first() -> None:
    (found,) = alarms(resumed(1, back=50, jump=1, lr=5e-3))
    assert "schedule" in found.causes[0]
    assert "0.001, and 0.005" in found.causes[0]


def warmed_up_again(jump: float, *, climbs: bool) -> list[Row]:
    draw = Random(1)
    rows = []
    for step in range(1, 601):
        since = step - 300
        lr = 1e-3 if since < 0 else min(1e-5 + climbs * 1e-5 * since, 1e-3)
        rows.append(
            Row(step, {"loss": loss_at(step, draw) + (jump * math.exp(-since / 20) if since >= 0 else 0), "lr": lr})
        )
    return rows


def test_a_warm_up_in_the_middle_of_a_run_with_a_jump_is_a_seam() -> None:
    (found,) = (finding for finding in alarms(warmed_up_again(0.2, climbs=True)) if finding.kind == "seam")
    assert found.onset == 300


@pytest.mark.parametrize(("jump", "climbs"), [(0.0, True), (0.2, False)])
def test_a_second_warm_up_without_a_jump_or_a_step_of_a_decay_is_none(jump: float, climbs: bool) -> None:
    assert "seam" not in [finding.kind for finding in alarms(warmed_up_again(jump, climbs=climbs))]


@few
@given(seeds, st.integers(100, 380))
def test_a_clean_resume_far_back_is_no_alarm_although_the_loss_is_that_of_then(seed: int, back: int) -> None:
    assert alarms(resumed(seed, back=back, jump=0)) == []
