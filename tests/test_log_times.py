"""When the rows of a log were written, as an x axis: from the store, from a column, or from the lines of a text."""

import os
from pathlib import Path

import pytest

from tinygpt_tui.engine.config import RunConfig
from tinygpt_tui.engine.export.event_file import event_file
from tinygpt_tui.engine.following.followed_log import FollowedLog
from tinygpt_tui.tui.cli.run_data import collected
from tinygpt_tui.tui.view.run_view import RunView

from .store_files import event, events, simple


def times_of(path: Path) -> list[float]:
    """Seconds since the first row, as the x axis has them."""
    log = FollowedLog(path.name, path)
    view = RunView.of(RunConfig()).after_all(arrival for _, arrival in log.read_on())
    log.close()
    return view.curves["time"].tolist()


def test_the_time_at_which_a_row_was_written_is_an_x_axis(tmp_path: Path) -> None:
    def stamp(step: int) -> str:
        return f"2026-01-31 23:59:{10 + step * 2:02d}"

    seconds = [2.0 * step for step in range(20)]
    (tmp_path / "tb").mkdir()
    rows = [event(step, simple("loss", 1.0), simple("perf/time", 0.1), time=1e9 + 2 * step) for step in range(20)]
    (tmp_path / "tb" / "events.out.tfevents.1").write_bytes(events(*rows))
    texts = {
        "a.csv": "timestamp,step,loss\n" + "".join(f"{stamp(s)},{s},{4 - s / 10}\n" for s in range(20)),
        "elapsed.csv": "step,loss,elapsed\n" + "".join(f"{s},{4 - s / 10},{7 + 2 * s}\n" for s in range(20)),
        "b.log": "".join(f"[{stamp(s)},000] INFO step {s} loss {4 - s / 10}\n" for s in range(20)),
        "c.jsonl": "".join(
            f'{{"date": "{stamp(s).replace(" ", "T")}Z", "step": {s}, "loss": 1.5}}\n' for s in range(20)
        ),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (1e9, 1e9))
    for name in ("tb", *texts):
        assert times_of(tmp_path / name)[:19] == seconds[:19], name


@pytest.mark.parametrize("times", ["nan", "inf", "5,inf,6,-inf,1e300,7", "9,8,7", ""])
def test_no_time_breaks_the_x_axis(tmp_path: Path, times: str) -> None:
    path = tmp_path / "a.csv"
    cells = (times.split(",") * 20)[:20]
    path.write_text("step,loss,elapsed\n" + "".join(f"{s},{4 - s / 10},{cell}\n" for s, cell in enumerate(cells)))
    known = [time for time in times_of(path) if time == time]
    assert known == sorted(known) and all(time < 3.5e38 for time in known)


def test_an_event_file_that_is_written_from_one_has_its_times(tmp_path: Path) -> None:
    for folder, data in (
        ("a", events(*(event(s, simple("loss", 2.0), time=1e9 + 3 * s) for s in range(20)))),
        ("b", b""),
    ):
        (tmp_path / folder).mkdir()
        data = data or event_file(collected([str(tmp_path / "a")], tmp_path))
        (tmp_path / folder / "events.out.tfevents.1").write_bytes(data)
    assert times_of(tmp_path / "b") == times_of(tmp_path / "a") == [3.0 * step for step in range(20)]
