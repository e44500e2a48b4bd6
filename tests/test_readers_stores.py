"""What TensorBoard, W&B, MLflow and trackio store is read as any other log, whole, cut or damaged."""

import io
import json
import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store_files import WANDB_BLOCK, event, events, history, simple, tensor, wandb
from tinygpt_tui.engine.readers.block import NO_ROWS, block_of
from tinygpt_tui.engine.readers.crc32c import masked, plain_checksum
from tinygpt_tui.engine.readers.event_files import EventFiles
from tinygpt_tui.engine.readers.log import Log, open_log
from tinygpt_tui.engine.readers.points import joined
from tinygpt_tui.engine.readers.protobuf import messages
from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.engine.readers.wandb_file import _Histories, _row

GOLDEN = Path(__file__).parent / "golden"
LOSSES = [4.0, 3.5, 3.0, 2.5, 2.25, 2.0, 1.75, 1.5]


def opened(data: bytes) -> Log:
    return open_log("the.log", io.BytesIO(data))


def series(log: Log, name: str = "loss", run: str = "") -> list[tuple[int, float]]:
    return [(row.step, row.values[name]) for found, row in log.rows() if found == run and name in row.values]


def by_step(losses: Sequence[float] = LOSSES) -> list[tuple[int, float]]:
    return [(10 * place, loss) for place, loss in enumerate(losses)]


def event_file(losses: Sequence[float] = LOSSES, tag: str = "train/loss", *, time: float = 1e9) -> bytes:
    return events(*(event(step, simple(tag, loss), time=time + step) for step, loss in by_step(losses)))


def wandb_file(losses: Sequence[float] = LOSSES) -> bytes:
    return wandb(history({"train/loss": loss, "_step": step}) for step, loss in by_step(losses))


def random_rows(draw: random.Random) -> list[tuple[int, dict[str, float]]]:
    """With gaps, what is no finite number, and now and then a step that falls."""
    rows, step = list[tuple[int, dict[str, float]]](), 0
    for _ in range(60):
        step = step + draw.randint(0, 3) if draw.random() < 0.97 else draw.randint(0, step)
        values = {name: draw.choice([draw.random(), draw.random(), 1.0, math.nan, math.inf]) for name in ("lr", "acc")}
        values |= {name: draw.random() for name in ("loss", "val_loss") if draw.random() < 0.8}
        rows.append((step, values))
    return rows


def event_file_of(rows: Sequence[tuple[int, dict[str, float]]]) -> bytes:
    return events(*(event(step, simple(name, value)) for step, row in rows for name, value in row.items()))


def wandb_file_of(rows: Sequence[tuple[int, dict[str, float]]]) -> bytes:
    return wandb(history({**row, "_step": step}) for step, row in rows)


def test_the_checksum_is_that_of_the_standard() -> None:
    assert plain_checksum(b"123456789") == 0xE3069283
    assert masked(0) == 0xA282EAD8


@pytest.mark.parametrize("shape", ["simple", "float content", "double content", "float field", "double field"])
def test_scalars_of_event_files_are_read_in_every_shape(shape: str) -> None:
    def value(loss: float) -> bytes:
        if shape == "simple":
            return simple("loss", loss)
        return tensor("loss", loss, double="double" in shape, content="content" in shape)

    log = opened(events(*(event(step, value(loss)) for step, loss in by_step())))
    assert log.format == "TensorBoard event file"
    assert series(log) == by_step()


def test_values_of_one_step_in_several_events_are_one_row() -> None:
    pairs = [
        event(step, simple(tag, value))
        for step, loss in by_step()
        for tag, value in (("Loss/train", loss), ("Loss/val", loss + 1), ("lr", 0.5))
    ]
    rows = [dict(row.values) for _, row in opened(events(*pairs)).rows()]
    assert rows == [{"loss": loss, "val_loss": loss + 1, "lr": 0.5} for loss in LOSSES]


