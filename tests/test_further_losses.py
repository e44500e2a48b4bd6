"""Every loss of a log is judged: the parts of a sum, several tasks, several held-out sets."""

import json
import math
import random
from pathlib import Path

import pytest

from tinygpt_tui.tui.cli.diagnose import RunDiagnosis, diagnose_log


def _diagnosed(folder: Path, rows: list[dict[str, float]]) -> RunDiagnosis:
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run,) = diagnose_log(str(file), folder, {}).runs.values()
    return run


def _alarms(run: RunDiagnosis) -> dict[str, str]:
    return {found.kind: found.evidence for found in run.report.findings if found.severity != "info"}


def _falling(step: int, noise: random.Random) -> float:
    return 1 + 3 / (1 + step / 100) + noise.gauss(0, 0.03)


@pytest.mark.parametrize("seed", range(5))
def test_an_old_task_is_forgotten_in_a_second_held_out_set(tmp_path: Path, seed: int) -> None:
    noise = random.Random(seed)
    rows: list[dict[str, float]] = []
    for step in range(10, 2001, 10):
        rows.append({"step": step, "loss": _falling(step, noise)})
        if step % 100 == 0:
            new, old = _falling(step, noise), 2 + 1.3 * (1 - math.exp(-step / 500)) + noise.gauss(0, 0.02)
            rows.append({"step": step, "eval_new_loss": new, "eval_old_loss": old})
    found = _alarms(_diagnosed(tmp_path, rows))
    assert found.keys() == {"overfitting"}
    assert found["overfitting"].startswith("in eval_old_loss: ")


def test_an_evaluation_that_every_row_repeats_counts_once(tmp_path: Path) -> None:
    evaluations = [1.053, 0.902, 0.73, 0.653, 0.573, 0.499, 0.51, 0.485, 0.469, 0.449, 0.457]
    noise = random.Random(4)
    rows = [
        {"step": step, "loss": (0.3 + 1.1 * math.exp(-step / 26)) * noise.uniform(0.95, 1.05), "val_loss": val_loss}
        for place, val_loss in enumerate(evaluations)
        for step in range(11 * place, 11 * place + 11)
    ]
    assert not _alarms(_diagnosed(tmp_path, rows))


@pytest.mark.parametrize("seed", range(5))
def test_held_out_sets_that_fall_and_parts_that_trade_are_no_alarm(tmp_path: Path, seed: int) -> None:
    noise = random.Random(seed)
    rows = [
        {
            "step": step,
            "total_loss": _falling(step, noise),
            "loss_cls": _falling(step, noise) - 0.1 * step / 2000,
            "loss_box": 0.1 * step / 2000 + abs(noise.gauss(0, 0.01)),
        }
        for step in range(10, 2001, 10)
    ]
    assert not _alarms(_diagnosed(tmp_path, rows))


def test_a_nan_in_a_part_is_found_though_the_whole_leaves_it_out(tmp_path: Path) -> None:
    noise = random.Random(1)
    rows = [
        {
            "step": step,
            "total_loss": _falling(step, noise),
            "loss_cls": math.nan if step > 300 else 1.0,
            "loss_box": 0.5,
        }
        for step in range(10, 601, 10)
    ]
    run = _diagnosed(tmp_path, rows)
    assert _alarms(run).keys() == {"nan"}
    assert _alarms(run)["nan"].startswith("in loss_cls: ")
    assert run.report.rows == len(rows)
    assert "loss_cls" not in run.report.signals


def test_the_second_of_two_tasks_diverges(tmp_path: Path) -> None:
    noise = random.Random(1)
    rows = [
        {
            "step": step,
            "loss_ner": _falling(step, noise),
            "loss_parser": _falling(min(step, 1000), noise) + max(step - 1000, 0) / 50,
        }
        for step in range(10, 2001, 10)
    ]
    assert "divergence" in _alarms(_diagnosed(tmp_path, rows))
