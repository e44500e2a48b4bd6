"""The list of runs as text: a table for people, JSON lines for scripts."""

import json
from collections.abc import Iterable, Sequence

from ...engine.events import json_number
from ...engine.storage.run_summary import RunSummary
from ..formatting import megabytes
from ..text import visible, visible_json

_HEADINGS = ("run", "state", "step", "loss", "val_loss", "findings", "size", "created", "title")
_DISPENSABLE = ("title", "created", "size", "val_loss", "findings", "loss")
"""Left out one after the other where a terminal is too narrow for all."""


def run_table(summaries: Iterable[RunSummary], width: int | None = None) -> str:
    """A line a run, of at most `width` characters if names, states and steps fit in it. None is any width."""
    summaries = list(summaries)
    rows = [_HEADINGS, *(_cells(summary) for summary in summaries if summary.state != "damaged")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    widths[0] = max(widths[0], *(len(visible(summary.name)) for summary in summaries))
    shown = _shown(widths, width)
    lines = [_line([_HEADINGS[column] for column in shown], [widths[column] for column in shown])]
    for summary in summaries:
        if summary.state == "damaged":
            line = f"{visible(summary.name):<{widths[0]}}  damaged  {visible(summary.why)}"
            lines.append(line if width is None or len(line) <= width else f"{line[: width - 3]}...")
        else:
            cells = _cells(summary)
            lines.append(_line([cells[column] for column in shown], [widths[column] for column in shown]))
    return "\n".join(lines)


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(map(str.ljust, cells, widths)).rstrip()


def _shown(widths: Sequence[int], width: int | None) -> list[int]:
    """The columns for which there is room."""
    shown = list(range(len(_HEADINGS)))
    for heading in _DISPENSABLE:
        if width is None or sum(widths[column] + 2 for column in shown) - 2 <= width:
            break
        shown.remove(_HEADINGS.index(heading))
    return shown


def json_row(summary: RunSummary) -> str:
    row = {
        "name": summary.name,
        "path": str(summary.path),
        "state": summary.state,
        "step": summary.step,
        "steps": summary.steps,
        "loss": None if summary.loss is None else json_number(summary.loss),
        "val_loss": None if summary.val_loss is None else json_number(summary.val_loss),
        "findings": summary.findings,
        "bytes": summary.bytes,
    }
    return visible_json(json.dumps(row | {"pid": summary.pid, "watched": summary.watched} if summary.pid else row))


def _cells(summary: RunSummary) -> tuple[str, ...]:
    return (
        visible(summary.name),
        f"{summary.state}, unwatched" if summary.pid and not summary.watched else summary.state,
        f"{summary.step}/{summary.steps}" if summary.steps else str(summary.step),
        _loss(summary.loss),
        _loss(summary.val_loss),
        str(summary.findings),
        megabytes(summary.bytes),
        f"{summary.created.astimezone():%Y-%m-%d %H:%M}",
        visible(summary.title),
    )


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
