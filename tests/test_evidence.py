"""What a finding states in numbers is what the rows hold, at every moment, and it is published only now and then."""

import math
import random
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.diagnostics.diagnosis import UPDATE_ROWS, UPDATE_SHARE, Diagnosis
from tinygpt_tui.engine.diagnostics.report import Reporter
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.engine.events import FindingClosed, FindingEvent, FindingOpened, FindingUpdated

NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
STEPS = 600
SHAPES = ("fall", "flat", "rise", "spike", "swing", "nan", "creep", "faint", "overfit")
logs = st.builds(
    lambda seed, shapes: list(rows_of(seed, shapes)),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.sampled_from(SHAPES), st.integers(15, 150)), min_size=2, max_size=6),
)


def rows_of(seed: int, shapes: list[tuple[str, int]]) -> Iterator[Row]:
    chance, level, val_loss, step = random.Random(seed), 5.5, 5.6, 0
    for shape, length in shapes:
        for place in range(length):
            step += 1
            change = {"fall": -0.01, "rise": 0.05, "creep": -0.001, "overfit": -0.004}.get(shape, 0.0)
            level = max(level + change, 0.1)
            loss = level + chance.gauss(0, 0.02)
            if shape == "spike" and place < 3:
                loss += 9
            if shape == "swing":
                loss += math.sin(place / 4)
            norm = chance.lognormvariate(0, 0.2) * {"faint": 1e-9, "spike": 50.0 if place < 4 else 1.0}.get(shape, 1.0)
            values = {"loss": math.nan if shape == "nan" else loss, "grad_norm": norm, "lr": 1e-3}
            if step % 10 == 0:
                val_loss += 0.05 if shape == "overfit" else change * 10
                values["val_loss"] = val_loss + chance.gauss(0, 0.01)
            yield Row(step, values)


def require_true(evidence: str, rows: list[Row], step: int) -> None:
    """Every number with a step is that step's; a best one is the best by then; a forecast lies ahead."""
    seen = {row.step: row.values for row in rows}
    for name, metric in (("(?<!val_)loss", "loss"), ("val_loss", "val_loss"), ("gradient norm", "grad_norm")):
        for value, at in re.findall(rf"{name} {NUMBER} at step (\d+)", evidence):
            assert float(value) == pytest.approx(seen[int(at)][metric], rel=0.006), evidence
    trains_from = min((when for when, values in seen.items() if math.isfinite(values["loss"])), default=step)
    for kind, value, at in re.findall(rf"best (of|val_loss,) {NUMBER} at step (\d+)", evidence):
        # overfitting compares with a training loss, which the first evaluations may not have
        first = trains_from if kind == "of" else 0
        best = min(values["val_loss"] for when, values in seen.items() if when >= first and "val_loss" in values)
        assert float(value) == pytest.approx(best, rel=0.006), evidence
        assert seen[int(at)]["val_loss"] == best
    for at in re.findall(r"at this rate it is \S+ at step (\d+)", evidence):
        assert int(at) > step
    assert all(int(at) <= step for at in re.findall(rf"{NUMBER} at step (\d+)", evidence.partition("at this rate")[0])
               for at in at[1:])  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(logs)
def test_the_evidence_never_contradicts_the_rows(rows: list[Row]) -> None:
    diagnosis = Diagnosis(facts=RunFacts(steps=STEPS, chance=math.log(259)))
    for place, row in enumerate(rows, start=1):
        published = [found.evidence for found in diagnosis.examine(row) if not isinstance(found, FindingClosed)]
        for evidence in (*published, *diagnosis.evidence_now.values()):
            require_true(evidence, rows[:place], row.step)


@settings(max_examples=20, deadline=None)
@given(logs)
def test_updates_are_few_and_the_report_has_the_last_one(rows: list[Row]) -> None:
    facts = RunFacts(steps=STEPS)
    diagnosis, reporter = Diagnosis(facts=facts), Reporter(facts)
    found: list[FindingEvent] = []
    for row in rows:
        found += diagnosis.examine(row)
        reporter.observe(row)
    opened = {each.id for each in found if isinstance(each, FindingOpened)}
    closed = {each.id for each in found if isinstance(each, FindingClosed)}
    for id in opened:
        steps = [each.step for each in found if isinstance(each, FindingUpdated) and each.id == id]
        running = steps[:-1] if id in closed else steps
        gaps = [after - before for before, after in pairwise(running)]
        assert all(gap >= max(UPDATE_ROWS, UPDATE_SHARE * at) for gap, at in zip(gaps, running, strict=False))
    reported = [each.evidence for each in reporter.found_so_far]
    last = {each.id: each.evidence for each in found if not isinstance(each, FindingClosed)}
    assert reported == [diagnosis.evidence_now.get(id, last[id]) for id in sorted(opened)]


def test_a_forecast_is_given_up_when_its_step_is_reached() -> None:
    diagnosis = Diagnosis(facts=RunFacts(steps=400, chance=math.log(259)))
    noise = random.Random(1)
    told = [
        found.evidence
        for step in range(1, 401)
        for found in diagnosis.examine(Row(step, {"loss": 5.55 - 0.0008 * step + noise.gauss(0, 0.002), "lr": 1e-3}))
        if isinstance(found, FindingOpened) and found.kind == "slow"
    ]
    (now,) = diagnosis.evidence_now.values()

    assert "at this rate it is 5.2" in told[0]
    assert now.startswith("loss 5.2") and "step 400 after 5.55" in now and "rate" not in now
