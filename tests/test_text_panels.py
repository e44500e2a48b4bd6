"""The panels of words beside the plots, the line at the top and the report on a dead worker."""

import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.widgets import Static

from tinygpt_tui.engine.arrivals import LogRead
from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    CheckpointSaved,
    FindingClosed,
    FindingOpened,
    FindingUpdated,
    Fix,
    PreparationBegan,
    RunEnded,
    RunPaused,
    SampleGenerated,
    SettingsChanged,
    StorageBlocked,
)
from tinygpt_tui.tui.formatting import compact, count, duration, setting
from tinygpt_tui.tui.panels.diagnosis import DiagnosisPanel
from tinygpt_tui.tui.panels.history import HistoryPanel
from tinygpt_tui.tui.panels.layout import FOREIGN, PANEL_NAMES, shown_panels
from tinygpt_tui.tui.panels.sample import SamplePanel
from tinygpt_tui.tui.panels.status import StatusPanel
from tinygpt_tui.tui.panels.text_panel import TextPanel
from tinygpt_tui.tui.run.crash_report import crash_of, last_lines, report
from tinygpt_tui.tui.run.header import header_line
from tinygpt_tui.tui.run.process_memory import resident_bytes
from tinygpt_tui.tui.view.findings import open_findings
from tinygpt_tui.tui.view.run_view import RunView
from tinygpt_tui.tui.view.state_glyphs import state_words

from .screen_text import until
from .scripted_run import started, steps

CONFIG = RunConfig(title="A [red]run[/red]\x1b[2J")
BEGUN = RunView.of(CONFIG).after(started(CONFIG))


def finding(id: int, severity: str, onset: int, kind: str = "loss_spike") -> FindingOpened:
    return FindingOpened(
        id=id,
        step=onset + 5,
        onset=onset,
        kind=kind,
        severity=severity,  # pyright: ignore[reportArgumentType]
        evidence="6 σ [b]above[/b]",
        causes=["learning rate too high"],
        fixes=[Fix(title="halve the learning rate", changes={"schedule.lr": 5e-4})],
    )


def sample(step: int, text: str) -> SampleGenerated:
    return SampleGenerated(step=step, prompt="def ", text=text, temperature=0.8, top_k=40)


def words(panel: type[TextPanel], view: RunView) -> str:
    return panel().words(view)[1].plain


def test_when_nothing_is_wrong_the_diagnosis_says_what_was_checked() -> None:
    view = BEGUN.after_all(steps(CONFIG, [3.0] * 20))
    assert "Nothing looks wrong" in words(DiagnosisPanel, view)
    assert "20 steps" in words(DiagnosisPanel, view)


def test_gradients_that_were_never_measured_were_not_checked() -> None:
    measured = steps(CONFIG, [3.0] * 20)
    unmeasured = [msgspec.structs.replace(step, grad_norm=None) for step in measured]
    assert "exploding gradients" in words(DiagnosisPanel, BEGUN.after_all(measured))
    assert "gradients" not in words(DiagnosisPanel, BEGUN.after_all(unmeasured))


def test_a_log_whose_program_has_ended_is_followed_no_more() -> None:
    going, over = (state_words(BEGUN.after(LogRead(is_over=is_over))).plain for is_over in (False, True))
    assert "following" in going and "ended" in over


def test_the_worst_open_finding_comes_first_and_has_the_key() -> None:
    view = BEGUN.after_all([finding(1, "info", 3), finding(2, "failure", 9, "divergence"), finding(3, "warning", 5)])
    assert [found.id for found in open_findings(view)] == [2, 3, 1]
    text = words(DiagnosisPanel, view)
    assert text.startswith("✖ Divergence  since step 9")
    assert text.count("f  halve") == 1
    assert text.index("f  halve") < text.index("▲ Loss spike")


@pytest.mark.parametrize("width", [30, 44, 80])
async def test_the_lines_of_a_finding_are_wrapped_under_their_beginning(width: int) -> None:
    evidence, cause = "loss 2.99 against 2.97 a quarter of the run earlier", "the rate is too high for the loss to fall"
    opened = msgspec.structs.replace(finding(1, "warning", 3), evidence=evidence, causes=[cause])
    app = OnePanel(DiagnosisPanel())
    async with app.run_test(size=(width, 30)) as pilot:
        app.query_one(DiagnosisPanel).view = BEGUN.after(opened)
        await pilot.pause()
        lines = app.query_one(DiagnosisPanel).text.splitlines()
        why = next(place for place, line in enumerate(lines) if line.startswith("  Why"))
        tries = next(place for place, line in enumerate(lines) if line.startswith("  Try"))
        assert all(line.startswith("  ") for line in lines[1:why])
        assert all(line.startswith(" " * 7) for line in lines[why + 1 : tries])
        assert " ".join(" ".join(lines[why:tries]).split()) == f"Why {cause}"
        assert all(len(line) <= width - 2 for line in lines)


