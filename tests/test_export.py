"""Runs and logs as plots and files: what is written is what was read, and nothing in it is markup of its own."""

import io
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.attach import watch
from tinygpt_tui.engine.diagnostics.report import Report
from tinygpt_tui.engine.export.event_file import event_file
from tinygpt_tui.engine.export.run_series import RunSeries, Series
from tinygpt_tui.engine.export.suffixes import SUFFIXES
from tinygpt_tui.engine.export.svg_chart import svg_chart
from tinygpt_tui.engine.export.tables import ExportError, csv_table, json_lines
from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.cli.diagnose import diagnose_log
from tinygpt_tui.tui.cli.export_files import EXPORTERS, write_export
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.cli.printed_plots import smoothed
from tinygpt_tui.tui.cli.progress_line import ReadingProgress
from tinygpt_tui.tui.cli.run_data import collected
from tinygpt_tui.tui.dialogs.confirm import Confirm
from tinygpt_tui.tui.navigation import OpenLog
from tinygpt_tui.tui.run import exporting
from tinygpt_tui.tui.run.exporting import export_arguments, read_export
from tinygpt_tui.tui.run.screen import RunScreen

from .screen_text import shown, until

HOSTILE = "\x1b]52;c;aGk=\x07</script><b>[red]`x`"
NUMBERS = st.floats(-1e30, 1e30) | st.sampled_from([math.nan, math.inf])
POINTS = st.dictionaries(st.integers(0, 10_000), NUMBERS, min_size=1, max_size=40)
LOG = "step,loss,val_loss,lr\n" + "".join(
    f"{step},{4 - step / 40},{4.1 - step / 50 if step % 10 == 0 else ''},0.001\n" for step in range(1, 61)
)


def run_of(series: dict[str, dict[int, float]], name: str = "a") -> RunSeries:
    report = Report(rows=1, signals=(), blind=(), findings=())
    return RunSeries(name=name, title="", series={k: Series.of(v) for k, v in series.items()}, report=report)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def read_back(path: Path, given: dict[str, str] | None = None) -> dict[tuple[int, str], float]:
    log = open_log(str(path), path, given)
    return {(row.step, name): value for _, row in log.rows() for name, value in row.values.items()}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".tfevents"])
@given(loss=POINTS, val_loss=POINTS)
def test_what_is_exported_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, loss: dict[int, float], val_loss: dict[int, float]
) -> None:
    # a log with few finite numbers cannot show which of its columns are losses
    loss |= {20_000 + step: 3.0 - step / 100 for step in range(20)}
    val_loss |= {20_000 + step: 3.1 - step / 100 for step in range(0, 20, 2)}
    run = run_of({"loss": loss, "val_loss": val_loss})
    path = tmp_path_factory.mktemp("export") / f"events.out{suffix}"
    path.write_bytes(EXPORTERS[suffix]([run], "loss"))
    back = read_back(path, {"loss": "loss", "val_loss": "val_loss"})
    expected = {(step, "loss"): value for step, value in loss.items()}
    expected |= {(step, "val_loss"): value for step, value in val_loss.items()}
    assert back.keys() == expected.keys()
    assert np.array_equal([back[key] for key in expected], [*expected.values()], equal_nan=True)


def test_several_runs_are_told_apart() -> None:
    runs = [run_of({"loss": {1: 2.0}}, "a"), run_of({"loss": {1: 3.0}, "lr": {1: 0.1}}, "b")]
    assert csv_table(runs).decode() == "run,step,loss,lr\na,1,2.0,\nb,1,3.0,0.1\n"
    assert [json.loads(line)["run"] for line in json_lines(runs).splitlines()] == ["a", "b"]
    with pytest.raises(ExportError, match="one run"):
        event_file(runs)


def test_a_log_is_plotted(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plot", str(log), "--width", "60", "--height", "12", "--ascii"]) == 0
    page = capsys.readouterr().out
    assert "* loss" in page and "o val_loss" in page and "log.csv" in page
    assert "\x1b" not in page and max(map(len, page.splitlines())) <= 60


def test_a_metric_that_is_not_there_is_named(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plot", str(log), "--smooth", "5", "--log-y"]) == 0
    assert "loss, mean of 5, log y\n" in capsys.readouterr().out
    assert run_command(["plot", str(log), "--metric", "bleu"]) == 2
    assert "bleu: was not measured; there are loss, lr, val_loss" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".html", ".md", ".svg", ".tfevents"])
