"""What is appended is read back, whatever cut the file; what is no event is skipped and told."""

import math
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.events import (
    AnyEvent,
    Evaluated,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    StepFinished,
    encode,
)
from tinygpt_tui.engine.storage.event_log import (
    LONGEST_EVENT_LINE,
    STEP_BYTES,
    EventLog,
    Transcript,
    drop_superseded,
    lines_at,
    marked_events,
    offset_of,
    require_space,
    restart_steps,
    stored_events,
    surviving_events,
    tail_events,
)
from tinygpt_tui.engine.storage.run_folder import EVENTS, StoreError

from .scripted_loop import ScriptedLoop


def write(run: Path, *events: AnyEvent) -> None:
    log = EventLog(run, clock=lambda: 7.5)
    for event in events:
        log.append(event)
    log.close()


def read(run: Path, since: int = 0) -> list[AnyEvent]:
    return [event for batch in stored_events(run, since) for event in batch]


def started(step: int) -> RunStarted:
    loop = ScriptedLoop(steps=100)
    loop.step = step
    return loop.started()


def test_an_event_has_its_line_number_as_seq_and_the_time_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, RunPaused(step=1, reason="a"), RunResumed(step=1))
    write(tmp_path, RunEnded(step=2, reason="stopped"))

    assert read(tmp_path) == [
        RunPaused(seq=0, time=7.5, step=1, reason="a"),
        RunResumed(seq=1, time=7.5, step=1),
        RunEnded(seq=2, time=7.5, step=2, reason="stopped"),
    ]
    assert stat.S_IMODE((tmp_path / EVENTS).stat().st_mode) == 0o600


@given(cut=st.integers(min_value=0))
def test_a_log_cut_anywhere_keeps_its_complete_lines_and_goes_on(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.mktemp("run")
    write(run, *(RunResumed(step=step) for step in range(5)))
    whole = (run / EVENTS).read_bytes()
    cut %= len(whole) + 1
    os.truncate(run / EVENTS, cut)
    complete = whole[:cut].count(b"\n")

    assert [event.seq for event in tail_events(run)] == list(range(complete))
    write(run, RunEnded(step=9, reason="stopped"))
    assert [event.seq for event in read(run)] == list(range(complete + 1))
    assert isinstance(read(run)[-1], RunEnded)


def test_an_event_that_says_when_it_was_keeps_its_time(tmp_path: Path) -> None:
    log = EventLog(tmp_path, clock=lambda: 7.5)
    log.append(RunResumed(step=1, time=5.25))
    log.append(RunResumed(step=2))
    log.close()

    assert [event.time for event in read(tmp_path)] == [5.25, 7.5]


def test_an_append_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path, clock=lambda: 7.5)
    log.append(RunResumed(step=1))
    write, budget = os.write, [10]

    def nearly_full(file: int, data: bytes) -> int:
        if not budget[0]:
            raise OSError(28, "No space left on device")
        written = write(file, data[: budget[0]])
        budget[0] -= written
        return written

    with monkeypatch.context() as patched:
        patched.setattr("tinygpt_tui.engine.storage.event_log.os.write", nearly_full)
        with pytest.raises(OSError, match="No space"):
            log.append(RunResumed(step=2))

    assert (tmp_path / EVENTS).read_bytes() == encode(RunResumed(seq=0, time=7.5, step=1)) + b"\n"
    log.append(RunResumed(step=2))
    log.close()
    assert [event.seq for event in read(tmp_path)] == [0, 1]


@given(st.lists(st.integers(1, 40), min_size=1), st.lists(st.sampled_from([b"", b"{}", b"\xff", b"[]", b"null"])))
def test_a_transcript_reads_the_same_events_however_the_bytes_are_cut(sizes: list[int], noise: list[bytes]) -> None:
    events: list[AnyEvent] = [Evaluated(step=n, val_loss=float("nan"), perplexity=1.5) for n in range(3)]
    lines = [*noise, *(encode(event) for event in events)]
    data = b"".join(line + b"\n" for line in lines)
    transcript = Transcript()

    seen: list[AnyEvent] = []
    while data:
        for size in sizes:
            seen += transcript.feed(data[:size])
            data = data[size:]

    assert [encode(event) for event in seen] == [encode(event) for event in events]
    assert transcript.unreadable == len(noise)


def test_an_endless_line_is_skipped_in_bounded_memory_and_described(tmp_path: Path) -> None:
    event = encode(RunResumed(step=3)) + b"\n"
    (tmp_path / EVENTS).write_bytes(event + b"x" * (3 * LONGEST_EVENT_LINE) + b"\n" + event)
    transcript = Transcript()

    batches = list(stored_events(tmp_path, 0, transcript))

    assert sum(map(len, batches)) == 2
    assert transcript.problems == [f"line 2 is longer than {LONGEST_EVENT_LINE} bytes"]


def test_what_a_stranger_wrote_into_a_log_cannot_reach_the_terminal_through_a_problem() -> None:
    transcript = Transcript()

    transcript.feed(b'{"event": "\\u001b]52;c;stolen\\u0007"}\n' * 50)

    assert transcript.unreadable == 50
    assert len(transcript.problems) == 10
    assert transcript.problems[0].isprintable()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname"), Path.mkdir])
def test_a_log_that_is_no_regular_file_is_refused(tmp_path: Path, make) -> None:
    make(tmp_path / EVENTS)

    with pytest.raises(StoreError, match=EVENTS):
        EventLog(tmp_path)
    with pytest.raises(StoreError, match=EVENTS):
        read(tmp_path)


