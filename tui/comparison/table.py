"""A comparison as a table: what each run reached, how far it is from the baseline, and which settings differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..formatting import UNKNOWN, compact
from ..text import visible
from ..view.comparison import (
    ComparedRun,
    Difference,
    Reached,
    best_point,
    better_words,
    different_settings,
    direction_of,
    held_against,
    last_point,
    usual_metric,
)

_LONGEST_NAME = 28
_SHORTEST_NAME = 9
_LONGEST_VALUE = 24
_LONGEST_SETTING = 40
_MOST_SETTINGS = 40
_GAP = "  "


@dataclass(frozen=True)
class TableRow:
    cells: tuple[str, ...]
    letters: tuple[str, ...]
    """For each cell the letter of the run whose colour it has; empty for none."""


def comparison_rows(runs: Sequence[ComparedRun], baseline: ComparedRun, metric: str = "") -> list[TableRow]:
    """The heading and a row a run: what it reached in the losses, or in another metric that is named."""
    metric = metric or usual_metric(runs)
    against = f"against {baseline.letter}"
    if metric in ("loss", "val_loss"):
        heading = ("", "run", "step", "val_loss", against, "best val_loss", "loss")
        rows = [_run_row(run, _losses(run, baseline)) for run in runs]
    else:
        name = _cut(visible(metric), _LONGEST_NAME)
        heading = ("", "run", "step", name, against, "lowest", "highest")
        rows = [_run_row(run, _reached(run, baseline, metric)) for run in runs]
    return [_plain(heading), *rows]


def settings_rows(runs: Sequence[ComparedRun]) -> list[TableRow]:
    """The heading and a row a setting that differs; the heading alone where none does."""
    letters = tuple(run.letter for run in runs)
    rows = [TableRow(("setting", *letters), ("", *letters))]
    differing = different_settings(runs)
    for key, values in differing[:_MOST_SETTINGS]:
        name = _cut_path(visible(key), _LONGEST_SETTING)
        rows.append(_plain((name, *(_cut(visible(value), _LONGEST_VALUE) or UNKNOWN for value in values))))
    if len(differing) > _MOST_SETTINGS:
        rows.append(_plain((f"and {len(differing) - _MOST_SETTINGS} more", *("" for _ in runs))))
    return rows


def fitted_tables(rows: Sequence[TableRow], width: int) -> list[list[TableRow]]:
    """The rows as tables of at most a width: one with shorter names if that is enough, or several below each other."""
    too_wide = sum(_column_widths(rows)) - len(_GAP) - width
    longest = max(len(row.cells[1]) for row in rows)
    if longest - too_wide < _SHORTEST_NAME:
        return folded_tables(rows, width)
    most = longest - max(too_wide, 0)
    return [[replace(row, cells=(row.cells[0], _cut_inside(row.cells[1], most), *row.cells[2:])) for row in rows]]


def folded_tables(rows: Sequence[TableRow], width: int) -> list[list[TableRow]]:
    """As many columns in each table as fit into a width; the first column is in all of them."""
    first, *others = _column_widths(rows)
    tables: list[list[int]] = [[]]
    taken = first
    for column, wide in enumerate(others, 1):
        if tables[-1] and taken + wide - len(_GAP) > width:
            tables.append([])
            taken = first
        tables[-1].append(column)
        taken += wide
    return [[_columns(row, [0, *columns]) for row in rows] for columns in tables]


def _columns(row: TableRow, places: Sequence[int]) -> TableRow:
    return TableRow(tuple(row.cells[each] for each in places), tuple(row.letters[each] for each in places))


def _column_widths(rows: Sequence[TableRow]) -> list[int]:
    return [max(len(row.cells[column]) for row in rows) + len(_GAP) for column in range(len(rows[0].cells))]


def laid_out_rows(rows: Sequence[TableRow]) -> list[list[tuple[str, str]]]:
    """Each cell with its letter, padded so that columns stand below each other."""
    widths = _column_widths(rows)
    return [
        [(f"{cell:<{width}}", letter) for cell, width, letter in zip(row.cells, widths, row.letters, strict=True)]
        for row in rows
    ]


def comparison_text(runs: Sequence[ComparedRun], baseline: ComparedRun, metric: str = "") -> str:
    """The whole table as lines of text."""
    lines = [_line(pieces) for pieces in laid_out_rows(comparison_rows(runs, baseline, metric))]
    settings = settings_rows(runs)
    if sum(bool(run.settings) for run in runs) < 2:
        return "\n".join(lines)
    if len(settings) == 1:
        return "\n".join([*lines, "", "No setting differs."])
    return "\n".join([*lines, "", *(_line(pieces) for pieces in laid_out_rows(settings))])


def _line(pieces: list[tuple[str, str]]) -> str:
    return "".join(text for text, _ in pieces).rstrip()


def _run_row(run: ComparedRun, reached: Sequence[str]) -> TableRow:
    last = run.curves.extent[1] if len(run.curves) else 0
    step = f"{last:.0f}{'' if run.is_over else ' …'}" if last else "0"
    cells = (run.letter, _cut_path(visible(run.name), _LONGEST_NAME), step, *reached)
    return TableRow(cells, (run.letter, run.letter, *("",) * (len(cells) - 2)))


def _losses(run: ComparedRun, baseline: ComparedRun) -> tuple[str, ...]:
    against = _against(held_against(run, baseline)) if run is not baseline else "baseline"
    best = _point(best_point(run, "val_loss"))
    return _last(run, "val_loss"), against, best, _last(run, "loss")


def _reached(run: ComparedRun, baseline: ComparedRun, metric: str) -> tuple[str, ...]:
    against = _against(held_against(run, baseline, (metric,))) if run is not baseline else "baseline"
    lowest, highest = best_point(run, metric), best_point(run, metric, "higher")
    return _last(run, metric), against, _point(lowest), _point(highest)


def _point(reached: Reached | None) -> str:
    return f"{compact(reached.value)} at {reached.step}" if reached else UNKNOWN


def _last(run: ComparedRun, metric: str) -> str:
    last = last_point(run, metric)
    return compact(last.value) if last else UNKNOWN


def _against(found: Difference | None) -> str:
    """By how much, in which metric, and where both have it."""
    if found is None:
        return UNKNOWN
    if math.isinf(found.better) or math.isnan(found.better):
        words = "a number" if found.better > 0 else "no number"
    elif direction_of(found.metric) is None:
        words = f"{found.now - found.was:+.3g}"
    else:
        words = better_words(found)
    metric = " loss" if found.metric == "loss" else ""
    return f"{words}{metric} at {found.step}"


def _plain(cells: tuple[str, ...]) -> TableRow:
    return TableRow(cells, ("",) * len(cells))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _cut_inside(text: str, most: int) -> str:
    """Both ends stay: runs that were forked from one another differ in the last letters."""
    end = most // 2
    return text if len(text) <= most else f"{text[: most - 1 - end]}…{text[-end:]}"


def _cut_path(name: str, most: int) -> str:
    """Of a path the end tells more than the beginning."""
    return f"…{name[1 - most :]}" if "/" in name and len(name) > most else _cut(name, most)
