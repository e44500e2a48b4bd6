"""The past of a run in few long columns, where its log has one step a line and all else in between."""

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import cast

from ..arrivals import Arrival
from ..client.seen import Seen, last_event
from ..events import AnyEvent, CheckpointSaved, Evaluated, LayersMeasured, SampleGenerated, StepFinished, TimeSpent
from ..finished_steps import FinishedSteps
from ..storage.event_log import EVENT_CHUNK, LONGEST_EVENT_LINE, Transcript
from ..storage.run_folder import EVENTS, open_file
from .step_lines import steps_in

_LONG = 16_000
"""Steps that are handed out at once: a screen takes them in a few milliseconds."""
_BESIDE = {LayersMeasured, Evaluated, SampleGenerated, CheckpointSaved, TimeSpent}
"""Events that mean the same after some later steps."""
_STEP = (b'{"event":"step",', b'{"event": "step",')
"""How the line of a step begins, as this program writes it and as Python's json does."""


def past_in_columns(run: Path) -> Iterator[list[Arrival]]:
    """What is stored of a run; where its end is not, that it died comes last."""
    seen = Seen()
    steps: list[FinishedSteps] = []
    beside: list[AnyEvent] = []

    waiting = 0

    def gathered() -> Iterator[list[Arrival]]:
        nonlocal waiting
        if waiting:
            yield [*([FinishedSteps.joined(steps)] if steps else []), *beside]
            steps.clear()
            beside.clear()
            waiting = 0

    for arrival in _arrivals(run):
        seen.note([arrival])
        if isinstance(arrival, FinishedSteps):
            if steps and arrival["step"][0] <= steps[-1]["step"][-1]:
                yield from gathered()  # a step that comes again takes back what came after it
            steps.append(arrival)
            waiting += len(arrival)
        elif type(arrival) in _BESIDE:
            beside.append(arrival)
            waiting += 1
        else:
            yield from gathered()
            yield [arrival]
        if waiting >= _LONG:
            yield from gathered()
    yield from gathered()
    if (end := last_event(run, seen)) is not None:
        yield [end]


def _arrivals(run: Path) -> Iterator[AnyEvent | FinishedSteps]:
    transcript = Transcript()
    for piece in _pieces(run):
        finished = steps_in(piece) if transcript.is_between_lines else None
        if finished is not None and finished.rise:
            yield finished
        else:
            yield from _mixed(piece, transcript)


def _pieces(run: Path) -> Iterator[bytes]:
    """Whole lines, but for one that is too long for an event."""
    rest = b""
    with os.fdopen(open_file(run / EVENTS, os.O_RDONLY), "rb", buffering=0) as file:
        while data := file.read(EVENT_CHUNK):
            data = rest + data
            end = data.rfind(b"\n") + 1
            if len(data) - end > LONGEST_EVENT_LINE:
                end = len(data)
            rest = data[end:]
            if end:
                yield data[:end]


def _mixed(piece: bytes, transcript: Transcript) -> Iterator[AnyEvent | FinishedSteps]:
    """Steps before what lies beside them, or else all of it as it came."""
    lines = piece.splitlines(keepends=True)
    finished = steps_in(b"".join(line for line in lines if line.startswith(_STEP)))
    if finished is not None and finished.rise and transcript.is_between_lines:
        others = Transcript().feed(b"".join(line for line in lines if not line.startswith(_STEP)))
        if _BESIDE.issuperset(map(type, others)):
            yield finished
            yield from others
            return
    for kind, events in groupby(transcript.feed(piece), type):
        if kind is StepFinished:
            yield from _rising(FinishedSteps.of(cast("list[StepFinished]", [*events])))
        else:
            yield from events


def _rising(finished: FinishedSteps) -> Iterator[FinishedSteps]:
    if finished.rise:
        yield finished
    else:
        yield from finished.one_by_one()