def test_a_log_with_an_endless_line_is_not_appended_to(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_bytes(b"x" * (2 * LONGEST_EVENT_LINE))

    with pytest.raises(StoreError, match="line 1 is longer"):
        EventLog(tmp_path)
    assert (tmp_path / EVENTS).stat().st_size == 2 * LONGEST_EVENT_LINE


@given(st.lists(st.integers(0, 300_000), max_size=6), st.integers(0, 8))
def test_the_offset_of_a_line_is_where_it_begins(lengths: list[int], line: int) -> None:
    lines = [b"x" * length + b"\n" for length in lengths]
    file = os.memfd_create("lines")
    os.write(file, b"".join(lines) + b"torn")

    try:
        offset = offset_of(file, line)
        assert offset == len(b"".join(lines[:line]))
        assert lines_at(file, offset).startswith(b"".join(lines[line : line + 1]))
    finally:
        os.close(file)


def test_reading_from_a_seq_on_skips_what_is_before(tmp_path: Path) -> None:
    write(tmp_path, *(RunResumed(step=step) for step in range(2000)))

    assert [event.seq for event in read(tmp_path, since=1500)] == list(range(1500, 2000))
    assert read(tmp_path, since=3000) == []


def test_events_that_a_later_worker_took_back_do_not_survive(tmp_path: Path) -> None:
    write(
        tmp_path,
        started(0),
        *(RunResumed(step=step) for step in (1, 2, 3)),
        started(2),
        *(RunResumed(step=step) for step in (3, 4)),
        started(1),
        *(RunResumed(step=step) for step in (2, 3)),
    )

    survivors = [event for event in surviving_events(tmp_path, 2) if isinstance(event, RunResumed)]

    assert [(event.seq, event.step) for event in survivors] == [(1, 1), (8, 2)]


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=12), last=st.integers(0, 9))
def test_an_event_survives_unless_a_later_start_lies_before_it(steps: list[tuple[bool, int]], last: int) -> None:
    events = [started(step) if is_start else RunResumed(step=step) for is_start, step in steps]

    kept: list[AnyEvent] = []
    for event in events:
        if isinstance(event, RunStarted):
            kept = [earlier for earlier in kept if getattr(earlier, "step", 0) <= event.step]
        kept.append(event)

    survivors = [*drop_superseded(events, restart_steps(events), last)]
    assert survivors == [event for event in kept if getattr(event, "step", 0) <= last]


def test_marked_events_are_the_same_as_those_found_by_decoding_all(tmp_path: Path) -> None:
    write(tmp_path, started(0), *(RunResumed(step=step) for step in range(20_000)), started(3))

    assert list(marked_events(tmp_path, "started", "end")) == [
        event for event in read(tmp_path) if isinstance(event, RunStarted)
    ]


@pytest.mark.parametrize("damage", ["deleted", "replaced", "changed"])
def test_a_log_that_another_program_touches_is_not_written_on(tmp_path: Path, damage: str) -> None:
    path = tmp_path / EVENTS
    log = EventLog(tmp_path)
    log.append(RunResumed(step=1))
    match damage:
        case "deleted":
            path.unlink()
        case "replaced":
            copy = tmp_path / "copy"
            copy.write_bytes(path.read_bytes())
            copy.replace(path)
        case _:
            os.truncate(path, 0)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"was {damage}"):
            log.append(RunResumed(step=2))
    log.close()


def test_a_run_whose_log_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    require_space(tmp_path, 1_000, free=STEP_BYTES * 1_000)
    with pytest.raises(StoreError, match=r"1,000,000 steps need about 0\.3 GB .* make training.steps smaller"):
        require_space(tmp_path, 1_000_000, free=STEP_BYTES * 1_000)


def test_a_step_is_as_long_in_the_log_as_is_said(tmp_path: Path) -> None:
    numbers = dict.fromkeys(("grad_max", "grad_min", "param_norm", "update_ratio"), -1.2345678901234568e-05)
    step = StepFinished(
        step=100_000, loss=numbers["grad_max"], lr=1e-3, tokens=10**8, tokens_per_s=1e5 / 3, grad_norm=1 / 3, **numbers
    )
    with closing(EventLog(tmp_path)) as log:
        log.append(step)
    assert (tmp_path / EVENTS).stat().st_size == pytest.approx(STEP_BYTES, rel=0.1)


@pytest.mark.parametrize("odd", [b"", b"{", b"nonsense", b'{"event":"no"}', None])
def test_many_lines_at_once_are_read_as_one_by_one(odd: bytes | None) -> None:
    step = encode(StepFinished(step=1, loss=math.nan, lr=0.1, tokens=1, tokens_per_s=1.0, time=1.0))
    two_in_one = step + b"," + step
    ended = encode(RunEnded(step=1, reason="finished"))
    lines = [step, two_in_one if odd is None else odd, ended, step]
    together, alone = Transcript(), Transcript()
    events = together.feed(b"\n".join(lines) + b"\n" + step[:9])
    one_by_one = [event for line in [*lines, step[:9]] for event in alone.feed(line + b"\n" * (line != step[:9]))]
    assert [*map(encode, events)] == [*map(encode, one_by_one)] == [step, ended, step]
    assert (together.unreadable, together.problems) == (alone.unreadable, alone.problems)
    assert together.unreadable == 1
    assert [*map(encode, together.feed(step[9:] + b"\n"))] == [step], "the rest of a line that was cut"
