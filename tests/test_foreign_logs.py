"""Foreign logs are made the same each time, their labels are sound, and what is written is read back."""

import json
import math
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from tinygpt_tui.engine.finding_kinds import FindingKind
from tinygpt_tui.engine.readers.log import open_log

from .bench.foreign.evidence import bears_out
from .bench.foreign.formats import FORMATS, Format
from .bench.foreign.labelled_logs import CASES, run_of, write_logs
from .bench.foreign.snippets import SNIPPETS
from .bench.foreign.trained_run import LogRow, TrainedRun

QUICK = ("frozen_network", "preferences_overfit", "regression_diverges", "pasted_frozen")
"""Cases that are trained in a second."""
NOT_READ = {"baselines_blocks", "espnet", "fairseq", "fastai", "notebook_table"}
"""Formats that are not read, or not to the same numbers."""


def epochs() -> TrainedRun:
    rows: list[LogRow] = []
    for epoch in range(1, 13):
        loss = 2.0 * math.exp(-epoch / 5) + 0.25
        rows.append({"step": 40 * epoch, "epoch": epoch, "loss": loss, "val_loss": loss + 0.125, "val_acc": 0.75})
    return TrainedRun(rows=rows, by_epoch=True)


def steps() -> TrainedRun:
    rows: list[LogRow] = [
        {"step": 5 * i, "loss": 3.0 * math.exp(-i / 20) + 0.5, "lr": 1e-3, "grad_norm": 1.25} for i in range(1, 41)
    ]
    return TrainedRun(rows=rows)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    def written(name: str, seed: int) -> dict[str, bytes]:
        list(write_logs(tmp_path / name, QUICK, [seed]))
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    first = written("first", 1)
    run_of.cache_clear()
    assert written("again", 1) == first
    assert not set(written("other", 2).values()) & set(first.values())


def test_labels_name_files_that_exist_kinds_that_exist_and_rows_that_exist(tmp_path: Path) -> None:
    list(write_logs(tmp_path, QUICK, [1]))
    labels = json.loads((tmp_path / "labels.json").read_text())
    assert [label["case"] for label in labels] == list(QUICK)
    for label in labels:
        assert (tmp_path / label["file"]).stat().st_size and label["why"]
        kinds = {kind for group in label["must"] for kind in group} | set(label["may"])
        assert kinds <= set(get_args(FindingKind))
        assert label["onset"] is None or 0 < label["onset"] <= label["steps"]


def test_a_planted_fault_that_does_not_show_is_no_label() -> None:
    healthy = epochs()
    assert bears_out(healthy)
    assert not bears_out(TrainedRun(rows=healthy.rows, must=(("overfitting",),), by_epoch=True))
    risen = [{**row, "val_loss": 0.5 + 0.1 * row["epoch"]} for row in healthy.rows]
    assert bears_out(TrainedRun(rows=risen, must=(("overfitting",),), by_epoch=True))
    assert not bears_out(TrainedRun(rows=risen, by_epoch=True))


def test_every_snippet_is_of_a_task_and_every_case_has_a_name_of_its_own() -> None:
    assert {snippet.task for snippet in SNIPPETS.values()} <= set(CASES) - set(SNIPPETS)
    assert len(set(CASES)) == len(CASES)


@pytest.mark.parametrize("run", [epochs(), steps()], ids=["epochs", "steps"])
@pytest.mark.parametrize("written", [f for f in FORMATS if f.name not in NOT_READ], ids=lambda f: f.name)
def test_what_is_written_is_read_back(written: Format, run: TrainedRun, tmp_path: Path) -> None:
    if not written.fits(run):
        pytest.skip("such a run is not written so")
    for turn in range(4):
        path = tmp_path / f"{turn}.{written.suffix}"
        path.write_text(written.write(run, Random(turn)), encoding="utf-8")
        rows = [row for _, row in open_log(path.name, path).rows()]
        for name in ("loss", "val_loss"):
            read = [value for row in rows if (value := row.values.get(name)) is not None]
            assert read == pytest.approx([row[name] for row in run.rows if name in row], rel=2e-4)
