"""The cells of a sweep in a table: the loss of each, and a shade for how good it is. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...engine.experiments.sweep import SweepPlan, best_cell, heat_levels, lr_sensitivity
from ...engine.experiments.sweep_runs import SweepCell
from ...engine.vocabulary import CHANCE_LOSS
from ..formatting import setting, time_left

SHADES, ASCII_SHADES = " ·░▒▓█", " .:-#@"
"""By the level of heat, from none to that of the best cells."""


_MOST_SHOWN = 0.99
"""The share of one that trains, which has not ended before its last evaluation."""
LONGEST_CELL = len("█ 2.345 99%*")


@dataclass(frozen=True)
class CellText:
    text: str
    level: int
    is_best: bool


def cell_texts(plan: SweepPlan, cells: Sequence[SweepCell], *, ascii: bool) -> list[CellText]:
    """Such as `█ 2.345`; of one that trains also how far it is."""
    losses = [cell.loss if cell.state != "failed" else math.nan for cell in cells]
    shades, best = ASCII_SHADES if ascii else SHADES, best_cell(losses)
    return [
        CellText(f"{shades[level]} {_words(cell, loss, plan.steps)}", level, place == best)
        for place, (cell, loss, level) in enumerate(zip(cells, losses, heat_levels(losses), strict=True))
    ]


def _words(cell: SweepCell, loss: float, steps: int) -> str:
    match cell.state:
        case "waiting":
            return "-"
        case "failed":
            return "failed"
        case "training":
            known = f"{loss:.3f} " if math.isfinite(loss) else ""
            return f"{known}{min(cell.step / steps, _MOST_SHOWN):.0%}"
        case "ended":
            return f"{loss:.3f}" if math.isfinite(loss) else "NaN"


def axis_words(value: object) -> str:
    return setting(value) if isinstance(value, float) else str(value)


def row_labels(plan: SweepPlan) -> list[str]:
    return [axis_words(value) for value in plan.down.values] if plan.down else [""]


def cell_widths(plan: SweepPlan) -> tuple[int, int]:
    """Of the labels of the rows, and of a column of cells, on the screen, where they stay the same."""
    labels = [plan.down.name if plan.down else "", *row_labels(plan)]
    columns = [axis_words(value) for value in plan.across.values]
    return max(map(len, labels)) + 2, max(LONGEST_CELL + 2, *(len(each) + 2 for each in columns))


def sweep_rows(plan: SweepPlan, cells: Sequence[SweepCell], *, ascii: bool) -> list[str]:
    """As lines of text; the best cell has a star."""
    texts = [f"{each.text}{'*' if each.is_best else ' '}" for each in cell_texts(plan, cells, ascii=ascii)]
    columns, labels = [axis_words(value) for value in plan.across.values], row_labels(plan)
    corner = plan.down.name if plan.down else ""
    left = max(map(len, [corner, *labels])) + 2
    width = max(map(len, [*texts, *columns])) + 2
    rows = [texts[start : start + len(columns)] for start in range(0, len(texts), len(columns))]
    return [
        f"{'':<{left}}{plan.across.name}",
        f"{corner:<{left}}" + "".join(f"{each:<{width}}" for each in columns).rstrip(),
        *(
            f"{label:<{left}}" + "".join(f"{each:<{width}}" for each in row).rstrip()
            for label, row in zip(labels, rows, strict=True)
        ),
    ]


def sensitivity_words(curves: Sequence[tuple[str, list[float], list[float]]]) -> list[str]:
    """A line for each curve over the lr: how much is lost on average by an lr that is not the best."""
    return [
        f"lr sensitivity, {name}: {lr_sensitivity(losses, CHANCE_LOSS):.3f}"
        for name, _, losses in curves
        if any(map(math.isfinite, losses))
    ]


def sweep_progress(plan: SweepPlan, cells: Sequence[SweepCell], spent_s: float) -> str:
    """How many runs and steps there are, and how long the others take."""
    ended = [cell for cell in cells if cell.is_over]
    done = sum(cell.step for cell in cells)
    of = sum(cell.step for cell in ended) + plan.steps * (len(cells) - len(ended))
    return f"{len(ended)} of {len(cells)} runs, {done} of {of} steps, {time_left(spent_s, done, of)}"


def sweep_ended(cells: Sequence[SweepCell]) -> str:
    ended = sum(cell.is_over for cell in cells)
    return "all runs have ended" if ended == len(cells) else f"{ended} of {len(cells)} runs have ended"
