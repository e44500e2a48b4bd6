"""A long log or a long past is read by a process of its own, and is the same run as if it were read here."""

import asyncio
import math
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace as struct_with

from tinygpt_tui.engine.arrivals import Arrival, LinesPrinted, LogRead, Noticed, StartedOver, described_log
from tinygpt_tui.engine.client.opening import open_stored
from tinygpt_tui.engine.client.run import ClientError, OpenedRun
from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    Evaluated,
    FindingClosed,
    FindingOpened,
    LayersMeasured,
    Pause,
    Refused,
    RunEnded,
    RunStarted,
    StepFinished,
    encode,
)
from tinygpt_tui.engine.finished_steps import FinishedSteps
from tinygpt_tui.engine.following.log_run import LogRun
from tinygpt_tui.engine.metrics import EACH_STEP
from tinygpt_tui.engine.readers.step_columns import StepColumns
from tinygpt_tui.engine.reading_apart import process
from tinygpt_tui.engine.reading_apart.codec import decode_batch, encode_batch
from tinygpt_tui.engine.reading_apart.past import past_in_columns
from tinygpt_tui.engine.reading_apart.process import ReadingProcess, reading_log, reading_past
from tinygpt_tui.engine.reading_apart.run import RunReadApart
from tinygpt_tui.engine.reading_apart.step_lines import steps_in
from tinygpt_tui.engine.storage.run_folder import EVENTS
from tinygpt_tui.tui.navigation import OpenLog, OpenRun
from tinygpt_tui.tui.open_run import open_run
from tinygpt_tui.tui.view.run_view import RunView

from .screen_text import PATIENCE_S
from .scripted_loop import new_run

NUMBERS = st.floats(width=64)
LOSSES = st.one_of(st.none(), NUMBERS)


@st.composite
def finished(draw: st.DrawFn, *, whole: bool = False) -> list[StepFinished]:
    """Steps that rise; with every metric where they are `whole`."""
    steps = draw(st.lists(st.integers(1, 50), min_size=1, max_size=8))
    values = NUMBERS if whole else LOSSES
    return [
        StepFinished(
            step=int(step),
            time=float(step),
            **{name: draw(values) for name in EACH_STEP if name not in ("clipped", "tokens")},  # pyright: ignore[reportArgumentType]
            clipped=draw(st.booleans()),
            tokens=256 * int(step),
            others=UNSET if whole else draw(st.one_of(st.just(UNSET), st.dictionaries(st.text(), NUMBERS))),
        )
        for step in np.cumsum(steps)
    ]


def lines_of(events: list[StepFinished] | list[AnyEvent]) -> bytes:
    return b"".join(encode(event) + b"\n" for event in events)


def same(ours: FinishedSteps, theirs: FinishedSteps) -> bool:
    numbers = np.array_equal(ours.numbers, theirs.numbers, equal_nan=True)
    return (
        numbers
        and [*ours.broken] == [*theirs.broken]
        and [*map(dict_of, ours.others)] == [*map(dict_of, theirs.others)]
    )


def dict_of(others: object) -> str:
    return repr(others)


@given(finished(whole=True))
def test_lines_of_steps_become_the_numbers_that_their_events_have(events: list[StepFinished]) -> None:
    found = steps_in(lines_of(events))
    assert found is not None
    assert same(found, FinishedSteps.of(events))


@given(finished())
def test_lines_that_lack_something_or_have_more_are_left_to_their_events(events: list[StepFinished]) -> None:
    found = steps_in(lines_of(events))
    assert found is None or same(found, FinishedSteps.of(events))
    is_whole = all(getattr(event, name) is not None for event in events for name in EACH_STEP)
    assert (found is not None) == (is_whole and all(event.others is UNSET for event in events))


@pytest.mark.parametrize(
    "line",
    [b'{"event":"step","step":1.5,"loss":1}', b'{"event":"ended","step":1}', b"[1]", b'{"event":"step"', b"\xff", b""],
)
def test_what_is_no_step_is_left_to_the_events(line: bytes) -> None:
    whole = lines_of([StepFinished(step=2, **dict.fromkeys(EACH_STEP, 1), time=1.0)])  # pyright: ignore[reportArgumentType]
    assert steps_in(whole) is not None
    assert steps_in(line + b"\n") is None
    assert not line or steps_in(whole + line + b"\n") is None


