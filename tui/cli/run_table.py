"""The list of runs as text: a table for people, JSON lines for scripts."""

import json
import math
from collections.abc import Iterable

from ...engine.storage.run_store import RunSummary
from ..text import visible, visible_json

_HEADINGS = ("run", "state", "step", "loss", "val_loss", "findings", "size", "created", "title")


def table(summaries: Iterable[RunSummary]) -> str:
    rows = [_HEADINGS, *(_cells(summary) for summary in summaries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def json_row(summary: RunSummary) -> str:
    row = {
        "name": summary.name,
        "path": str(summary.path),
        "state": summary.state,
        "step": summary.step,
        "steps": summary.steps,
        "loss": _strict(summary.loss),
        "val_loss": _strict(summary.val_loss),
        "findings": summary.findings,
        "bytes": summary.bytes,
    }
    return visible_json(json.dumps(row | {"pid": summary.pid} if summary.pid else row))


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _cells(summary: RunSummary) -> tuple[str, ...]:
    if summary.state == "damaged":
        return (visible(summary.name), "damaged", *[""] * 6, visible(summary.why))
    return (
        visible(summary.name),
        summary.state,
        f"{summary.step}/{summary.steps}",
        _loss(summary.loss),
        _loss(summary.val_loss),
        str(summary.findings),
        megabytes(summary.bytes),
        f"{summary.created.astimezone():%Y-%m-%d %H:%M}",
        visible(summary.title),
    )


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _strict(value: float | None) -> float | str | None:
    """Strict JSON has no NaN; events write it in the same way."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
