"""What the screen finds in a log of another program is what `diagnose` finds, wherever a run was resumed."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.arrivals import StartedOver
from tinygpt_tui.engine.events import FindingClosed, FindingOpened, FindingUpdated
from tinygpt_tui.engine.following.shown_run import ShownRun
from tinygpt_tui.tui.cli.diagnose import diagnose_log

from .store_files import event, events, simple

Found = list[tuple[str, int, int | None, str]]
"""Kind, onset, end and evidence of each finding."""
Row = tuple[int, float, float]
"""Step, time, and loss."""


def diagnosed(path: Path) -> Found:
    (run,) = diagnose_log(str(path), path.parent, {}).runs.values()
    return [(each.kind, each.onset, each.closed, each.evidence) for each in run.reporter.found_so_far]


def followed(path: Path) -> Found:
    os.utime(path)
    shown = ShownRun(path.name, path)
    found: dict[int, tuple[str, int, int | None, str]] = {}
    arrivals = [each for _ in range(2) for batch in shown.look() for each in batch]
    assert not any(isinstance(each, StartedOver) for each in arrivals)
    while shown.has_backlog:
        arrivals += shown.diagnose_some()
    for each in arrivals:
        match each:
            case FindingOpened():
                found[each.id] = (each.kind, each.onset, None, each.evidence)
            case FindingUpdated():
                found[each.id] = (*found[each.id][:3], each.evidence)
            case FindingClosed():
                kind, onset, _, evidence = found[each.id]
                found[each.id] = (kind, onset, each.step, evidence)
            case _:
                pass
    shown.close()
    return list(found.values())


def resumed_run(seed: int) -> list[list[Row]]:
    """One to three parts, each written by a program of its own; the loss may jump where the next one begins."""
    chance = random.Random(seed)
    parts: list[list[Row]] = []
    step, time = 0, 0.0
    for part in range(chance.randint(1, 3)):
        jump, step = chance.choice([0, 0.3, 1.5]) * (part > 0), max(step - chance.choice([0, 0, 40]), 0)
        time += chance.choice([0, 500]) * (part > 0)
        rows: list[Row] = []
        for row in range(chance.randint(60, 200)):
            step, time = step + 1, time + 1 + chance.random() / 5
            loss = 1.5 + 3 / (1 + step / 40) + chance.gauss(0, 0.02) + jump * 0.95**row
            rows.append((step, time, round(loss, 4)))
        parts.append(rows)
    return parts


def table(parts: list[list[Row]]) -> bytes:
    header = "step,time,loss\n"
    return "".join(header + "".join(f"{s},{t:.2f},{loss}\n" for s, t, loss in part) for part in parts).encode()


def table_without_headers(parts: list[list[Row]]) -> bytes:
    return b"step,time,loss\n" + table(parts).replace(b"step,time,loss\n", b"")


def json_lines(parts: list[list[Row]]) -> bytes:
    rows = (f'{{"step": {s}, "time": {t:.2f}, "loss": {loss}}}\n' for part in parts for s, t, loss in part)
    return "".join(rows).encode()


def printed(parts: list[list[Row]]) -> bytes:
    return "".join(f"step {s} | loss {loss} | time {t:.2f}\n" for part in parts for s, t, loss in part).encode()


def event_file(parts: list[list[Row]]) -> bytes:
    return events(*(event(s, simple("train/loss", loss), time=1e9 + t) for part in parts for s, t, loss in part))


FORMATS = {
    "a.csv": table,
    "b.csv": table_without_headers,
    "a.jsonl": json_lines,
    "a.log": printed,
    "events.out.tfevents.1.host": event_file,
}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=12)
@given(seed=st.integers(0, 10**6))
def test_a_followed_log_has_the_findings_that_diagnose_has(
    name: str, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("log") / name
    path.write_bytes(FORMATS[name](resumed_run(seed)))
    assert followed(path) == diagnosed(path)


@pytest.mark.parametrize("name", ["a.csv", "b.csv", "a.jsonl", "events.out.tfevents.1.host"])
def test_a_pause_or_another_header_with_a_jump_is_a_seam_on_the_screen_too(name: str, tmp_path: Path) -> None:
    chance = random.Random(1)
    losses = [2 + chance.gauss(0, 0.02) + (row >= 150) * 1.5 * 0.97 ** (row - 150) for row in range(300)]
    rows = [(row, row + 900.0 * (row >= 150), round(loss, 4)) for row, loss in enumerate(losses)]
    path = tmp_path / name
    path.write_bytes(FORMATS[name]([rows[:150], rows[150:]]))
    assert ("seam", 150) in [(kind, onset) for kind, onset, _, _ in followed(path)]


def test_a_jump_where_the_next_event_file_begins_is_a_seam_on_the_screen_too(tmp_path: Path) -> None:
    chance = random.Random(1)
    losses = [2 + chance.gauss(0, 0.02) + (row >= 150) * 1.5 * 0.97 ** (row - 150) for row in range(300)]
    rows = [(row, float(row), loss) for row, loss in enumerate(losses)]
    for place, part in enumerate((rows[:150], rows[150:])):
        (tmp_path / f"events.out.tfevents.{place}.host").write_bytes(event_file([part]))
    found = followed(tmp_path)
    assert found == diagnosed(tmp_path)
    assert ("seam", 150) in [(kind, onset) for kind, onset, _, _ in found]
