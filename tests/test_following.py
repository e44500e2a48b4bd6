"""A log of another program as a run: columns read at once, read on as the file grows, and diagnosed meanwhile."""

import asyncio
import json
import math
import os
import random
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.arrivals import Arrival, LogRead, Noticed, StartedOver
from tinygpt_tui.engine.diagnostics.report import report_of
from tinygpt_tui.engine.events import FindingOpened, Pause, Refused
from tinygpt_tui.engine.following.followed_log import FollowedLog
from tinygpt_tui.engine.following.log_run import LogRun
from tinygpt_tui.engine.following.shown_run import ShownRun
from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.engine.readers.names import BESIDE
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.engine.readers.step_columns import StepColumns

from .screen_text import PATIENCE_S
from .store_files import event, events, simple

Rows = list[tuple[str, int, list[tuple[str, object]]]]


def same(value: float) -> object:
    return "NaN" if math.isnan(value) else value


def read_slowly(path: Path) -> Rows:
    log = open_log(path.name, path)
    rows = [(run, row.step, sorted((name, same(x)) for name, x in row.values.items())) for run, row in log.rows()]
    log.close()
    return sorted(rows, key=lambda row: row[0])


def known_rows(path: Path, handed: Iterable[tuple[str, StepColumns]]) -> Rows:
    """Of what a followed log has handed out, what `diagnose` would read."""
    names = tuple(open_log(path.name, path).columns)
    rows = [
        (run, row.step, sorted((name, same(value)) for name, value in row.values.items()))
        for run, columns in handed
        for row in columns.rows(names)
        if row.values.keys() - BESIDE
    ]
    return sorted(rows, key=lambda row: row[0])


class Reader:
    """What a followed log has handed out and not taken back."""

    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self.notices: list[str] = []
        self.columns: list[tuple[str, StepColumns]] = []
        self.log = FollowedLog(path.name, path, clock=lambda: self.now)

    def read(self) -> "Reader":
        self.now += 100  # whatever had to wait is due
        for run, arrival in self.log.read_on():
            match arrival:
                case StepColumns():
                    self.columns.append((run, arrival))
                case StartedOver():
                    self.notices += [arrival.why] if arrival.why else []
                    self.columns.clear()
                case Noticed():
                    self.notices.append(arrival.words)
                case _:
                    pass
        return self

    @property
    def steps(self) -> list[float]:
        return [step for _, columns in self.columns for step in columns.steps.tolist()]


CELLS = st.one_of(
    st.floats(0.01, 100).map(lambda x: f"{x:.6g}"),
    st.sampled_from(
        ["", "nan", "NaN", "inf", "-inf", "1e400", "word", '"1.5"', " 2 ", "1_000", "0x10", "12%", "1,5e3"]
    ),
)


@st.composite
def csv_texts(draw: Callable[..., object]) -> str:
    seed = draw(st.integers(0, 10**6))
    cells = draw(st.lists(CELLS, min_size=1, max_size=40))
    assert isinstance(seed, int)
    assert isinstance(cells, list)
    chance = random.Random(seed)
    delimiter = chance.choice([",", ",", "\t", ";"])
    lines = [delimiter.join(["step", "loss", "val_loss", "extra"])]
    step = 0
    for row in range(chance.randint(5, 120)):
        step = max(step + chance.choice([1, 1, 1, 1, 0, 5, -3]), 0) if row % 50 else 0
        plain = [f"{3 + chance.random():.4f}", f"{3 + chance.random():.4f}" if row % 10 == 0 else "", f"{row / 7:.5g}"]
        if chance.random() < 0.1:
            plain[chance.randrange(3)] = chance.choice(cells)
        lines.append(delimiter.join([str(step), *plain][: 4 if chance.random() < 0.97 else 3]))
        if chance.random() < 0.01:
            lines.append(delimiter.join(["step", "loss", "val_loss", "other"]))
    return "\n".join(lines) + "\n"