def test_a_log_is_exported_by_its_suffix(log: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    assert run_command(["export", str(log), "--to", str(target)]) == 0
    assert target.stat().st_size > 500
    assert run_command(["export", str(log), "--to", str(target)]) == 2
    assert run_command(["export", str(log), "--to", str(target), "--force"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", target.name}


def test_every_numeric_column_of_a_log_is_plotted_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss,gpu_temp\n" + "".join(f"{step},{4 - step / 40},{60 + step}\n" for step in range(1, 61)))
    assert run_command(["plot", str(log), "--metric", "gpu_temp", "--ascii"]) == 0
    assert "* gpu_temp" in capsys.readouterr().out
    (run,) = collected([str(log)], tmp_path)
    assert run.series["gpu_temp"].values.tolist() == [60.0 + step for step in range(1, 61)]


def test_a_report_finds_what_diagnose_finds(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [f"{step},{2 + 2 / step},{math.nan if step > 30 else 1 / step}\n" for step in range(1, 61)]
    log.write_text("step,loss,loss_rpn\n" + "".join(rows))
    (run,) = collected([str(log)], tmp_path)
    assert run.report == diagnose_log(str(log), tmp_path, {}).runs[""].report
    assert "nan" in {finding.kind for finding in run.report.findings}


def test_an_unknown_suffix_names_the_known_ones(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["export", str(log), "--to", "x.gif"]) == 2
    assert ".csv, .jsonl" in capsys.readouterr().err


def test_a_report_needs_nothing_and_runs_nothing_from_outside(tmp_path: Path) -> None:
    run = watch(name=HOSTILE, settings={HOSTILE: HOSTILE}, runs=tmp_path)
    for _ in range(3):
        run.log(**{HOSTILE: 1.0})
        run.step(math.nan)
    run.sample(HOSTILE)
    run.close()
    assert run.path is not None
    (found,) = collected([str(run.path)], tmp_path)
    page = EXPORTERS[".html"]([found], "loss").decode()
    assert page.count("</script>") == 2 and "\x1b" not in page and "<b>" not in page
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org/2000/svg)", page)
    assert 'class="verdict failure"' in page
    assert "\x1b" not in EXPORTERS[".md"]([found], "loss").decode()


def test_a_reduced_series_keeps_its_spike_and_its_gap() -> None:
    values = dict.fromkeys(range(1, 10001), 1.0) | {5_000: 9.0} | dict.fromkeys(range(7_000, 8_000), math.nan)
    reduced = Series.of(values).reduced(200)
    assert len(reduced) <= 202 and 9.0 in reduced.values and np.isnan(reduced.values).any()


@given(st.lists(NUMBERS, min_size=1, max_size=30), st.integers(1, 8))
def test_a_mean_of_rows_is_that_of_the_finite_ones(values: list[float], rows: int) -> None:
    for index, mean in enumerate(smoothed(np.array(values), rows)):
        window = [value for value in values[max(index - rows + 1, 0) : index + 1] if math.isfinite(value)]
        if math.isfinite(values[index]):
            scale = max(abs(value) for value in values if math.isfinite(value))
            assert mean == pytest.approx(sum(window) / len(window), abs=1e-9 * scale + 1e-12) or rows == 1
        else:
            assert not math.isfinite(mean)


def test_a_picture_is_drawn_of_any_numbers() -> None:
    wild = run_of({"loss": {1: math.nan, 2: 1e300, 3: -1e300, 4: math.inf, 5: 0.0}})
    assert "NaN" not in svg_chart([wild]) and "nan" not in svg_chart([wild], log_y=True)


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        write_export([run_of({"loss": {1: 1.0}})], tmp_path / "no" / "x.csv")


def test_what_the_form_offers_is_what_the_command_writes(tmp_path: Path) -> None:
    assert tuple(EXPORTERS) == SUFFIXES
    (tmp_path / "a.csv").mkdir()
    for name in ("", "x.docx", "x", str(tmp_path / "nowhere" / "x.csv"), str(tmp_path / "a.csv")):
        with pytest.raises(ValueError, match=r"^File"):
            read_export({"file": name, "metric": "loss"})
    wanted = read_export({"file": f" {tmp_path}/-[b].TFEVENTS ", "metric": " "})
    assert (wanted.target.name, wanted.metric) == ("-[b].TFEVENTS", "loss")
    log = OpenLog(tmp_path / "-x.csv", "x", run="two", columns={"loss": "a"})
    arguments = export_arguments(log.path, log, wanted, replaces=True)
    assert arguments[-2:] == ["--", str(log.path)] and {"--run=two", "--map=loss=a", "--force"} <= {*arguments}


async def test_a_log_is_exported_from_the_screen_and_nothing_is_replaced_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, target = tmp_path / "x.csv", tmp_path / "x.md"
    monkeypatch.chdir(tmp_path)
    log.write_text("step,loss\n" + "".join(f"{step},{4 - step / 50}\n" for step in range(60)))
    target.write_text("mine")
    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "s.toml", destination=OpenLog(log, "x.csv"))
    async with app.run_test(size=(110, 36)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.view is not None)
        await pilot.press("X", *"x.md", "enter")  # what is there is selected
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape", "X", *"x.md", "enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert target.read_text() == "mine"
        await pilot.press("y")
        await until(pilot, lambda: any(str(target) in note.message for note in app._notifications))
    assert target.read_text().startswith("## x.csv")


SLOW_EXPORT = """
import sys, time
print("reading /a/long/path/of/a/folder/in/a/folder/x.csv: 34%, 0:12 left", file=sys.stderr, flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("tinygpt-tui: no x.md", file=sys.stderr)
    sys.exit(130)
"""


async def test_a_long_export_shows_its_time_left_and_the_key_that_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exporting, "OWN_COMMAND", (sys.executable, "-c", SLOW_EXPORT))
    log = tmp_path / "x.csv"
    log.write_text("step,loss\n1,2\n2,1\n")
    app = TinyGPTApp(tmp_path, settings_file=tmp_path / "s.toml", destination=OpenLog(log, "x.csv"))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.view is not None)
        await pilot.press("X", *"x.md", "enter")
        await until(pilot, lambda: "r/in/a/folder/x.csv: 34%, 0:12 left  X ends it" in shown(app))
        await pilot.press("X", "n", "X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: any("no x.md" in note.message for note in app._notifications))
        assert "ends it" not in shown(app)


def test_a_screen_that_reads_no_more_does_not_end_an_export(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = ReadingProgress(keeps=False, in_lines=True)
    assert [*progress.rows([1, 2], "reading x", lambda count: count / 2)] == [1, 2]
    assert capfd.readouterr().err == "reading x …\n"
    monkeypatch.setattr(sys, "stderr", Closed())
    progress.begin("writing x")
    monkeypatch.undo()


class Closed(io.StringIO):
    """The end of a pipe that nothing reads."""

    def write(self, _: str) -> int:
        raise BrokenPipeError
