"""Rows as files that programs read: comma or tab separated columns, JSON lines, the Trainer's state."""

import json
from collections.abc import Iterable, Sequence
from random import Random

from .dialects import parted, renamed
from .trained_run import LogRow, TrainedRun


def _position(run: TrainedRun, row: LogRow) -> LogRow:
    """The row's place as most programs log it: the epoch where rows are epochs, else the step."""
    name = "epoch" if run.by_epoch else "step"
    return {name: row[name]}


def _split(run: TrainedRun, place: Iterable[LogRow]) -> list[LogRow]:
    """Rows in which training and validation stand apart, as in loggers that write each call by itself."""
    rows: list[LogRow] = []
    for row, where in zip(run.rows, place, strict=True):
        rows += [{**part, **where} for part in parted(row) if part]
    return rows


def _separated(rows: Sequence[LogRow], separator: str) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [separator.join(names)]
    lines += [separator.join(f"{row[name]:.6g}" if name in row else "" for name in names) for row in rows]
    return "\n".join(lines) + "\n"


def _table(run: TrainedRun, draw: Random, separator: str) -> str:
    dialect = draw.choice(("plain", "keras", "capitals", "test") if run.by_epoch else ("plain", "capitals", "test"))
    rows = []
    for row in run.rows:
        training, validation = parted(row)
        rows.append(renamed({**_position(run, row), **training, **validation}, dialect))
    return _separated(rows, separator)


def csv(run: TrainedRun, draw: Random) -> str:
    """One line a row, named as its author liked it."""
    return _table(run, draw, ",")


def tsv(run: TrainedRun, draw: Random) -> str:
    """The same with tabs."""
    return _table(run, draw, "\t")


def lightning(run: TrainedRun, draw: Random) -> str:
    """metrics.csv of Lightning's CSVLogger: training and validation in rows of their own, steps from 0, epoch and step
    last."""
    places = [{"epoch": int(row.get("epoch", 0)), "step": row["step"] - 1} for row in run.rows]
    if run.by_epoch:
        places = [{**place, "epoch": place["epoch"] - 1} for place in places]
    return _separated([renamed(row, "lightning") for row in _split(run, places)], ",")


def _encoded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.7g}")


def json_lines(run: TrainedRun, draw: Random) -> str:
    """One object a line; training and validation apart."""
    dialect = draw.choice(("plain", "wandb"))
    rows = _split(run, [_position(run, row) for row in run.rows])
    lines = []
    for row in rows:
        place = {name: row.pop(name) for name in ("step", "epoch") if name in row}
        lines.append(json.dumps({name: _encoded(v) for name, v in renamed({**place, **row}, dialect).items()}))
    return "\n".join(lines) + "\n"


def trainer_state(run: TrainedRun, draw: Random) -> str:
    """trainer_state.json of the Hugging Face Trainer: a list of what was logged, and what the run is."""
    last = run.last
    places = [{"epoch": row.get("epoch", row["step"] / last["step"]), "step": row["step"]} for row in run.rows]
    rows = [renamed(row, "hugging_face") for row in _split(run, places)]
    history = [{name: _encoded(value) for name, value in sorted(row.items())} for row in rows]
    state = {
        "best_metric": None,
        "best_model_checkpoint": None,
        "epoch": last.get("epoch", 1.0),
        "global_step": last["step"],
        "is_hyper_param_search": False,
        "log_history": history,
        "max_steps": last["step"],
        "num_train_epochs": int(max(last.get("epoch", 1.0), 1)),
        "train_batch_size": 8,
    }
    return json.dumps(state, indent=2) + "\n"
