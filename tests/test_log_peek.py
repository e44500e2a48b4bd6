"""A look at a log is bounded and right: the whole of a short one, the shape of a long one."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.events import AnyEvent, Evaluated, FindingClosed, FindingOpened, RunEnded, encode
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import EVENTS, StoreError
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.tui.home import log_peek as looking
from tinygpt_tui.tui.home.log_peek import LogSummary, gathered, log_summary

from .scripted_run import started, steps

CONFIG = RunConfig(title="Glimpsed")


def run_with(tmp_path: Path, *events: AnyEvent) -> Path:
    run = create(tmp_path, CONFIG, None, datetime(2026, 1, 1, tzinfo=UTC))
    log = EventLog(run)
    for event in events:
        log.append(event)
    log.close()
    return run


def finding(id: int, step: int) -> FindingOpened:
    return FindingOpened(id=id, step=step, onset=step, kind="loss_spike", severity="warning", evidence="")


def test_a_short_log_is_read_whole(tmp_path: Path) -> None:
    run = run_with(
        tmp_path,
        started(CONFIG),
        *steps(CONFIG, [3.0, math.nan, 2.0]),
        Evaluated(step=3, val_loss=2.5, perplexity=12.0),
        finding(1, 2),
        finding(2, 3),
        FindingClosed(id=1, step=3),
        RunEnded(step=3, reason="failed", detail="why"),
    )
    seen = log_summary(run)
    assert [step for step, _ in seen.losses] == [1, 2, 3]
    assert math.isnan(seen.losses[1][1])
    assert seen.last is not None and seen.last.step == 3
    assert seen.evaluated is not None and seen.evaluated.val_loss == 2.5
    assert [found.id for found in seen.findings] == [2]
    assert seen.ended is not None and seen.ended.detail == "why"


def test_what_a_resumed_worker_superseded_is_dropped() -> None:
    old = [started(CONFIG), *steps(CONFIG, [5.0, 4.0, 3.0]), Evaluated(step=3, val_loss=3.0, perplexity=20.0)]
    seen = gathered([*old, finding(1, 1), finding(2, 3), started(CONFIG, step=1), *steps(CONFIG, [4.5], first=2)])
    assert seen.losses == ((1, 5.0), (2, 4.5))
    assert seen.evaluated is None
    assert [found.id for found in seen.findings] == [1]


def test_a_run_that_goes_on_has_not_ended() -> None:
    seen = gathered([started(CONFIG), RunEnded(step=0, reason="stopped"), started(CONFIG)])
    assert seen.ended is None


def test_of_a_long_log_both_ends_and_the_shape_are_seen(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    events = [started(CONFIG), *steps(CONFIG, [1.0 + step for step in range(20_000)])]
    (run / EVENTS).write_bytes(b"".join(encode(event) + b"\n" for event in events))
    assert (run / EVENTS).stat().st_size > looking.WHOLE
    seen = log_summary(run)
    assert seen.started is not None
    assert seen.losses[0] == (1, 1.0)
    assert seen.losses[-1] == (20_000, 20_000.0)
    assert all(loss == step for step, loss in seen.losses)
    gaps = [after - before for (before, _), (after, _) in zip(seen.losses, seen.losses[1:], strict=False)]
    assert min(gaps) > 0 and max(gaps) < 20_000 / looking.WINDOWS * 1.5


def test_what_is_no_event_is_passed_over(tmp_path: Path) -> None:
    run = run_with(tmp_path, started(CONFIG), *steps(CONFIG, [3.0]))
    with (run / EVENTS).open("ab") as log:
        log.write(b"\xff\xfe nonsense\n[1, 2]\n{}\n" + encode(steps(CONFIG, [2.0], first=2)[0]) + b'\n{"event":"st')
    assert [step for step, _ in log_summary(run).losses] == [1, 2]


def test_a_log_that_is_missing_or_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"events\.jsonl"):
        log_summary(tmp_path)
    (tmp_path / EVENTS).symlink_to("/dev/zero")
    with pytest.raises(StoreError, match="is a link"):
        log_summary(tmp_path)


def test_an_empty_log_says_nothing(tmp_path: Path) -> None:
    assert log_summary(run_with(tmp_path)) == LogSummary()
