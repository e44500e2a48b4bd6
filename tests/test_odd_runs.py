"""Runs whose events hold odd numbers, in odd orders and amounts: every view of them can be computed and drawn."""

import io
import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import msgspec
import pytest
from textual.geometry import Size

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    Evaluated,
    FindingOpened,
    Fix,
    LayersMeasured,
    ProtocolError,
    RunEnded,
    RunPaused,
    RunResumed,
    SpeedLimited,
    StepFinished,
    TimeSpent,
    decode_event,
    encode,
)
from tinygpt_tui.engine.storage.event_log import stored_events
from tinygpt_tui.engine.storage.run_folder import EVENTS
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.storage.run_summary import summarise
from tinygpt_tui.tui.cli.follow import narrator
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.home.disk import read_runs
from tinygpt_tui.tui.home.log_peek import log_summary
from tinygpt_tui.tui.home.rows import row
from tinygpt_tui.tui.home.run_preview import run_lines
from tinygpt_tui.tui.plots.draw import draw_figure
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.view import run_numbers
from tinygpt_tui.tui.view.figures import gradient_figure, loss_figure, lr_figure
from tinygpt_tui.tui.view.plot_titles import gradient_reading, loss_reading, lr_reading, place_reading
from tinygpt_tui.tui.view.run_view import RunView

from .scripted_run import started, steps

CONFIG = RunConfig()
LAST = 2**53
"""The largest whole number that an event may hold."""
HUGE = 1.7e308
YEAR_9999 = 253_402_300_799.0
START = started(CONFIG)


def step(number: int, **values: float) -> StepFinished:
    row = StepFinished(step=number, loss=1, lr=1e-3, tokens=number, tokens_per_s=1, grad_norm=1, clipped=False)
    return msgspec.structs.replace(row, **values)


ODD: dict[str, list[AnyEvent]] = {
    "nothing": [],
    "only an end": [RunEnded(step=0, reason="stopped", time=5)],
    "paused before the first step": [START, RunPaused(step=0, reason="as asked")],
    "the last steps there can be": [START, step(1), step(LAST - 1), step(LAST)],
    "tokens that fall": [START, step(1, tokens=LAST), step(2, tokens=0)],
    "huge numbers": [
        msgspec.structs.replace(START, steps=LAST, parameters=LAST, train_tokens=0, flops_per_token=HUGE),
        step(1, loss=HUGE, lr=HUGE, tokens_per_s=HUGE, grad_norm=HUGE, param_norm=-HUGE, grad_max=HUGE),
        step(2, loss=-HUGE, lr=-HUGE, tokens_per_s=-HUGE, grad_norm=-HUGE),
        Evaluated(step=LAST, val_loss=HUGE, perplexity=HUGE),
        Evaluated(step=0, val_loss=-HUGE, perplexity=0),
    ],
    "no numbers": [START, *(step(i, loss=math.nan, lr=math.inf, grad_norm=math.nan) for i in range(1, 40))],
    "a clock that runs backwards": [START, *(step(i, time=YEAR_9999 - 1e10 * i) for i in range(20))],
    "a clock that leaps": [
        START,
        step(1, time=YEAR_9999),
        RunPaused(step=2, reason="", time=YEAR_9999),
        RunResumed(step=2),
        step(3),
    ],
    "steps that go back": [START, step(5), step(4), step(9), msgspec.structs.replace(START, step=LAST), step(0)],
    "layers without values": [
        LayersMeasured(
            step=1, names=["a"], grad_norm=[1, 2], update_ratio=[], max_attention_logit=HUGE, log_z=HUGE
        ),
        LayersMeasured(step=1, names=[], grad_norm=[1], update_ratio=[HUGE], max_attention_logit=HUGE, log_z=HUGE),
    ],
    "speeds": [
        SpeedLimited(step=1, steps_per_s=math.nan),
        TimeSpent(step=1, steps=0, seconds={}),
        TimeSpent(step=1, steps=0, seconds={"training": HUGE}),
    ],
    "a finding from before the run": [
        FindingOpened(id=LAST, step=LAST, onset=-1, kind="x", severity="warning", evidence="", confidence=HUGE),
    ],
    "many starts": [msgspec.structs.replace(START, step=i % 3) for i in range(2000)],
}  # fmt: skip