def test_nan_and_negative_steps_are_kept_and_pictures_passed_over() -> None:
    picture = event(5, b"".join([b"\x0a\x0a", b"\x0a\x03img", b"\x22\x03abc"]))
    log = opened(events(event(-1, simple("loss", 9.0)), picture, event(10, simple("loss", math.nan))))
    assert [math.isnan(loss) for _, loss in series(log)][-1] and not log.skipped


def test_a_damaged_frame_is_skipped_and_counted() -> None:
    frames = [event(step, simple("loss", loss)) for step, loss in by_step()]
    for damaged in (b"\xff" + frames[3][1:], frames[3][:12] + b"\x3b" + frames[3][13:]):
        log = opened(events(*frames[:3], damaged, *frames[4:]))
        assert series(log) == [point for point in by_step() if point[0] != 30]
        assert log.skipped == ("1 damaged record",)


@pytest.mark.parametrize("make", [event_file, wandb_file], ids=["TensorBoard", "W&B"])
def test_a_store_cut_at_any_byte_gives_the_rows_before_the_cut(make: Callable[[], bytes]) -> None:
    whole, seen = make(), 0
    for end in range(len(whole)):
        try:
            rows = series(opened(whole[:end]))
        except ReadError as error:
            assert "\n" not in str(error) and not seen
            continue
        assert rows == by_step()[: len(rows)] and len(rows) >= seen
        seen = len(rows)
    assert seen == len(LOSSES) - 1


@pytest.mark.parametrize("make", [event_file, wandb_file], ids=["TensorBoard", "W&B"])
def test_random_damage_gives_an_answer_or_one_line(make: Callable[[], bytes]) -> None:
    chance, whole = random.Random(7), make()
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            list(opened(bytes(data)).rows())
        except ReadError as error:
            assert "\n" not in str(error)


def test_several_event_files_of_one_folder_are_one_log_and_folders_are_runs(tmp_path: Path) -> None:
    files = {"a/events.out.tfevents.1.x": event_file(LOSSES[:4]), "b/events.out.tfevents.1.x": event_file(LOSSES[4:])}
    files["a/events.out.tfevents.2.x"] = events(
        *(event(step, simple("train/loss", loss), time=2e9 + step) for step, loss in by_step()[4:])
    )
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert series(open_log("a", tmp_path / "a")) == by_step()
    both = open_log("both", tmp_path)
    assert series(both, run="a") == by_step() and series(both, run="b") == by_step(LOSSES[4:])


@pytest.mark.parametrize("folders", [("train", "validation"), ("loss_train", "loss_val")])
def test_folders_of_training_and_validation_are_one_run(tmp_path: Path, folders: tuple[str, str]) -> None:
    for folder, more in zip(folders, (0, 1), strict=True):
        (tmp_path / folder).mkdir()
        losses = [loss + more for loss in LOSSES]
        (tmp_path / folder / "events.out.tfevents.1.x").write_bytes(event_file(losses, "epoch_loss"))
    log = open_log("both", tmp_path)
    assert [dict(row.values) for _, row in log.rows()] == [{"loss": x, "val_loss": x + 1} for x in LOSSES]


@pytest.mark.parametrize("nested", [False, True])
def test_a_wandb_file_is_read_over_the_borders_of_its_blocks(nested: bool) -> None:
    losses = [2.0 + 1 / (1 + place) for place in range(2000)]
    rows = [{"train/loss": loss, "_step": 10 * place, "note": "x" * 20} for place, loss in enumerate(losses)]
    rows[7]["note"] = "x" * (2 * WANDB_BLOCK)
    log = opened(wandb(history(row, nested=nested) for row in rows))
    assert log.format == "W&B run file" and not log.skipped
    assert series(log) == by_step(losses)