@given(finished(), st.floats(allow_nan=True), st.text())
def test_a_batch_is_the_same_on_the_other_side(events: list[StepFinished], number: float, words: str) -> None:
    columns = StepColumns(
        steps=np.array([1.0, 2.0]),
        columns={"loss": np.array([number, np.nan]), "odd\x1b": np.array([1.0, 2.0])},
        nans={"loss": np.array([1])},
        resumed={1: 3.5},
    )
    read = LogRead(format="csv", columns={"loss": "l"}, notes=("a", "b"), steps=5, runs=("",), rows=2, is_over=True)
    batch: list[Arrival] = [
        described_log("a.csv", None),
        FinishedSteps.of(events),
        *events,
        columns,
        read,
        StartedOver(why=words),
        Noticed(words=words),
        LinesPrinted(lines=(words, "x")),
        FindingClosed(id=1, step=2),
    ]
    data = encode_batch(batch)
    there = decode_batch(data)
    assert [type(each) for each in there] == [type(each) for each in batch]
    assert encode_batch(there) == data
    assert there[-5:] == batch[-5:]
    taken = next(each for each in there if isinstance(each, StepColumns))
    assert np.array_equal(taken.columns["loss"], columns.columns["loss"], equal_nan=True)
    assert (taken.resumed, [*taken.nans["loss"]]) == (columns.resumed, [1])
    assert isinstance(there[1], FinishedSteps) and same(there[1], FinishedSteps.of(events))


def started(step: int = 0) -> RunStarted:
    return RunStarted(step=step, steps=900, time=1.0, settings=LiveSettings.from_config(RunConfig()))


def step(number: int, loss: float | None = 3.0, **more: object) -> StepFinished:
    return StepFinished(
        step=number,
        time=float(number),
        loss=loss,
        lr=0.1,
        tokens=number * 256,
        tokens_per_s=10.0,
        grad_norm=1.0,
        clipped=number % 2 == 0,
        grad_max=0.5,
        grad_min=0.1,
        param_norm=20.0,
        update_ratio=1e-3,
        **more,  # pyright: ignore[reportArgumentType]
    )


def layers(number: int) -> LayersMeasured:
    return LayersMeasured(
        step=number, names=["a"], grad_norm=[1.0], update_ratio=[0.1], max_attention_logit=1.0, log_z=2.0
    )


PASTS: dict[str, list[AnyEvent]] = {
    "steps alone": [
        started(),
        *(step(place, 3 - place / 900) for place in range(1, 901)),
        RunEnded(step=900, reason="finished"),
    ],
    "layers and evaluations in between": [
        started(),
        *(
            event
            for place in range(1, 901)
            for event in [
                step(place),
                *([layers(place), Evaluated(step=place, val_loss=3.0)] if place % 10 == 0 else []),
            ]
        ),
        RunEnded(step=900, reason="finished"),
    ],
    "not a number, and numbers of others": [
        started(),
        *(step(place, math.nan if place == 70 else None if place == 71 else 2.0) for place in range(1, 100)),
        *(step(place, others={"gpu": float(place)}) for place in range(100, 200)),
    ],
    "resumed at an earlier step": [
        started(),
        *map(step, range(1, 300)),
        Evaluated(step=299, val_loss=9.0),
        started(100),
        *map(step, range(101, 400)),
        RunEnded(step=399, reason="stopped"),
    ],
    "steps that come again": [started(), *map(step, range(1, 60)), layers(59), *map(step, range(40, 80)), layers(79)],
    "its beginning": [started()],
}


def stored(tmp_path: Path, events: list[AnyEvent], damage: bytes = b"") -> Path:
    run = new_run(tmp_path, steps=900)
    numbered = [struct_with(event, seq=seq) for seq, event in enumerate(events)]
    (run / EVENTS).write_bytes(lines_of(numbered[:50]) + damage + lines_of(numbered[50:]))
    return run


def facts(view: RunView) -> object:
    """What a screen shows of it."""
    names = view.curves.rows.names
    rows = {name: np.nan_to_num(view.curves[name], nan=-1.0).tolist() for name in names}
    tables = [view.evaluations["step"].tolist(), view.nan_steps["step"].tolist()]
    return rows, tables, view.state, view.state_detail, view.findings, view.layers.kept, view.end