@pytest.fixture
def odd_run(tmp_path: Path) -> Callable[[list[AnyEvent]], Path]:
    def written(events: list[AnyEvent]) -> Path:
        run = create(tmp_path, CONFIG, "odd", datetime.now(UTC))
        lines = [encode(msgspec.structs.replace(event, seq=seq)) + b"\n" for seq, event in enumerate(events)]
        (run / EVENTS).write_bytes(b"".join(lines))
        return run

    return written


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_run_is_listed_and_shown(odd: str, odd_run: Callable[[list[AnyEvent]], Path]) -> None:
    run = odd_run(ODD[odd])
    view = RunView.of(CONFIG)
    for batch in stored_events(run):
        narrator(9, io.StringIO(), as_json=False).show(batch)
        view = view.after_all(batch)

    (entry,) = read_runs(run.parent)
    assert row(entry, datetime.now(UTC), ascii=False).name
    assert run_lines(entry.summary, log_summary(run), Size(50, 30), ascii=False)
    for number in (
        "tokens_per_s",
        "epoch",
        "current_perplexity",
        "time_left_s",
        "clipped_share",
        "next_lr",
        "current_phase",
    ):
        getattr(run_numbers, number)(view)
    extent = view.curves.extent
    for axis, x_log, y_log, cursor in product(("step", "tokens", "time"), (False, True), (False, True), (None, 1.0)):
        viewport = Viewport(x_axis=axis, x_log=x_log, y_log=y_log, cursor=cursor)
        for looked in (viewport, viewport.look(-1, extent), viewport.zoom(1, extent)):
            for figure in (loss_figure, lr_figure, gradient_figure):
                assert draw_figure(figure(view, looked), 30, 6).width == 30
            for reading in (loss_reading, lr_reading, gradient_reading, place_reading):
                assert isinstance(reading(view, looked), list)


@pytest.mark.parametrize(
    "odd",
    [
        '"step":%s' % 2**63, '"step":%s' % ("9" * 4000), '"step":-1', '"tokens":1e300', '"tokens":%s' % ("9" * 5000),
        '"loss":1e400', '"loss":%s' % ("9" * 4000), '"time":1e300', '"time":"NaN"', '"loss":[1]',
    ],
)  # fmt: skip
def test_a_number_that_nothing_can_be_computed_with_is_no_event(odd: str, tmp_path: Path) -> None:
    line = encode(step(1, time=1.0)).decode().removesuffix("}") + f",{odd}}}"
    with pytest.raises(ProtocolError):
        decode_event(line)
    run = create(tmp_path, CONFIG, "odd", datetime.now(UTC))
    (run / EVENTS).write_text(f"{line}\n" * 3)
    summary = summarise(run)
    assert summary.state == "damaged" and "nothing at its end can be read" in summary.why


def test_a_fix_with_a_number_of_many_digits_is_no_event() -> None:
    fix = Fix(title="x", changes={"training.batch": 10**400})
    finding = FindingOpened(id=1, step=1, onset=1, kind="x", severity="info", evidence="", fixes=[fix])
    with pytest.raises(ProtocolError, match="too many digits"):
        decode_event(encode(finding))


def test_an_odd_run_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TINYGPT_TUI_RUNS", str(tmp_path))
    good, bad = (create(tmp_path, CONFIG, name, datetime.now(UTC)) for name in ("good", "bad"))
    (good / EVENTS).write_bytes(b"".join(encode(event) + b"\n" for event in [START, *steps(CONFIG, [2.5])]))
    (bad / EVENTS).write_text('{"event":"step","loss":1e400}\n')
    assert run_command(["runs"]) == 0
    listed = capsys.readouterr().out
    assert "good-1  interrupted" in listed and "damaged" in listed
    for way in ("--text", "--json"):
        assert run_command(["attach", "bad-1", way]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "nothing at its end can be read" in line
