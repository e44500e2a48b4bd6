"""A run's events on disk: one a line, appended and never rewritten; an event's seq is its line's number.

Lines are written in order, so whatever kills the process leaves at most a last line without its end, which readers do
not see and the next writer cuts off.
"""

import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain
from pathlib import Path
from typing import TypeVar

import msgspec

from ..events import AnyEvent, Event, ProtocolError, RunStarted, decode_event, decode_events, encode
from .run_folder import EVENTS, StoreError, open_file, printable

_E = TypeVar("_E", bound=Event)

TAIL = 1 << 16
EVENT_CHUNK = 1 << 17
LONGEST_EVENT_LINE = 1 << 20


STEP_BYTES = 340
"""Of a step in the log of the tiny GPT; all else is rare."""


def require_space(run: Path, steps: int, free: int | None = None) -> None:
    """StoreError where the disk has no space for so many more steps: a log grows with its run and is never cut."""
    free = shutil.disk_usage(run).free if free is None else free
    if (needed := STEP_BYTES * steps) > free:
        raise StoreError(
            f"{run}: {steps:,} steps need about {needed / 1e9:,.1f} GB for their log alone, and the disk has "
            f"{free / 1e9:,.1f} GB free; make training.steps smaller or the disk emptier"
        )


class EventLog:
    """The events of a run, open for appending."""

    def __init__(self, run: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._path = run / EVENTS
        self._file = open_file(run / EVENTS, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self.seq, self._end = _complete_lines(self._file, run / EVENTS)
            os.ftruncate(self._file, self._end)
        except BaseException:
            os.close(self._file)
            raise

    def append(self, *events: Event) -> None:
        """Write events with their seq, and the time unless they have one; OSError leaves the file as it was.

        All of them are one call of the system, which costs as much as encoding a line.

        StoreError where another program has truncated, replaced or deleted the file: what it held is lost.
        """
        self._require_untouched()
        numbered = enumerate(events, self.seq)
        timed = (msgspec.structs.replace(event, seq=seq, time=event.time or self._clock()) for seq, event in numbered)
        lines = b"".join(encode(event) + b"\n" for event in timed)
        try:
            rest = lines
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self.seq += len(events)
        self._end += len(lines)

    def _require_untouched(self) -> None:
        ours = os.fstat(self._file)
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            raise StoreError(f"{self._path}: was deleted while the run trained, so its past is lost") from None
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise StoreError(f"{self._path}: was replaced while the run trained, so its past is lost")
        if ours.st_size != self._end:
            raise StoreError(f"{self._path}: was changed by another program while the run trained")

    def close(self) -> None:
        os.close(self._file)


class Transcript:
    """Turns bytes, however they are cut, into events; what is no event is counted, described and skipped."""

    def __init__(self, line: int = 0) -> None:
        self.unreadable = 0
        self.problems: list[str] = []
        """Why the first unreadable lines are none, one line each."""
        self._line = line
        self._rest = b""
        self._skipping = False

    def start_at(self, line: int) -> None:
        """What comes next is this line, from its beginning; the rest of an earlier one will not come."""
        self._line, self._rest, self._skipping = line, b"", False

    @property
    def is_between_lines(self) -> bool:
        """Whether what comes next is the beginning of a line."""
        return not self._rest and not self._skipping

    def feed(self, data: bytes) -> list[AnyEvent]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = None if self._skipping else decode_events(lines)
        if events is not None:
            self._line += len(lines)
        else:
            events = [event for line in lines if (event := self._event(line)) is not None]
        if len(self._rest) > LONGEST_EVENT_LINE:
            self._rest, self._skipping = b"", True
        return events

    def _event(self, line: bytes) -> AnyEvent | None:
        self._line += 1
        if self._skipping:
            self._skipping = False
            return self._skip(f"is longer than {LONGEST_EVENT_LINE} bytes")
        try:
            return decode_event(line)
        except ProtocolError as error:
            return self._skip(f"is no event: {error}")

    def _skip(self, why: str) -> None:
        self.unreadable += 1
        if len(self.problems) < 10:
            self.problems.append(printable(f"line {self._line} {why}"))


def stored_events(run: Path, since: int = 0, transcript: Transcript | None = None) -> Iterator[list[AnyEvent]]:
    """The events from seq `since` on, in chunks of bounded size; `transcript` collects what was skipped."""
    transcript = transcript or Transcript(since)
    with os.fdopen(open_file(run / EVENTS, os.O_RDONLY), "rb", buffering=0) as file:
        file.seek(offset_of(file.fileno(), since))
        while data := file.read(EVENT_CHUNK):
            yield transcript.feed(data)


def first_events(run: Path) -> list[AnyEvent]:
    """The events in the first chunk of the log: what a run is, and how it started."""
    return next(stored_events(run), [])


def line_count(run: Path) -> int:
    """How many events are stored: the seq of the next one."""
    if not os.path.lexists(run / EVENTS):
        return 0
    file = open_file(run / EVENTS, os.O_RDONLY)
    try:
        return _complete_lines(file, run / EVENTS)[0]
    finally:
        os.close(file)


def tail_events(run: Path, transcript: Transcript | None = None) -> list[AnyEvent]:
    """The events in the last `TAIL` bytes; `transcript` collects what was skipped."""
    with os.fdopen(open_file(run / EVENTS, os.O_RDONLY), "rb", buffering=0) as file:
        start = max(os.fstat(file.fileno()).st_size - TAIL, 0)
        file.seek(start)
        data = file.read(TAIL)
    return (transcript or Transcript()).feed(data.partition(b"\n")[2] if start else data)


def marked_events(run: Path, *marks: str) -> Iterator[AnyEvent]:
    """The events of some kinds among many others, found without looking at every line."""
    openings = [b'\n{"event":"%s",' % mark.encode() for mark in marks]
    rest = b"\n"
    with os.fdopen(open_file(run / EVENTS, os.O_RDONLY), "rb", buffering=0) as file:
        while data := file.read(LONGEST_EVENT_LINE):
            # each piece begins and ends with the end of a line
            data = rest[-LONGEST_EVENT_LINE:] + data
            end = data.rfind(b"\n") + 1
            rest = data[max(end - 1, 0) :]
            places = sorted(place for opening in openings for place in _places(data[:end], opening))
            lines = [data[place + 1 : data.index(b"\n", place + 1) + 1] for place in places]
            yield from Transcript().feed(b"".join(lines))


def _places(data: bytes, wanted: bytes) -> Iterator[int]:
    place = data.find(wanted)
    while place >= 0:
        yield place
        place = data.find(wanted, place + 1)


def surviving_events(run: Path, step: int) -> Iterator[AnyEvent]:
    """The stored events that count for a run that goes on after `step`, read in bounded memory."""
    return drop_superseded(all_events(run), restart_steps(marked_events(run, "started")), step)


def drop_superseded(events: Iterable[_E], restarts: Iterable[int], step: float = math.inf) -> Iterator[_E]:
    """The events up to `step` that no later `started` event takes back: one at step s takes back all after s.

    `restarts` are the steps of the `started` events among them, in order: they have to be known before the first event.
    """
    limits = [*accumulate([step, *reversed([*restarts])], min)]
    for event in events:
        if isinstance(event, RunStarted) and len(limits) > 1:  # a log may grow after its restarts were read
            limits.pop()
        if getattr(event, "step", 0) <= limits[-1]:
            yield event


def restart_steps(events: Iterable[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, RunStarted)]


def all_events(run: Path) -> Iterator[AnyEvent]:
    return chain.from_iterable(stored_events(run))


def offset_of(file: int, line: int) -> int:
    """Where a line begins in an open file, or where the next line will if there are not so many."""
    offset = 0
    while line > 0 and (data := lines_at(file, offset)):
        lines = data.count(b"\n")
        if lines >= line:
            return offset + sum(len(one) + 1 for one in data.split(b"\n", line)[:line])
        line -= lines
        offset += len(data)
    return offset


def lines_at(file: int, offset: int) -> bytes:
    """Some complete lines, from one on; empty at the end, which a half-written line is not before."""
    data = os.pread(file, EVENT_CHUNK, offset)
    if b"\n" not in data and len(data) == EVENT_CHUNK:
        data = os.pread(file, 2 * LONGEST_EVENT_LINE, offset)
    return data[: data.rfind(b"\n") + 1]


def _complete_lines(file: int, path: Path) -> tuple[int, int]:
    """How many lines have their end, and where the last of them ends."""
    lines = end = offset = 0
    while data := os.pread(file, LONGEST_EVENT_LINE, offset):
        lines += data.count(b"\n")
        if b"\n" in data:
            end = offset + data.rindex(b"\n") + 1
        offset += len(data)
        if offset - end >= LONGEST_EVENT_LINE:
            raise StoreError(
                f"{path}: line {lines + 1} is longer than {LONGEST_EVENT_LINE} bytes, so this is no run's log"
            )
    return lines, end