@settings(max_examples=25)
@given(text=csv_texts())
def test_columns_read_at_once_hold_what_the_rows_hold(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_text(text)
    try:
        rows = read_slowly(path)
    except ReadError as refusal:  # where most rows are torn
        with pytest.raises(ReadError, match=re.escape(str(refusal))):
            Reader(path).read()
        return
    reader = Reader(path).read().read()
    assert known_rows(path, reader.columns) == rows


@settings(max_examples=25)
@given(text=csv_texts(), cuts=st.lists(st.integers(1, 4000), max_size=6), as_objects=st.booleans())
def test_a_log_that_grows_in_any_pieces_is_the_log_read_whole(
    tmp_path_factory: pytest.TempPathFactory, text: str, cuts: list[int], as_objects: bool
) -> None:
    if as_objects:
        lines = [
            json.dumps({"step": step, "train_loss": 3 - step / 100, "layer": {"norm": step * 2.0}})
            + "\n"
            + (
                json.dumps({"step": step, "val_loss": float("nan") if step > 60 else 3.1}) + "\n"
                if step % 9 == 0
                else ""
            )
            for step in range(len(text) // 30 + 5)
        ]
        text = "".join(lines)
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_text("")
    reader = Reader(path).read()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(text)], strict=True):
        with path.open("a") as file:
            file.write(text[start:end])
        try:
            reader.read()
        except ReadError:  # a first line alone may be no log; nothing of it was handed out
            assert start == 0
            return
    assert known_rows(path, reader.read().columns) == read_slowly(path)


def write(path: Path, *lines: str, mode: str = "w") -> Path:
    with path.open(mode) as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def losses(first: int, last: int) -> list[str]:
    return [f"{step},{4 - step / 100}" for step in range(first, last)]


def test_only_what_is_new_is_read_of_a_log_that_grows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "step,loss", *losses(0, 50))
    reader = Reader(path).read()
    assert len(reader.columns) >= 1
    before = len(reader.columns)
    write(path, *losses(50, 53), mode="a")
    reader.read()
    assert sum(len(columns) for _, columns in reader.columns[before:]) == 3
    assert reader.steps == [*range(53)]


def test_a_row_counts_once_its_line_has_ended_or_nothing_follows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "step,loss", *losses(0, 30))
    reader = Reader(path).read()
    with path.open("a") as file:
        file.write("30,2.")
    assert reader.read().steps[-1] == 29
    with path.open("a") as file:
        file.write("75\n")
    assert reader.read().steps[-1] == 30
    assert reader.columns[-1][1].columns["loss"][-1] == 2.75
    with path.open("a") as file:
        file.write("31,2.5")
    assert reader.read().read().steps[-1] == 31


@pytest.mark.parametrize("how", ["truncated", "replaced", "rewritten"])
def test_a_log_that_became_another_is_read_anew_and_told(tmp_path: Path, how: str) -> None:
    path = write(tmp_path / "a.csv", "step,loss", *losses(0, 50))
    reader = Reader(path).read()
    if how == "replaced":
        path.rename(tmp_path / "old")
    write(path, "step,loss", *losses(100, 120 if how == "truncated" else 200))
    reader.read().read()
    assert reader.steps[0] == 100
    assert reader.notices == [
        f"a.csv was {'replaced' if how == 'replaced' else 'truncated'}; it is read from its beginning"
    ]


def test_a_log_that_is_gone_is_waited_for_and_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "step,loss", *losses(0, 50))
    reader = Reader(path).read()
    path.unlink()
    reader.read().read()
    assert reader.notices == ["a.csv is gone; waiting for it to come back"]
    assert reader.log.known.waiting == "is gone; waiting for it to come back"
    write(path, "step,loss", *losses(0, 50))
    reader.read()
    assert reader.log.known.waiting == ""
    path.unlink()
    path.mkdir()
    with pytest.raises(ReadError, match="replaced by something that is no file"):
        reader.read()


def test_a_column_that_appears_late_is_taken_for_what_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(json.dumps({"step": step, "loss": 3.0}) for step in range(30)))
    reader = Reader(path).read()
    write(path, *(json.dumps({"step": step, "eval_loss": 2.0, "gpu": 7}) for step in range(30, 40)), mode="a")
    reader.read()
    held = {name for _, columns in reader.columns for name in columns.columns}
    assert held == {"loss", "val_loss", "gpu"}


