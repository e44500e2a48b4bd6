"""A report says the same whatever the unit and the way the rows came, and names what it could not see."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.diagnostics.report import Report, Reporter, report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32)
Curve = Callable[[int, random.Random], float]


def falling(step: int, chance: random.Random) -> float:
    return 2.0 + 8.0 * (1 + step / 30) ** -0.9 + chance.gauss(0, 0.1)


def spiking(step: int, chance: random.Random) -> float:
    return falling(step, chance) + (6.0 if 200 <= step < 204 else 0.0)


def diverging(step: int, chance: random.Random) -> float:
    return falling(step, chance) + (0.05 * (step - 200) if step > 200 else 0.0)


def ending(step: int, chance: random.Random) -> float:
    return falling(step, chance) if step < 300 else math.nan


def still(step: int, chance: random.Random) -> float:
    return 7.0 + chance.gauss(0, 0.01)


def creeping(step: int, chance: random.Random) -> float:
    return 7.0 - step / 500 + chance.gauss(0, 0.01)


PLANTED: dict[str, Curve] = {
    "nothing": falling,
    "spike": spiking,
    "divergence": diverging,
    "nan": ending,
    "stall": still,
    "slow": creeping,
}


def rows(curve: Curve, seed: int, *, unit: float = 1.0, every: int = 1) -> list[Row]:
    chance = random.Random(seed)
    return [
        Row(step * every, {"loss": unit * curve(step, chance), "lr": 1e-3, "grad_norm": 1.0}) for step in range(1, 401)
    ]


def alarms(report: Report) -> list[str]:
    return [finding.kind for finding in report.findings if finding.severity != "info"]


@few
@example(seed=3348, planted="slow", unit=1.0)
@given(seeds, st.sampled_from(sorted(PLANTED)), st.sampled_from([2.0**-20, 2.0**-3, 1.0, 2.0**10, 2.0**40]))
def test_what_is_planted_is_found_and_nothing_else_whatever_the_unit(seed: int, planted: str, unit: float) -> None:
    found = alarms(report_of(rows(PLANTED[planted], seed, unit=unit)))

    assert found == ([] if planted == "nothing" else [planted])


@few
@given(seeds, st.sampled_from(sorted(PLANTED)), st.sampled_from([10, 500]))
def test_the_logging_interval_moves_the_steps_and_nothing_else(seed: int, planted: str, every: int) -> None:
    each_step = report_of(rows(PLANTED[planted], seed))
    seldom = report_of(rows(PLANTED[planted], seed, every=every))

    assert alarms(seldom) == alarms(each_step)
    assert [f.detected for f in seldom.findings] == [every * f.detected for f in each_step.findings]


@few
@given(seeds, st.sampled_from(sorted(PLANTED)), st.lists(st.integers(0, 399), max_size=5))
def test_a_report_in_between_changes_nothing(seed: int, planted: str, asked: list[int]) -> None:
    log = rows(PLANTED[planted], seed)
    reporter = Reporter()
    for index, row in enumerate(log):
        reporter.observe(row)
        if index in asked:
            reporter.report()

    assert reporter.report() == report_of(log)


def test_silence_is_not_taken_for_health() -> None:
    report = report_of([Row(step, {"loss": 1.0 - step / 100}) for step in range(10)])

    assert report.signals == ("loss",)
    blind = "\n".join(report.blind)
    for kind in ("overfitting", "exploding_gradients", "vanishing_gradients", "stall", "throughput_drop"):
        assert kind in blind


def test_nothing_is_blind_where_everything_was_measured() -> None:
    values = {"loss": 1.0, "val_loss": 1.0, "lr": 1.0, "grad_norm": 1.0, "step_time": 1.0, "data_time": 0.1}

    assert report_of([Row(step, values) for step in range(100)]).blind == ()


def test_a_log_of_validation_losses_alone_is_judged_by_them() -> None:
    chance = random.Random(1)
    log = [Row(step, {"val_loss": diverging(step, chance)}) for step in range(1, 400)]

    report = report_of(log, signals=["val_loss"])

    assert alarms(report) == ["divergence"]
    assert "training loss" in report.blind[0]


def test_a_run_that_was_resumed_far_from_its_beginning_has_not_stalled() -> None:
    chance = random.Random(2)
    log = [Row(140_749 + step, {"loss": still(step, chance), "lr": 1e-3}) for step in range(400)]

    assert alarms(report_of(log)) == []


def test_rows_that_a_resume_repeats_are_no_event() -> None:
    log = rows(falling, 3)

    assert alarms(report_of([*log[:250], *log[200:]])) == []


@pytest.mark.parametrize("lr", [1e-6, 1e-3])
def test_a_warm_up_is_waited_for(lr: float) -> None:
    def warming(step: int) -> dict[str, float]:
        done = min(step / 200, 1.0)
        return {"loss": 7.0 - (0.05 * (step - 200) if step > 200 else 0.0), "lr": lr * done}

    assert alarms(report_of([Row(step, warming(step)) for step in range(1, 250)], RunFacts(steps=1000))) == []


def test_a_finding_carries_what_a_person_needs() -> None:
    (finding,) = [each for each in report_of(rows(spiking, 4)).findings if each.severity != "info"]

    assert (finding.onset, finding.title) == (200, "Loss spike")
    assert finding.detected - finding.onset <= 1
    assert finding.closed is not None
    assert finding.causes
    assert finding.fixes
    assert any(character.isdigit() for character in finding.evidence)
