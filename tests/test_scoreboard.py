"""The scoreboard counts what it says it counts, on logs so small that a person can."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.diagnostics import confidence as measured_confidence
from tinygpt_tui.engine.diagnostics.confidence import MEASURED, confidence
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.finding_kinds import FindingKind

from .bench.marked import part, replaced
from .bench.scoreboard import foreign_logs
from .bench.scoreboard.case import Case
from .bench.scoreboard.cases import cases
from .bench.scoreboard.counting import Alarm, Kinds, Label, judge, tally, totals
from .bench.scoreboard.foreign_logs import JudgedLog, judged_logs, measured_foreign
from .bench.scoreboard.judging import BLIND, by_judge, judged
from .bench.scoreboard.published_rules import PUBLISHED
from .bench.scoreboard.recording import Recording, as_logged, recording
from .bench.scoreboard.rivals import RIVALS, Rival, write_csv
from .bench.scoreboard.rule import Rule, alarms
from .bench.scoreboard.table import markdown, measured, misjudged

ROOT = Path(__file__).parents[1]
README = ROOT / "engine" / "diagnostics" / "README.md"


def label(planted: FindingKind | None = None, *, may: Kinds = frozenset(), onset: int | None = None) -> Label:
    must: Kinds = frozenset({planted}) if planted else frozenset()
    return Label(planted=planted, must=must, may=must | may, onset=onset, steps=100)


def alarm(step: int, *kinds: FindingKind) -> Alarm:
    return Alarm(frozenset(kinds), step)


def test_an_alarm_on_a_healthy_run_is_wrong() -> None:
    verdict = judge(label(), [alarm(5, "spike")])
    assert verdict.wrong == (alarm(5, "spike"),) and not verdict.is_exact
    assert judge(label(), []).is_exact


def test_a_fault_is_found_by_its_own_kind_and_not_by_one_that_is_merely_allowed() -> None:
    stall = label("stall", may=frozenset({"slow"}), onset=10)
    assert not judge(stall, [alarm(20, "slow")]).is_found
    found = judge(stall, [alarm(15, "slow"), alarm(20, "stall")])
    assert found.is_exact and found.delay == 10


def test_an_alarm_before_the_fault_is_wrong_and_finds_nothing() -> None:
    verdict = judge(label("spike", onset=50), [alarm(20, "spike")])
    assert verdict.wrong and not verdict.is_found


def test_an_alarm_of_several_kinds_is_right_if_one_of_them_is() -> None:
    assert judge(label("nan"), [alarm(3, "spike", "nan")]).is_exact


def test_a_kind_is_counted_over_the_runs_that_had_it_and_the_alarms_that_named_it() -> None:
    verdicts = [
        judge(label("spike", onset=10), [alarm(12, "spike")]),
        judge(label("spike", onset=10), [alarm(30, "stall")]),
        judge(label("stall", onset=1), [alarm(9, "stall"), alarm(50, "spike")]),
        judge(label(), [alarm(7, "spike")]),
        judge(label(), []),
    ]
    spike = tally("spike", verdicts)
    assert (spike.faults, spike.found, spike.right) == (2, 1, 1)
    assert (spike.wrong_on_healthy, spike.wrong_on_faulty) == (1, 1)
    assert spike.precision == pytest.approx(1 / 3)
    assert (spike.delay, spike.delay_share) == (2, 0.02)
    every = totals(verdicts)
    assert (every.healthy, every.healthy_with_alarm, every.faulty, every.found) == (2, 1, 3, 2)
    assert (every.faulty_with_wrong, every.exact) == (2, 2)


def case(name: str) -> Case:
    return next(each for each in cases() if each.name == name)


def log(name: str, loss: Callable[[int], float], steps: int) -> Recording:
    rows = tuple(Row(step, {"loss": loss(step), "grad_norm": 1.0}) for step in range(1, steps + 1))
    return Recording(case=case(name), seed=1, rows=rows, parameters=1000)


def test_tiny_logs_go_through_the_same_counting_as_trained_ones(tmp_path: Path) -> None:
    """A healthy one, one whose loss is NaN from step 5 on, and one that should be and is not."""
    runs = [
        judged(log("60-steps", lambda step: 2 + 3.5 / step, 20), tmp_path),
        judged(log("nan-5", lambda step: 5.5 if step < 6 else math.nan, 20), tmp_path),
        judged(log("nan-90", lambda step: 2 + 3.5 / step, 20), tmp_path),
    ]
    verdicts = by_judge(runs)[BLIND]
    assert [verdict.is_found for verdict in verdicts] == [False, True, False]
    assert list(misjudged(runs, BLIND)) == ["nan-90/1: missed nan"]
    written = measured(verdicts, "2001-02-03", "a command")
    assert written["runs"] == 3 and written["date"] == "2001-02-03"
    assert written["kinds"] == {"nan": {"right": 1, "wrong": 0, "missed": 1}}
    table = markdown(by_judge(runs), [], BLIND, "2001-02-03", "a command")
    assert "| nan " in table and "50.0%" in table and "2001-02-03" in table
    assert all(who in table for who in PUBLISHED)
    assert all(rival.is_installed or f"| {rival.name}" in table for rival in RIVALS) and "seeds 61 to 62" in table


REPORTS = {
    "runmedic": [{"findings": [{"check": "non_finite", "severity": "critical"}, {"check": "x", "severity": "info"}]}],
    "losslint": {"findings": [{"check": "nan_inf", "severity": "error"}, {"check": "stagnation", "severity": "info"}]},
    "trainspotter": {"findings": [{"detector": "divergence", "severity": "error"}]},
}
"""As they print them of a run whose loss is NaN."""


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_a_rivals_report_becomes_alarms_and_a_log_that_it_cannot_read_none(
    rival: Rival, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report").write_text(json.dumps(REPORTS[rival.name]))
    command = tmp_path / rival.name
    command.write_text(f'#!/bin/sh\nfor log; do :; done\ngrep -q nan "$log" && cat {tmp_path}/report || echo unread\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    log = tmp_path / "log.csv"
    write_csv(rows(3, loss=lambda _: math.nan), log)
    assert log.read_text().split() == ["step,loss", "1,nan", "2,nan", "3,nan"]
    found = rival.alarms(log, 3, tmp_path)
    assert rival.is_installed and found and len(found) == 1 and "nan" in found[0].kinds and found[0].step == 3
    log.write_text("nothing")
    assert rival.alarms(log, 3, tmp_path) is None


def foreign_log(text: str, tmp_path: Path, *must: FindingKind) -> JudgedLog:
    label = {"file": "log.csv", "group": "pasted snippets", "must": [must] if must else [], "may": ["spike"]}
    made = {"label": {**label, "onset": 5, "steps": 8}, "text": text}
    (tmp_path / "foreign_case_1.json").write_text(json.dumps(made))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_logs, "CASES", ("case",))
        (judged_log,) = judged_logs(1, tmp_path)
    return judged_log


def test_foreign_logs_are_counted_by_what_they_are_and_by_their_length(tmp_path: Path) -> None:
    """One whose loss is NaN, the same labelled as something else, and one that nothing can read."""
    text = "step,loss\n" + "".join(f"{step},{3 - step / 9 if step < 6 else math.nan}\n" for step in range(9))
    logs = [foreign_log(text, tmp_path, "nan"), foreign_log(text, tmp_path), foreign_log("?", tmp_path, "stall")]
    assert [log.verdicts[BLIND].is_exact for log in logs] == [True, False, False]
    assert logs[0].verdicts[BLIND].delay == 1 and [BLIND in log.unread_by for log in logs] == [False, False, True]
    assert measured_foreign(logs, "2001-02-03", "a command")["few"] == {"nan": {"right": 1, "wrong": 1}}
    table = markdown(
        by_judge([judged(log("60-steps", lambda step: 2 + 3.5 / step, 20), tmp_path)]), logs, BLIND, "", ""
    )
    assert "| pasted snippets | tinygpt-tui, from the log alone | 1 of 3" in table


def rows(steps: int = 300, **curves: Callable[[int], float]) -> list[Row]:
    return [Row(step, {name: curve(step) for name, curve in curves.items()}) for step in range(1, steps + 1)]


PLANTED: dict[str, list[Row]] = {
    "gradient norm above 10": rows(grad_norm=lambda step: 11.0 if step == 40 else 1.0),
    "gradient norm below 1e-6": rows(grad_norm=lambda _: 1e-7),
    "loss is NaN": rows(loss=lambda step: math.nan if step > 40 else 1.0),
    "flat for 100 steps": rows(loss=lambda _: 2.0),
    "validation loss rises": rows(val_loss=lambda step: abs(step - 50)),
    "loss swings": rows(loss=lambda step: 4.0 + 0.4 * (-1) ** step),
    "LossNotDecreasing": rows(loss=lambda step: float(step)),
    "Overfit": rows(loss=lambda _: 1.0, val_loss=lambda _: 1.2),
    "Overtraining": rows(loss=lambda _: 1.0, val_loss=lambda _: 1.0),
    "VanishingGradient": rows(grad_norm=lambda _: 1e-9),
    "ExplodingTensor": rows(loss=lambda _: 1.0, grad_norm=lambda step: math.inf if step == 9 else 1.0),
    "KillLossSpike: spike": rows(loss=lambda step: 5.0 if step > 200 else 1.0),
    "KillLossSpike: high losses": rows(loss=lambda _: 11.0),
    "skipped step": rows(loss=lambda step: 2.0 + 0.1 * (-1) ** step + 3.0 * (step == 200)),
}
RULES: Sequence[Rule] = PUBLISHED["all of these together"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_published_rule_speaks_once_where_its_symptom_is_planted(rule: Rule) -> None:
    assert len(list(alarms([rule], PLANTED[rule.name], 1000))) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_published_rule_is_silent_on_a_smooth_run(rule: Rule) -> None:
    falling = rows(loss=lambda step: 1 + 4 / (1 + step / 40), val_loss=lambda step: 1 + 4 / (1 + step / 40))
    smooth = [Row(row.step, {**row.values, "grad_norm": 1 + 0.1 * (-1) ** row.step}) for row in falling]
    if rule.name != "Overtraining":  # which calls a gain of less than 0.1 none
        assert not list(alarms([rule], smooth, 1000))


def test_there_are_enough_cases_and_each_has_its_own_name_and_a_config() -> None:
    every = cases()
    assert len({each.name for each in every}) == len(every)
    assert sum(each.planted is None for each in every) >= 60
    assert sum(each.planted is not None for each in every) >= 60
    assert all(each.config(3).training.seed == 3 for each in every)


def test_a_log_leaves_out_what_its_case_says() -> None:
    run = rows(1000, loss=lambda step: float(step), lr=lambda _: 0.1, val_loss=lambda step: float(step))
    resumed = [row for row in as_logged(case("resumed-every-10"), run) if "loss" in row.values]
    steps = [row.step for row in resumed]
    assert steps.count(470) == 2 and steps.count(400) == 1 and set(steps) == set(range(10, 1001, 10))
    assert all(set(row.values) == {"loss"} for row in as_logged(case("only-loss"), run))
    assert [row.values["loss"] for row in as_logged(case("thousandths"), run)][:2] == [0.001, 0.002]


def test_a_run_is_trained_once_and_read_afterwards(tmp_path: Path) -> None:
    small = Case(name="small", settings={"training.steps": 8, "model.width": 8, "data.max_bytes": 4000})
    first = recording(small, 1, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    assert recording(small, 1, folder=tmp_path) == first
    assert [row.step for row in first.rows] == list(range(9)) and first.rows[0].values.keys() == {"val_loss"}
    path.write_text(json.dumps({"parameters": 1, "rows": []}))
    assert recording(small, 1, folder=tmp_path).rows == ()
    assert recording(small, 1, folder=tmp_path, again=True) == first
    assert recording(small, 2, folder=tmp_path).rows != first.rows


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    text = "a\n<!-- x -->\n{}\n<!-- end of x -->\nb"
    assert replaced(text.format("old"), "x", "new\n") == text.format("new")
    assert part(text.format("old"), "x") == "\nold\n"
    for lacking in ("no marks", "<!-- x --> and no end", "<!-- end of x -->"):
        with pytest.raises(ValueError, match="there must be"):
            replaced(lacking, "x", "new")


def test_the_readme_has_the_marks_and_the_figures_are_those_it_shows() -> None:
    table, figures = part(README.read_text(), "scoreboard"), json.loads(MEASURED.read_text())
    assert figures["date"] in table and f"`{figures['command']}`" in table
    for kind, counted in figures["kinds"].items():
        (line,) = [line for line in table.splitlines() if line[1:].partition("|")[0].strip() == kind]
        assert f" {counted['right'] / (counted['right'] + counted['wrong']):.1%} " in line


@given(right=st.integers(0, 500), wrong=st.integers(0, 500))
def test_confidence_grows_with_what_was_right_and_falls_with_what_was_wrong(right: int, wrong: int) -> None:
    def of(right: int, wrong: int) -> float:
        counted = MappingProxyType({"spike": {"right": right, "wrong": wrong}})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(measured_confidence, "_counts", lambda _: {"kinds": counted})
            value = confidence("spike")
        assert value is not None
        return value

    assert 0 < of(right, wrong) < 1
    assert of(right + 1, wrong) >= of(right, wrong) >= of(right, wrong + 1)


def test_a_kind_that_was_never_measured_has_no_confidence() -> None:
    assert confidence("initial_loss") is None