def test_a_finding_that_the_run_recovered_from_stays_below_the_open_ones() -> None:
    view = BEGUN.after_all([finding(1, "failure", 3), finding(2, "info", 9), FindingClosed(id=1, step=20)])
    text = words(DiagnosisPanel, view)
    assert text.index("● Loss spike") < text.index("○ Loss spike  steps 3–20, recovered")


def test_a_run_that_recovered_is_not_said_to_have_had_no_spike() -> None:
    view = BEGUN.after_all([*steps(CONFIG, [3.0] * 120), finding(1, "warning", 30), FindingClosed(id=1, step=50)])
    text = words(DiagnosisPanel, view)
    assert "Nothing is open now" in text and "Recovered from: Loss spike" in text
    assert "Nothing looks wrong" not in text and "no spike" not in text


def test_what_was_checked_is_what_the_length_of_the_run_allows() -> None:
    young, old = (BEGUN.after_all(steps(CONFIG, [3.0] * length)) for length in (20, 120))
    assert "no stall" not in words(DiagnosisPanel, young)
    assert "no stall" in words(DiagnosisPanel, old)
    assert "overfitting" not in words(DiagnosisPanel, old)


async def test_keys_open_a_finding_that_is_over_with_its_cause_evidence_and_remedy() -> None:
    panel = DiagnosisPanel()
    async with OnePanel(panel).run_test(size=(60, 9)) as pilot:
        panel.view = BEGUN.after_all([
            finding(1, "warning", 30), finding(2, "failure", 40, "divergence"),
            FindingUpdated(id=1, step=50, evidence="back since step 50"), FindingClosed(id=1, step=50),
        ])  # fmt: skip
        panel.focus()
        await pilot.pause()
        assert "recovered" in panel.text and "back since" not in panel.text
        await pilot.press("down", "down", "enter")
        over = panel.text[panel.text.index("○ Loss spike") :]
        assert "was a warning: back since step 50" in over
        assert "Why  learning rate too high" in over and "Try  halve" in over
        await pilot.press("enter", "up", "enter")
        assert panel.text.splitlines() == [
            "✖ Divergence  since step 40", "", "○ Loss spike  steps 30–50, recovered",
        ]  # fmt: skip


async def test_how_many_findings_lie_below_is_told_in_the_frame() -> None:
    panel = DiagnosisPanel()
    async with OnePanel(panel).run_test(size=(60, 5)) as pilot:
        panel.view = BEGUN.after_all([finding(1, "info", 3), finding(2, "failure", 9, "divergence")])
        await pilot.pause()
        assert panel.border_subtitle == "1 more below, ↓"
        panel.scroll_end(animate=False)
        await pilot.pause()
        assert panel.border_subtitle == ""


def test_of_very_many_findings_the_first_are_shown_and_the_rest_counted() -> None:
    text = words(DiagnosisPanel, BEGUN.after_all([finding(id, "warning", id) for id in range(1, 61)]))

    assert text.count("▲ Loss spike") == 40 and "20 more are open" in text


@pytest.mark.parametrize("reason", ["finished", "stopped"])
def test_a_run_that_ends_in_a_failure_does_not_look_well(reason: str) -> None:
    end = RunEnded(step=20, reason=reason)  # pyright: ignore[reportArgumentType]
    failed = BEGUN.after_all([finding(1, "failure", 3), end])
    assert header_line(failed, 120).plain.count(f"✖ {reason}, failing") == 1
    assert f"✖ {reason}" not in header_line(BEGUN.after_all([finding(1, "warning", 3), end]), 120).plain


def test_a_remark_is_no_alarm() -> None:
    remark = msgspec.structs.replace(finding(1, "info", 3), confidence=0.9)

    text = words(DiagnosisPanel, BEGUN.after_all([*steps(CONFIG, [3.0] * 20), remark]))

    assert text.index("✓ Nothing looks wrong") < text.index("● Loss spike") < text.index("90%")