def test_nan_dictionaries_and_pictures_in_a_wandb_file() -> None:
    rows = [
        {"train": {"loss": loss}, "picture": {"_type": "image-file", "size": 3}, "_step": s} for s, loss in by_step()
    ]
    rows[-1]["train"] = {"loss": math.nan}
    log = opened(wandb(map(history, rows)))
    assert log.columns == {"loss": "train/loss"} and not log.ignored
    assert math.isnan(series(log)[-1][1])


def test_a_damaged_block_of_a_wandb_file_is_skipped_and_counted() -> None:
    data = bytearray(wandb_file([3.0] * 3000))
    data[WANDB_BLOCK + 500] ^= 0xFF
    log = opened(bytes(data))
    steps = [step for step, _ in series(log)]
    assert log.skipped and 1500 < len(steps) < 3000 and steps[-1] == 29_990


def mlflow_run(folder: Path, name: str, losses: Sequence[float]) -> None:
    for metric, more in (("loss", 0), ("val/loss", 1)):
        path = folder / "metrics" / metric
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{1_700_000_000_000 + step} {loss + more} {step}\n" for step, loss in by_step(losses)))
    (folder / "tags").mkdir()
    (folder / "tags" / "mlflow.runName").write_text(name)


def test_the_file_store_of_mlflow_is_read_at_every_level(tmp_path: Path) -> None:
    mlflow_run(tmp_path / "mlruns/0/abc", "first", LOSSES)
    for place in ("mlruns", "mlruns/0", "mlruns/0/abc"):
        log = open_log(place, tmp_path / place)
        assert (log.format, series(log)) == ("MLflow store", by_step())
        assert series(log, "val_loss") == by_step([loss + 1 for loss in LOSSES])
    metric = open_log("metrics/loss", tmp_path / "mlruns/0/abc/metrics/loss")
    assert (metric.format, dict(metric.columns), series(metric)) == ("MLflow metric", {"loss": "loss"}, by_step())
    mlflow_run(tmp_path / "mlruns/0/abd", "second", LOSSES[::-1])
    both = open_log("mlruns", tmp_path / "mlruns")
    assert (series(both, run="first"), series(both, run="second")) == (by_step(), by_step(LOSSES[::-1]))


def test_a_database_of_mlflow_is_read_from_a_file_and_from_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "a # b?.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table runs (run_uuid, name)")
        connection.execute("create table metrics (key, value, timestamp, run_uuid, step, is_nan)")
        for run, name in (("x", "same"), ("y", "same")):
            connection.execute("insert into runs values (?, ?)", (run, name))
            for step, loss in by_step():
                connection.execute("insert into metrics values ('loss', ?, ?, ?, ?, 0)", (loss, 1000 + step, run, step))
            connection.execute("insert into metrics values ('loss', 1.7976931348623157e308, 2000, ?, 80, 0)", (run,))
            connection.execute("insert into metrics values ('loss', 0, 2001, ?, 90, 1)", (run,))
    for log in (open_log("file", path), opened(path.read_bytes())):
        assert log.format == "MLflow database"
        for run in ("same", "same (2)"):
            *losses, infinite, nan = series(log, run=run)
            assert losses == by_step() and infinite == (80, math.inf) and nan[0] == 90 and math.isnan(nan[1])


@pytest.mark.parametrize("with_id", [False, True])
def test_a_database_of_trackio_is_read(tmp_path: Path, with_id: bool) -> None:
    path = tmp_path / "project.db"
    with sqlite3.connect(path) as connection:
        more = "run_id, " if with_id else ""
        connection.execute(f"create table metrics (id integer primary key, {more}timestamp, run_name, step, metrics)")
        for step, loss in by_step():
            text = json.dumps({"train": {"loss": loss}, "lr": "NaN"})
            cells = (*(["u"] if with_id else []), "2026", "first", step, text)
            connection.execute(f"insert into metrics values (null{', ?' * len(cells)})", cells)
    for origin in (path, tmp_path):
        log = open_log("p", origin)
        assert (log.format, series(log)) == ("trackio database", by_step())


