"""The formats that a run can be written in, and which run each is usual for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from . import formats_data, formats_lines, formats_tables
from .trained_run import TrainedRun

_PRINTED = {"step", "epoch", "loss", "val_loss", "lr", "grad_norm", "acc", "val_acc"}
_REASONS = {"seq_len", "accum_steps", "batch_size", "loss_scale", "eval_old_loss"}
_MEGATRON = {"step", "loss", "val_loss", "lr", "grad_norm", "loss_scale", "skipped"}


@dataclass(frozen=True, kw_only=True)
class Format:
    write: Callable[[TrainedRun, Random], str]
    suffix: str
    fits: Callable[[TrainedRun], bool]
    counts: Literal["rows", "steps", "entries"] = "rows"
    """What the log numbers its rows by: epochs where a row is one, else steps; always steps; or nothing at all."""
    is_pasted: bool = True
    """People paste a few lines of it."""

    @property
    def name(self) -> str:
        return self.write.__name__


def _names(run: TrainedRun) -> set[str]:
    return {name for row in run.rows for name in row}


def _has_loss(run: TrainedRun) -> bool:
    return "loss" in run.rows[0] and not run.rewards


def _is_epochs(run: TrainedRun) -> bool:
    return run.by_epoch and _has_loss(run)


def _is_printable(run: TrainedRun) -> bool:
    return not run.by_epoch and _has_loss(run) and _names(run) <= _PRINTED


def _is_megatron(run: TrainedRun) -> bool:
    return {"lr", "grad_norm", "loss"} <= _names(run) <= _MEGATRON


def _is_notebook(run: TrainedRun) -> bool:
    """The table has no column for a reason to jump, and leaves out rows between evaluations, a spike's too."""
    evaluated = sum("val_loss" in row for row in run.rows)
    keeps_fault = evaluated in (0, len(run.rows)) or run.must in ((), (("overfitting",),))
    return _has_loss(run) and keeps_fault and not _REASONS & _names(run)


def _is_evaluated(run: TrainedRun) -> bool:
    return _is_epochs(run) and all("val_loss" in row for row in run.rows)


FORMATS: tuple[Format, ...] = (
    Format(write=formats_data.csv, suffix="csv", fits=lambda run: True),
    Format(write=formats_lines.epoch_prints, suffix="txt", fits=_is_epochs),
    Format(write=formats_lines.step_prints, suffix="txt", fits=_is_printable),
    Format(write=formats_data.json_lines, suffix="jsonl", fits=lambda run: True, is_pasted=False),
    Format(write=formats_lines.trainer_lines, suffix="txt", fits=_has_loss, counts="entries"),
    Format(write=formats_lines.keras, suffix="txt", fits=_is_epochs),
    Format(write=formats_lines.megatron, suffix="log", fits=_is_megatron),
    Format(write=formats_data.lightning, suffix="csv", fits=_has_loss, counts="steps", is_pasted=False),
    Format(write=formats_tables.baselines_blocks, suffix="log", fits=lambda run: run.rewards),
    Format(write=formats_tables.notebook_table, suffix="txt", fits=_is_notebook),
    Format(write=formats_lines.key_values, suffix="log", fits=lambda run: True),
    Format(write=formats_tables.fastai, suffix="txt", fits=_is_evaluated),
    Format(write=formats_data.trainer_state, suffix="json", fits=_has_loss, counts="steps", is_pasted=False),
    Format(write=formats_lines.espnet, suffix="log", fits=_is_epochs, counts="entries"),
    Format(write=formats_data.tsv, suffix="tsv", fits=lambda run: True),
    Format(write=formats_lines.fairseq, suffix="log", fits=_has_loss, counts="entries"),
)


def format_for(run: TrainedRun, turn: int) -> Format:
    """One of the formats that are usual for such a run; the next turn has the next one."""
    usual: Sequence[Format] = [f for f in FORMATS if f.fits(run) and (f.is_pasted or not run.is_snippet)]
    return usual[turn % len(usual)]
