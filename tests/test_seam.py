"""A resume that lost something shows by its jump; a clean one, and what only looks like one, shows nothing."""

import math
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.diagnostics.report import Finding, report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.tui.cli.diagnose import diagnose_log

from .store_files import event, events, simple

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


def decayed(seed: int, *, to: float, jump: float) -> list[Row]:
    """The lr falls in a line to this share of its peak by step 300, and leaps back to the peak in one row."""
    draw = Random(seed)
    rows = []
    for step in range(1, 601):
        since = step - 300
        lr = 1e-3 * (1 - (1 - to) * (step if since < 0 else since) / 300)
        loss = loss_at(step, draw) + (jump * math.exp(-since / 30) if since >= 0 else 0)
        rows.append(Row(step, {"loss": loss, "lr": lr}))
    return rows


@few
@given(seeds, st.floats(0.2, 0.9), st.floats(0.5, 1.5))
def test_an_lr_that_leaps_back_to_its_peak_with_a_jump_is_a_seam(seed: int, to: float, jump: float) -> None:
    (found,) = alarms(decayed(seed, to=to, jump=jump))
    assert (found.kind, found.onset) == ("seam", 300) and "schedule" in found.causes[0]


@few
@given(seeds)
def test_a_planned_restart_with_a_bump_and_a_leap_without_one_are_none(seed: int) -> None:
    assert alarms(decayed(seed, to=0.02, jump=0.4)) == []
    assert alarms(decayed(seed, to=0.5, jump=0)) == []


def parts(jump: float) -> list[tuple[int, float]]:
    """Steps and losses; at step 200 the run goes on from where it was."""
    draw = Random(1)
    return [(s, loss_at(s, draw) + (s >= 200) * jump * math.exp((200 - s) / 25)) for s in range(1, 400)]


def two_headers(jump: float) -> str:
    return "".join(("step,loss\n" if s in (1, 200) else "") + f"{s},{loss}\n" for s, loss in parts(jump))


def pause_in_a_table(jump: float) -> str:
    lines = [f"{s},{loss},{1.7e9 + s + 3600 * (s >= 200)}\n" for s, loss in parts(jump)]
    return "".join(["step,loss,timestamp\n", *lines])


@pytest.mark.parametrize("log", [two_headers, pause_in_a_table])
def test_a_jump_where_another_part_of_a_table_begins_or_after_a_pause_is_a_seam(
    log: Callable[[float], str], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(log(1.0))
    (found,) = alarms_of(path)
    assert (found.kind, found.onset) == ("seam", 200)
    path.write_text(log(0.0))
    assert alarms_of(path) == []


def test_a_jump_where_the_next_event_file_of_a_run_begins_is_a_seam(tmp_path: Path) -> None:
    for place, (first, end) in enumerate(((1, 200), (200, 400))):
        scalars = [event(s, simple("train/loss", loss), time=1e9 + s) for s, loss in parts(1.0) if first <= s < end]
        (tmp_path / f"events.out.tfevents.{place}.host").write_bytes(events(*scalars))
    (found,) = alarms_of(tmp_path)
    assert (found.kind, found.onset) == ("seam", 200) and "another file begins" in found.evidence


def alarms_of(path: Path) -> list[Finding]:
    diagnosis = diagnose_log(str(path), path.parent, {})
    return [found for run in diagnosis.runs.values() for found in run.report.findings if found.severity != "info"]
