"""Is the data what it should be: do targets follow inputs, and does the held-out text lie in the training text."""

from dataclasses import dataclass

import numpy as np

from .probe_verdicts import answer
from .probes import ProbeAnswer

WINDOW_BYTES = 64
"""Bytes that must be the same to count as text that comes again."""
WINDOWS_SEARCHED = 200
"""Looked for in the training text."""
BYTES_SEARCHED = 3_000_000_000
"""In all windows together: of a large text fewer are looked for, so that it takes some seconds."""
MOST_OVERLAP = 0.25
"""Share of held-out windows that may occur in the training text: 0.1 of Python's standard library, where licences and
tables come again."""
MOST_DUPLICATES = 0.5
"""Share of training windows that may occur again: 0.19 there."""
_SHOWN = 32
"""Bytes of the decoded batch."""


@dataclass(frozen=True, kw_only=True)
class CheckedBatches:
    """The batches of some steps as they were trained on."""

    steps: int
    wrong: tuple[int, ...]
    """Steps in which targets are not the inputs one further."""
    share: float
    """Of targets that are not, in the first of these."""
    inputs: bytes
    """Of one sequence."""
    targets: bytes


@dataclass(frozen=True)
class Repetition:
    """Shares of windows of the text that occur in the training text."""

    overlap: float
    """Of the held-out text."""
    duplicates: float
    """Of the training text, elsewhere in it."""


def repetition(train: np.ndarray, val: np.ndarray) -> Repetition:
    text = train.tobytes()
    held_out = [window for _, window in _windows(val, len(text))]
    own = _windows(train, len(text))
    return Repetition(
        _share([window in text for window in held_out]),
        _share([text.find(window) != start or text.find(window, start + 1) >= 0 for start, window in own]),
    )


def data_verdict(batches: CheckedBatches, repeated: Repetition) -> ProbeAnswer:
    shown = f"“{_decoded(batches.inputs)}” → “{_decoded(batches.targets)}”"
    values = {
        "steps": float(batches.steps),
        "wrong": float(len(batches.wrong)),
        "overlap": repeated.overlap,
        "duplicates": repeated.duplicates,
    }
    if batches.wrong:
        found = f"in {len(batches.wrong)} of {batches.steps} steps targets are not the inputs one further"
        evidence = f"{found}, first at step {batches.wrong[0]} ({batches.share:.0%} of them): {shown}"
        remedy = "make the targets the inputs one further: look at what shuffles, shifts or replaces them"
        return answer("data", False, evidence, values, remedy=remedy)
    shares = (
        f"{repeated.overlap:.0%} of held-out and {repeated.duplicates:.0%} of training windows "
        f"of {WINDOW_BYTES} bytes occur elsewhere in the training text"
    )
    if repeated.overlap > MOST_OVERLAP:
        remedy = "hold out text that the training text does not repeat: val_loss measures memory otherwise"
        return answer("data", False, shares, values, remedy=remedy)
    if repeated.duplicates > MOST_DUPLICATES:
        return answer("data", False, shares, values, remedy="leave out files that repeat others")
    return answer("data", True, f"in {batches.steps} steps: {shown}; {shares}", values)


def _windows(tokens: np.ndarray, searched: int) -> list[tuple[int, bytes]]:
    """Evenly spaced, with their places."""
    length = min(WINDOW_BYTES, len(tokens))
    count = max(min(WINDOWS_SEARCHED, BYTES_SEARCHED // max(searched, 1)), 8)
    starts = np.unique(np.linspace(0, len(tokens) - length, count, dtype=np.int64))
    return [(int(start), tokens[start : start + length].tobytes()) for start in starts]


def _share(found: list[bool]) -> float:
    return sum(found) / len(found)


def _decoded(tokens: bytes) -> str:
    text = tokens[:_SHOWN].decode(errors="replace")
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