async def view_here(run: OpenedRun) -> RunView:
    view = RunView.of(run.config)
    async for batch in run.batches():
        view = view.after_all(batch)
    return view


@pytest.mark.parametrize("damage", [b"", b"no event\n", b'{"event":"step"}\r\n\n', b"x" * (1 << 21) + b"\n"])
@pytest.mark.parametrize("past", PASTS)
def test_a_past_in_columns_is_the_same_past(past: str, damage: bytes, tmp_path: Path) -> None:
    run = stored(tmp_path, PASTS[past], damage)
    here = asyncio.run(view_here(open_stored(run)))
    view = RunView.of(here.config)
    for batch in past_in_columns(run):
        view = view.after_all(batch)
    assert facts(view) == facts(here)


@pytest.fixture
def every_log_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LONG", 1)


async def arrivals_until(run: RunReadApart, is_enough: Callable[[list[Arrival]], bool]) -> list[Arrival]:
    """Everything until there is enough of it; the run is closed then."""
    seen: list[Arrival] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            await run.begin()
            async for batch in run.batches():
                seen += batch
                if is_enough(seen):
                    break
    finally:
        await run.close()
    return seen


def rows_of(seen: list[Arrival]) -> list[float]:
    return [step for each in seen if isinstance(each, StepColumns) for step in each.steps.tolist()]


def log_in(tmp_path: Path, rows: int = 399) -> Path:
    path = tmp_path / "a.csv"
    lines = (f"{step},{3 + (step - 150 if step > 150 else 0):.4f}" for step in range(1, rows + 1))
    path.write_text("\n".join(["step,loss", *lines, ""]))
    os.utime(path, (1e9, 1e9))
    return path


def log_run(path: Path, here: Callable[[], Awaitable[OpenedRun]], run: str | None = None) -> RunReadApart:
    reading = reading_log(path, path.name, run, {"loss": "loss"})
    assert reading is not None
    return RunReadApart(reading, here, described=described_log(path.name, run))


def is_diagnosed(seen: list[Arrival]) -> bool:
    return any(isinstance(each, LogRead) and each.diagnosed == 399 for each in seen)


async def not_here() -> OpenedRun:
    raise AssertionError("it was to be read apart")


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_log_comes_with_its_findings_and_takes_no_commands(tmp_path: Path) -> None:
    run = log_run(log_in(tmp_path), not_here)
    seen = await arrivals_until(
        run, lambda seen: any(isinstance(each, LogRead) and each.diagnosed == 399 for each in seen)
    )
    assert rows_of(seen) == [float(step) for step in range(1, 400)]
    assert any(isinstance(each, FindingOpened) and each.kind == "divergence" for each in seen)
    assert isinstance(await run.send(Pause()), Refused)
    assert (run.live, run.path) == (False, None)


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_log_that_grows_is_read_on(tmp_path: Path) -> None:
    path = log_in(tmp_path)

    def grown(seen: list[Arrival]) -> bool:
        if rows_of(seen)[-1:] == [399.0]:
            with path.open("a") as log:
                log.write("400,2.5\n")
        return rows_of(seen)[-1:] == [400.0]

    await arrivals_until(log_run(path, not_here), grown)


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_log_that_cannot_be_read_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    os.utime(path, (1e9, 1e9))
    run = log_run(path, not_here)
    with pytest.raises(ClientError, match="zip archive"):
        await run.begin()
    await gone(run)


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_run_that_the_log_does_not_hold_is_named(tmp_path: Path) -> None:
    run = log_run(log_in(tmp_path), not_here, run="nosuch")
    seen = await arrivals_until(run, lambda seen: isinstance(seen[-1], LogRead) and seen[-1].is_over)
    assert any(isinstance(each, Noticed) and "holds no run 'nosuch'" in each.words for each in seen)


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_log_that_cannot_be_read_any_more_is_looked_at_until_it_is_left(tmp_path: Path) -> None:
    path = log_in(tmp_path)
    run = log_run(path, not_here)
    await run.begin()
    is_over, batches = False, run.batches()

    async def follow() -> None:
        nonlocal is_over
        async for batch in batches:
            for each in batch:
                is_over |= isinstance(each, LogRead) and each.is_over

    following = asyncio.create_task(follow())
    path.unlink()
    path.mkdir()
    async with asyncio.timeout(PATIENCE_S):
        while not is_over:
            await asyncio.sleep(0.01)
        assert not following.done()
        await run.close()
        await following