def test_other_databases_and_damaged_ones_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table songs (title)")
    with pytest.raises(ReadError, match=r"is a database of neither MLflow nor trackio \(it has songs\)"):
        open_log("other.db", path)
    data = path.read_bytes()
    for bad in (data[:100], data[:16] + b"\xff" * 4000, data[: len(data) // 2]):
        with pytest.raises(ReadError) as refused:
            list(opened(bad).rows())
        assert "\n" not in str(refused.value)


def test_a_real_event_file_is_read() -> None:
    log = open_log("golden", next(GOLDEN.glob("events.out.tfevents.*")))
    expected = [math.nan if place == 37 else 3.0 / (1 + place / 10) for place in range(40)]
    assert [step for step, _ in series(log)] == [*range(0, 400, 10)] and not log.skipped
    assert [loss for _, loss in series(log)] == pytest.approx(expected, rel=1e-6, nan_ok=True)
    assert series(log, "val_loss") == [(step, 2.0) for step in range(0, 400, 100)]


def test_files_that_tensorboard_writes_today_are_read_back_equal(tmp_path: Path) -> None:
    writing = pytest.importorskip("tensorboardX")
    with writing.SummaryWriter(str(tmp_path)) as writer:
        for step, loss in by_step():
            writer.add_scalar("train/loss", loss, step)
    assert series(open_log("tb", tmp_path)) == by_step()


CELLS = st.one_of(st.floats(width=32), st.integers(-3, 3), st.just(math.nan))
TAGS = st.sampled_from(["train/loss", "val_loss", "lr", "\x15", "é", "x" * 120, "x" * 121, "a\nb"])


@given(st.lists(st.tuples(st.integers(-3, 1 << 40), TAGS, st.floats(width=32)), max_size=30), st.randoms())
def test_plain_scalars_are_those_that_the_whole_grammar_reads(
    points: list[tuple[int, str, float]], draw: random.Random
) -> None:
    written = [event(step, simple(tag, value), time=float(place)) for place, (step, tag, value) in enumerate(points)]
    data, cuts = events(*written), sorted(draw.sample(range(40), 3))
    pieces = [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]
    store = EventFiles({"": [("", lambda: iter([*filter(None, pieces)]))]})
    expected = [(float(place), *point) for place, point in enumerate(points)]
    assert repr([*store.records()]) == repr([*joined([expected])])


@given(st.lists(st.dictionaries(TAGS, st.one_of(CELLS, st.text(max_size=3)), max_size=4), max_size=4))
def test_histories_of_one_shape_are_read_as_any_other(rows: list[dict[str, float | str]]) -> None:
    rows = [row for row in rows for _ in range(3)]
    keys = dict[bytes, str]()
    records = [history(row)[2:] for row in rows]
    written = [part for record in records for part in messages(record, 2)]
    histories = _Histories()
    assert repr([histories.row(each) for each in written]) == repr([_row(each, keys) for each in written])


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), CELLS, max_size=5), max_size=8))
def test_cells_that_are_numbers_make_the_same_columns_as_any_cells(rows: list[dict[str, float]]) -> None:
    block, other = block_of(rows), block_of([*rows, {"text": "a"}])  # a text is no number
    for name in {**block.columns, **other.columns}:
        assert block.columns[name].tobytes() == other.columns[name][:-1].tobytes()
        assert block.nans.get(name, NO_ROWS).tolist() == other.nans.get(name, NO_ROWS).tolist()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("make", [event_file_of, wandb_file_of])
def test_a_store_gives_the_same_rows_as_columns_and_one_after_the_other(
    make: Callable[[Sequence[tuple[int, dict[str, float]]]], bytes], seed: int
) -> None:
    log = opened(make(random_rows(random.Random(seed))))
    assert log.plan.read_before is not None
    assert repr([*log.rows()]) == repr([*replace(log, _plan=replace(log.plan, read_before=None)).rows()])