def test_markup_and_escapes_in_what_a_run_says_are_plain_text() -> None:
    view = BEGUN.after_all([finding(1, "info", 3), sample(0, "\x1b]52;c;AAAA\x07[red]x[/red]")])
    assert "[b]above[/b]" in words(DiagnosisPanel, view)
    assert "␛]52;c;AAAA␇[red]x[/red]" in words(SamplePanel, view)
    assert "A [red]run[/red]␛[2J" in header_line(view, 120).plain


class OnePanel(App[None]):
    def __init__(self, panel: TextPanel) -> None:
        super().__init__()
        self._panel = panel

    def compose(self) -> ComposeResult:
        yield self._panel


async def test_earlier_samples_are_a_step_back_and_no_further_than_the_first() -> None:
    panel = SamplePanel()
    view = BEGUN.after_all([sample(0, "zq#"), sample(250, "return"), sample(500, "return self")])
    async with OnePanel(panel).run_test():
        panel.view = view
        assert panel.border_title == "Sample at step 500"
        text = str(panel.query_one(Static).content)
        assert text.index("return self") < text.index("zq#")
        panel.older()
        assert panel.border_title == "Sample at step 250, 1 before the latest"
        panel.older()
        panel.older()
        assert panel.border_title == "Sample at step 0, 2 before the latest"
        panel.newer()
        assert panel.border_title == "Sample at step 250, 1 before the latest"


async def test_a_panel_whose_words_are_the_same_is_not_redrawn() -> None:
    panel = DiagnosisPanel()
    async with OnePanel(panel).run_test() as pilot:
        panel.view = BEGUN.after(finding(1, "info", 3))
        await pilot.pause()
        before = panel.query_one(Static).content
        panel.view = panel.view.after(sample(0, "x"))
        await pilot.pause()
        assert panel.query_one(Static).content is before


def test_the_history_tells_what_a_change_did_to_the_loss() -> None:
    changed = SettingsChanged(step=50, summary="lr 0.001 -> 0.0005", settings=LiveSettings.from_config(CONFIG))
    rows = steps(CONFIG, [4.0] * 50 + [2.0] * 200)
    view = BEGUN.after_all([*rows[:50], changed, *rows[50:]])
    assert "lr 0.001 -> 0.0005" in words(HistoryPanel, view)
    assert "loss 4.00 ↓ 2.00" in words(HistoryPanel, view)


def test_the_status_holds_its_place_whatever_the_numbers_are() -> None:
    view = BEGUN.after_all(steps(CONFIG, [math.nan, math.inf, 1e30, 3.0]))
    assert len(words(StatusPanel, view).splitlines()) == len(words(StatusPanel, RunView.of(CONFIG)).splitlines())


@pytest.mark.parametrize("width", [120, 80, 40, 12, 1])
def test_the_line_at_the_top_fits_whatever_the_width(width: int) -> None:
    view = BEGUN.after_all(steps(CONFIG, [3.0] * 20))
    line = header_line(view, width)
    assert "training" in line.plain
    assert line.cell_length <= max(width, len("▶ training") + 1)


def test_the_line_at_the_top_says_in_words_that_the_disk_is_full() -> None:
    view = BEGUN.after(StorageBlocked(step=3, detail="No space left on device"))
    assert "waiting for disk space" in header_line(view, 120).plain


def test_a_start_says_what_is_prepared() -> None:
    view = RunView.of(CONFIG).after(PreparationBegan(activity="choosing \x1b[2J threads"))
    for line in (header_line(view, 120).plain, words(StatusPanel, view)):
        assert "starting" in line and "choosing ␛[2J threads" in line
    assert "starting" in header_line(view, 20).plain


def test_a_pause_says_why_in_the_status() -> None:
    assert "3 steps taken" in words(StatusPanel, BEGUN.after(RunPaused(step=3, reason="3 steps taken")))


@pytest.mark.parametrize("reason", ["finished", "stopped"])
def test_a_run_that_ended_as_it_should_needs_no_report(reason: str) -> None:
    end = RunEnded(step=3, reason=reason)  # pyright: ignore[reportArgumentType]
    assert crash_of(BEGUN.after(end), None, ()) is None


