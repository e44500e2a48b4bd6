"""A run told in lines."""

import io
import math
from typing import Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    Evaluated,
    FindingClosed,
    FindingOpened,
    Fix,
    PreparationBegan,
    RunEnded,
    SettingsChanged,
    StepFinished,
    StorageBlocked,
)
from tinygpt_tui.tui.cli.follow import narrator
from tinygpt_tui.tui.cli.progress_text import TextProgress

from .scripted_run import started


def step(number: int, loss: float = 3.25, tokens_per_s: float = 51_200.0) -> StepFinished:
    return StepFinished(
        step=number, loss=loss, lr=1e-3, tokens=number * 256, tokens_per_s=tokens_per_s, grad_norm=1.0, clipped=False
    )


def told(progress: TextProgress, *events: AnyEvent) -> list[str]:
    return [line for event in events for line in progress.observe(event)]


def test_the_beginning_tells_of_several_processes() -> None:
    alone = started(RunConfig())
    shared = msgspec.structs.replace(alone, processes=2)
    (alone_line, _), (shared_line, _) = (told(TextProgress(steps=10), event) for event in (alone, shared))
    assert "(fp32, 2 processes of 1 thread)" in shared_line and "(fp32, 1 thread)" in alone_line


def test_the_status_says_where_the_run_is_and_how_long_it_will_take() -> None:
    progress = TextProgress(steps=1000)
    assert told(progress, step(500), Evaluated(step=500, val_loss=3.5, perplexity=33.0)) == []
    status = progress.status()
    assert "step  500/1000" in status
    assert "[##########..........]" in status
    assert "loss 3.250  val_loss 3.500  lr 1.00e-03  51.2k tokens/s" in status
    assert status.endswith("0:02 left")  # 500 steps of 256 tokens at 51 200 a second


def test_a_finding_is_told_when_it_opens_and_when_it_is_over() -> None:
    opened = FindingOpened(
        id=1, step=90, onset=70, kind="divergence", severity="failure", evidence="loss 40", causes=["lr too high"],
        fixes=[Fix(title="halve the rate", changes={"schedule.lr": 0.5})],
    )  # fmt: skip
    lines = told(TextProgress(steps=100), opened, FindingClosed(id=1, step=95))
    assert lines[0] == "failure  divergence since step 70: loss 40"
    assert "why: lr too high" in lines[1] and "try: halve the rate" in lines[2]
    assert lines[3] == "ok       divergence: over at step 95"


def found(id: int, step: int, kind: str, severity: Literal["info", "warning", "failure"] = "warning") -> FindingOpened:
    return FindingOpened(
        id=id, step=step, onset=step - 9, kind=kind, severity=severity, evidence="", causes=[], fixes=[]
    )  # fmt: skip


def test_the_end_lists_the_findings_and_which_are_over() -> None:
    lines = told(
        TextProgress(steps=99),
        found(1, 20, "spike"), found(2, 30, "divergence", "failure"), found(3, 40, "plateau", "info"),
        FindingClosed(id=1, step=45), RunEnded(step=99, reason="finished"),
    )  # fmt: skip
    spike, divergence, plateau = lines[-1].removeprefix("findings: ").split(", ")
    assert spike == "spike steps 11-45 (recovered)"
    assert divergence == "divergence since step 21 (open)"
    assert plateau == "plateau since step 31 (remark)"


def test_findings_after_the_step_of_a_resumed_run_are_not_its_own() -> None:
    resumed = started(RunConfig(), step=25)
    lines = told(
        TextProgress(steps=99),
        found(1, 20, "spike"), found(2, 30, "divergence"), FindingClosed(id=1, step=28), resumed,
        RunEnded(step=99, reason="stopped"),
    )  # fmt: skip
    assert lines[-1] == "findings: spike since step 11 (open)"


def test_changes_and_a_full_disk_are_told() -> None:
    progress = TextProgress(steps=100)
    assert told(
        progress, SettingsChanged(step=5, summary="lr 1 -> 2", settings=LiveSettings.from_config(RunConfig()))
    ) == ["changed after step 5: lr 1 -> 2"]
    assert "No space left" in told(progress, StorageBlocked(step=6, detail="No space left on device"))[0]


def test_until_there_is_a_step_the_status_says_what_is_prepared() -> None:
    progress = TextProgress(steps=100)
    told(progress, PreparationBegan(activity="reading \x1b the text"))
    assert progress.status() == "step 0/100  reading ␛ the text"
    told(progress, step(1))
    assert "reading" not in progress.status()


def test_where_no_line_is_redrawn_each_preparation_is_a_line() -> None:
    out = io.StringIO()
    narrator(100, out, as_json=False).show([PreparationBegan(activity="reading the text"), step(1)])
    assert out.getvalue().splitlines()[0] == "reading the text"


def test_an_end_says_what_was_reached() -> None:
    assert told(TextProgress(steps=2), step(2), RunEnded(step=2, reason="finished")) == [
        "finished at step 2, loss 3.250",
        "findings: none",
    ]
    nan = told(TextProgress(steps=2), step(1, math.nan), RunEnded(step=1, reason="nan"))
    assert nan == ["ended at step 1: the loss is not a finite number", "findings: none"]


def test_of_findings_nothing_is_printed_where_the_run_failed_before_its_first_step() -> None:
    failed = RunEnded(step=0, reason="failed", detail="/nowhere: does not exist")
    assert told(TextProgress(steps=2), PreparationBegan(activity="reading the text"), failed) == []
    assert told(TextProgress(steps=2), step(1), failed) == ["findings: none"]


def test_escape_sequences_in_a_finding_are_made_visible() -> None:
    opened = FindingOpened(id=1, step=1, onset=1, kind="\x1b[2J", severity="info", evidence="\x07")
    assert "\x1b" not in "".join(told(TextProgress(steps=1), opened))


@given(
    st.integers(1, 10**9),
    st.floats(),
    st.one_of(st.floats(allow_nan=True), st.just(0.0)),
    st.integers(1, 10**9),
)
def test_no_number_breaks_the_status(number: int, loss: float, speed: float, steps: int) -> None:
    progress = TextProgress(steps=steps)
    told(progress, step(number, loss, speed), step(number, loss, speed))
    assert "\n" not in progress.status()