def pid_of(run: RunReadApart) -> int:
    return run._reading._process.pid  # pyright: ignore[reportPrivateUsage]


async def gone(run: RunReadApart) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(pid_of(run), 0)


@pytest.mark.usefixtures("every_log_is_long")
async def test_should_its_process_be_killed_a_log_is_read_here(tmp_path: Path) -> None:
    path = log_in(tmp_path)

    async def here() -> LogRun:
        run = LogRun("a.csv", path)
        await run.begin()
        return run

    run, is_killed = log_run(path, here), False

    def read_again(seen: list[Arrival]) -> bool:
        nonlocal is_killed
        if rows_of(seen) and not is_killed:
            is_killed = True
            os.kill(pid_of(run), signal.SIGKILL)
        over = [place for place, each in enumerate(seen) if isinstance(each, StartedOver)]
        return bool(over) and rows_of(seen[over[0] :])[-1:] == [399.0]

    seen = await arrivals_until(run, read_again)
    assert any(isinstance(each, StartedOver) and "read again" in each.why for each in seen)


def past_run(path: Path) -> RunReadApart:
    here, reading = open_stored(path), reading_past(path)
    assert reading is not None

    async def read_here() -> OpenedRun:
        return here

    return RunReadApart(reading, read_here, path=path, config=here.config)


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_process_that_is_killed_at_once_costs_nothing(tmp_path: Path) -> None:
    run = past_run(stored(tmp_path, PASTS["steps alone"]))
    os.kill(pid_of(run), signal.SIGKILL)
    seen = await arrivals_until(run, lambda seen: isinstance(seen[-1], RunEnded))
    assert any(isinstance(each, RunStarted) for each in seen)


@pytest.mark.usefixtures("every_log_is_long")
async def test_a_past_is_the_same_as_it_is_read_here(tmp_path: Path) -> None:
    path = stored(tmp_path, PASTS["layers and evaluations in between"])
    run = past_run(path)
    async with asyncio.timeout(PATIENCE_S):
        await run.begin()
        view = await view_here(run)
    await run.close()
    assert facts(view) == facts(await view_here(open_stored(path)))
    assert isinstance(await run.send(Pause()), Refused)
    await gone(run)


@pytest.mark.usefixtures("every_log_is_long")
async def test_who_waits_for_more_is_told_when_it_is_closed(tmp_path: Path) -> None:
    run = log_run(log_in(tmp_path), not_here)
    await run.begin()

    async def follow() -> None:
        async for _ in run.batches():
            pass

    waiting = asyncio.create_task(follow())
    await asyncio.sleep(0)
    await run.close()
    async with asyncio.timeout(PATIENCE_S):
        await waiting
    await gone(run)


@pytest.mark.usefixtures("every_log_is_long")
async def test_what_the_screen_opens_it_reads_apart_and_a_run_that_cannot_be_read_leaves_no_process(
    tmp_path: Path,
) -> None:
    path = stored(tmp_path, PASTS["steps alone"])
    for destination in (OpenRun(path), OpenLog(log_in(tmp_path), "a.csv")):
        run = await open_run(destination, tmp_path)
        assert isinstance(run, RunReadApart)
        await run.close()
        await gone(run)
    reading = reading_past(path)
    (path / "config.toml").write_text("nonsense")
    with pytest.raises(ClientError, match=r"config\.toml"):
        await open_run(OpenRun(path, reading), tmp_path)
    assert reading is not None and reading._process.poll() is not None  # pyright: ignore[reportPrivateUsage]


def test_a_log_is_followed_no_longer_than_somebody_is_there(tmp_path: Path) -> None:
    reading = ReadingProcess(("log", str(log_in(tmp_path)), "a.csv"))
    program = reading._process  # pyright: ignore[reportPrivateUsage]
    assert program.stdin is not None and program.stdout is not None
    program.stdin.close()
    while program.stdout.read(1 << 16):
        pass
    assert program.wait(PATIENCE_S) == 0
    program.stdout.close()


def test_what_is_short_is_read_here(tmp_path: Path) -> None:
    assert reading_log(log_in(tmp_path), "a.csv", None, {}) is None
    assert reading_log(tmp_path / "nosuch", "nosuch", None, {}) is None
    assert reading_past(stored(tmp_path, PASTS["steps alone"])) is None