def test_event_files_are_read_again_when_they_grow_or_another_appears(tmp_path: Path) -> None:
    first = [event(step, simple("loss", 3.0), simple("gpu/use", 0.5), time=1e9 + step) for step in range(5)]
    (tmp_path / "events.out.tfevents.1").write_bytes(events(*first))
    reader = Reader(tmp_path).read()
    assert reader.steps == [0, 1, 2, 3, 4]
    (tmp_path / "events.out.tfevents.1").write_bytes(events(*first, event(5, simple("loss", 2.0), time=1e9 + 5)))
    assert sorted({*reader.read().steps}) == [0, 1, 2, 3, 4, 5]
    later = events(event(6, simple("loss", 1.0), time=1e9 + 6))
    (tmp_path / "events.out.tfevents.2").write_bytes(later)
    assert reader.read().steps[-1] == 6
    assert "gpu/use" in reader.columns[0][1].columns


async def arrivals_until(run: LogRun, is_enough: Callable[[list[Arrival]], bool]) -> list[Arrival]:
    seen: list[Arrival] = []
    await run.begin()
    async with asyncio.timeout(PATIENCE_S):
        async for batch in run.batches():
            seen += batch
            if is_enough(seen):
                break
    await run.close()
    return seen


def test_a_log_is_a_run_with_the_findings_that_diagnose_has(tmp_path: Path) -> None:
    chance = random.Random(0)
    lines = [f"{step},{3 + chance.gauss(0, 0.05) + (step - 150 if step > 150 else 0):.4f}" for step in range(1, 400)]
    path = write(tmp_path / "a.csv", "step,loss", *lines)

    def is_diagnosed(seen: list[Arrival]) -> bool:
        return any(isinstance(each, LogRead) and each.diagnosed == 399 for each in seen)

    async def read() -> tuple[list[Arrival], object]:
        run = LogRun("a.csv", path)
        return await arrivals_until(run, is_diagnosed), await run.send(Pause())

    seen, answer = asyncio.run(read())
    found = {each.kind for each in seen if isinstance(each, FindingOpened)}
    log = open_log("a.csv", path)
    assert found == {finding.kind for finding in report_of(row for _, row in log.rows()).findings}
    assert found
    assert isinstance(answer, Refused)
    last = [each for each in seen if isinstance(each, LogRead)][-1]
    assert any("grad_norm" in words for words in last.blind)


def test_the_latest_of_runs_that_follow_each_other_is_shown_unless_one_is_named(tmp_path: Path) -> None:
    runs = [f"{step},{4 - step / 50:.3f}" for _ in range(2) for step in range(100)]
    path = write(tmp_path / "a.csv", "step,loss", *runs)
    for wanted, rows in ((None, 100), ("", 100)):
        shown = ShownRun("a.csv", path, run=wanted)
        batches = [each for batch in shown.look() for each in batch]
        over = [place for place, each in enumerate(batches) if isinstance(each, StartedOver)]
        assert len(over) == (1 if wanted is None else 0)
        assert sum(len(each) for each in batches[(over or [0])[0] :] if isinstance(each, StepColumns)) == rows
        assert [each for each in batches if isinstance(each, LogRead)][-1].runs == ("", "2")
        shown.close()


def test_an_appended_row_arrives_within_half_a_second(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "step,loss", *losses(0, 100))
    os.utime(path, (time.time() - 1000, time.time() - 1000))

    async def appended() -> float:
        run = LogRun("a.csv", path)
        await run.begin()
        began, last = 0.0, 0.0
        async for batch in run.batches():
            last = max([last, *(each.steps[-1] for each in batch if isinstance(each, StepColumns))])
            if last == 99 and not began:
                began = time.monotonic()
                write(path, *losses(100, 101), mode="a")
            if last == 100:
                break
        waited = time.monotonic() - began
        await run.close()
        return waited

    assert asyncio.run(asyncio.wait_for(appended(), 20)) < 5  # half a second on a machine that does nothing else
