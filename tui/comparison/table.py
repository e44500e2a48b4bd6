"""A comparison as a table: what each run reached, how far it is from the baseline, and which settings differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..formatting import UNKNOWN, compact
from ..text import visible
from ..view.comparison import (
    ComparedMetric,
    ComparedRun,
    Difference,
    best_point,
    better_words,
    different_settings,
    held_against,
    last_point,
)

_HEADINGS = ("", "run", "step", "val_loss", "against", "best val_loss", "loss")
_LONGEST_NAME = 28
_LONGEST_VALUE = 24


@dataclass(frozen=True)
class TableRow:
    cells: tuple[str, ...]
    letters: tuple[str, ...]
    """For each cell the letter of the run whose colour it has; empty for none."""


def comparison_rows(runs: Sequence[ComparedRun], baseline: ComparedRun) -> list[TableRow]:
    """The heading and a row a run."""
    heading = [f"against {baseline.letter}" if word == "against" else word for word in _HEADINGS]
    return [_plain(tuple(heading)), *(_run_row(run, baseline) for run in runs)]


def settings_rows(runs: Sequence[ComparedRun]) -> list[TableRow]:
    """The heading and a row a setting that differs; the heading alone where none does."""
    letters = tuple(run.letter for run in runs)
    rows = [TableRow(("setting", *letters), ("", *letters))]
    for key, values in different_settings(runs):
        cells = (visible(key), *(_cut(visible(value), _LONGEST_VALUE) or UNKNOWN for value in values))
        rows.append(_plain(cells))
    return rows


def laid_out_rows(rows: Sequence[TableRow]) -> list[list[tuple[str, str]]]:
    """Each cell with its letter, padded so that columns stand below each other."""
    widths = [max(len(row.cells[column]) for row in rows) for column in range(len(rows[0].cells))]
    return [
        [(f"{cell:<{width}}  ", letter) for cell, width, letter in zip(row.cells, widths, row.letters, strict=True)]
        for row in rows
    ]


def comparison_text(runs: Sequence[ComparedRun], baseline: ComparedRun) -> str:
    """The whole table as lines of text."""
    lines = [_line(pieces) for pieces in laid_out_rows(comparison_rows(runs, baseline))]
    settings = settings_rows(runs)
    if len(settings) == 1:
        return "\n".join([*lines, "", "No setting differs."])
    return "\n".join([*lines, "", *(_line(pieces) for pieces in laid_out_rows(settings))])


def _line(pieces: list[tuple[str, str]]) -> str:
    return "".join(text for text, _ in pieces).rstrip()


def _run_row(run: ComparedRun, baseline: ComparedRun) -> TableRow:
    best = best_point(run, "val_loss")
    last = last_point(run, "loss")
    cells = (
        run.letter,
        _cut(visible(run.name), _LONGEST_NAME),
        f"{last.step}{'' if run.is_over else ' …'}" if last else "0",
        _last(run, "val_loss"),
        "baseline" if run is baseline else _against(held_against(run, baseline)),
        f"{compact(best.value)} at {best.step}" if best else UNKNOWN,
        _last(run, "loss"),
    )
    return TableRow(cells, (run.letter, run.letter, *("",) * (len(cells) - 2)))


def _last(run: ComparedRun, metric: ComparedMetric) -> str:
    last = last_point(run, metric)
    return compact(last.value) if last else UNKNOWN


def _against(found: Difference | None) -> str:
    """By how much, in which metric, and where both have it."""
    if found is None:
        return UNKNOWN
    if math.isinf(found.better) or math.isnan(found.better):
        words = "a number" if found.better > 0 else "no number"
    else:
        words = better_words(found.better)
    metric = "" if found.metric == "val_loss" else " loss"
    return f"{words}{metric} at {found.step}"


def _plain(cells: tuple[str, ...]) -> TableRow:
    return TableRow(cells, ("",) * len(cells))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