def test_a_report_has_the_cause_the_log_and_the_keys(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_bytes(b"x" * 100_000 + b"\nMemoryError: \x1b[31m[no]\xff\n")
    checkpoint = CheckpointSaved(step=250, name="step-000250", reason="series")
    view = BEGUN.after_all([checkpoint, RunEnded(step=300, reason="died", detail="killed by SIGKILL")])
    death = crash_of(view, log, last_lines(log))
    assert death is not None
    text = report(death).plain
    assert "killed by SIGKILL" in text
    assert "resume from step 250" in text
    assert str(log) in text
    assert "MemoryError: ␛[31m[no]�" in text


def test_a_log_that_is_not_there_has_no_last_words(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "worker.log") == ()


@given(st.floats() | st.none())
def test_every_number_can_be_written_in_a_few_characters(value: float | None) -> None:
    for write in (compact, setting, duration, count):
        assert 0 < len(write(value)) <= 13


@given(st.floats(1e-4, 9e4))
def test_a_measured_value_is_written_to_three_digits(value: float) -> None:
    assert float(compact(value)) == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("size", "names"),
    [
        ((160, 45), set(PANEL_NAMES) - {"lesson", *FOREIGN}),
        ((120, 36), set(PANEL_NAMES) - {"lesson", *FOREIGN}),
        ((80, 24), {"loss", "lr", "gradient", "diagnosis", "sample"}),
        ((60, 16), {"loss", "diagnosis"}),
        ((10, 4), {"loss"}),
    ],
)
def test_the_most_important_panels_survive_on_a_small_screen(size: tuple[int, int], names: set[str]) -> None:
    assert shown_panels(size, frozenset(), None) == names


@pytest.mark.parametrize(
    ("size", "gone"),
    [((160, 45), set()), ((120, 36), {"sample", "history", "status"}), ((80, 24), {"sample"})],
)
def test_a_lesson_is_shown_and_on_a_small_screen_others_give_way(size: tuple[int, int], gone: set[str]) -> None:
    without = shown_panels(size, frozenset(), None)
    assert shown_panels(size, frozenset(), None, lesson=True) == without - gone | {"lesson"}
    assert shown_panels(size, frozenset({"lesson"}), None, lesson=True) == without


@given(st.tuples(st.integers(1, 300), st.integers(1, 100)), st.frozensets(st.sampled_from(PANEL_NAMES)), st.booleans())
def test_whatever_is_hidden_something_is_shown(size: tuple[int, int], hidden: frozenset[str], lesson: bool) -> None:
    assert shown_panels(size, hidden, None, lesson=lesson)
    assert shown_panels(size, hidden, "layers", lesson=lesson) == {"layers"}


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert resident_bytes(2**30) is None
    dead = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    assert resident_bytes(dead.pid) is None
    dead.wait()


def test_a_time_that_is_not_known_is_left_out() -> None:
    begun = RunView.of(CONFIG).after_all([started(CONFIG), *steps(CONFIG, [3.0])])
    assert "left" not in header_line(begun, 120).plain + words(StatusPanel, begun)
    later = begun.after_all(steps(CONFIG, [2.0] * 10, first=2))
    assert "left" in header_line(later, 120).plain and "left" in words(StatusPanel, later)


def test_the_kind_of_a_finding_is_put_in_words() -> None:
    view = BEGUN.after(finding(1, "info", 3, "very_odd-\x07thing"))
    assert "Very odd ␇thing" in words(DiagnosisPanel, view)


async def test_numbers_change_no_faster_than_they_can_be_read_but_news_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("tinygpt_tui.tui.throttle.monotonic", lambda: now[0])
    panel = StatusPanel()

    class Alone(App[None]):
        def compose(self) -> ComposeResult:
            yield panel

    async with Alone().run_test(size=(80, 20)) as pilot:
        panel.view = BEGUN
        now[0] += 10.0
        panel.view = BEGUN.after_all(steps(CONFIG, [3.0] * 10))
        await until(pilot, lambda: "step    10 of" in panel.text)
        for length in (20, 30):
            panel.view = BEGUN.after_all(steps(CONFIG, [3.0] * length))
        assert "step    10 of" in panel.text
        panel.view = panel.view.after(RunPaused(step=30, reason="as asked"))
        assert "step    30 of" in panel.text and "paused" in panel.text
        panel.view = panel.view.after_all(steps(CONFIG, [3.0] * 5, first=31))
        await until(pilot, lambda: "step    35 of" in panel.text)  # though nothing follows
