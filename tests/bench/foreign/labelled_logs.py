"""Cases by seed become logs with labels, in the form that the diagnosis is scored on."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import MappingProxyType

import torch

from . import tasks_classes, tasks_continued, tasks_generative, tasks_regression, tasks_rewards, tasks_sequences
from .evidence import bears_out
from .formats import Format, format_for
from .snippets import SNIPPETS
from .trained_run import Task, TrainedRun

_MODULES = (tasks_classes, tasks_sequences, tasks_continued, tasks_regression, tasks_generative, tasks_rewards)
TASKS: Mapping[str, Task] = MappingProxyType({task.__name__: task for module in _MODULES for task in module.TASKS})
CASES: tuple[str, ...] = (*TASKS, *SNIPPETS)


@dataclass(frozen=True, kw_only=True)
class LabelledLog:
    case: str
    seed: int
    run: TrainedRun
    format: Format
    text: str

    @property
    def file(self) -> str:
        return f"{self._part}_{self.case}_s{self.seed}.{self.format.suffix}"

    @property
    def _part(self) -> str:
        if self.run.is_snippet:
            return "c"
        return "b" if self.run.must else "a"

    @property
    def _group(self) -> str:
        if self.run.is_snippet:
            return "pasted snippets"
        return "other tasks, by epoch" if self.run.by_epoch else "other tasks, by step"

    def label(self) -> dict[str, object]:
        run = self.run
        return {
            "file": self.file,
            "must": run.must,
            "may": run.may,
            "onset": self._number(run.onset),
            "steps": None if run.is_snippet else self._number(len(run.rows) - 1),
            "seam": self._number(run.seam),
            "part": self._part.upper(),
            "group": self._group,
            "case": self.case,
            "style": self.format.name,
            "why": _why(self.case),
        }

    def _number(self, row: int | None) -> int | None:
        """What the log numbers the row by."""
        if row is None or self.format.counts == "entries":
            return None
        by_epoch = self.run.by_epoch and self.format.counts == "rows"
        return int(self.run.rows[row]["epoch" if by_epoch else "step"])


def labelled_log(case: str, seed: int) -> LabelledLog | None:
    """None where the planted fault does not show, or a healthy run looks like a faulty one."""
    draw = Random(f"{case}/{seed}/written")
    run = run_of(case, seed)
    if not bears_out(run):
        return None
    chosen = format_for(run, CASES.index(case) + seed)
    return LabelledLog(case=case, seed=seed, run=run, format=chosen, text=chosen.write(run, draw))


@cache
def run_of(case: str, seed: int) -> TrainedRun:
    if case in SNIPPETS:
        snippet = SNIPPETS[case]
        return snippet.taken(run_of(snippet.task, seed), Random(f"{case}/{seed}/rows"))
    torch.set_num_threads(1)
    return TASKS[case](Random(f"{case}/{seed}"))


def _why(case: str) -> str:
    task = SNIPPETS[case].task if case in SNIPPETS else case
    text = " ".join((inspect.getdoc(TASKS[task]) or "").split())
    return f"A few rows of it: {text}" if case in SNIPPETS else text


def write_logs(folder: Path, cases: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
    """Writes the logs and labels.json into the folder, and yields a line for each case."""
    folder.mkdir(parents=True, exist_ok=True)
    labels: list[dict[str, object]] = []
    for seed in seeds:
        for case in cases:
            log = labelled_log(case, seed)
            if log is None:
                yield f"{case}/{seed} left out: its rows do not bear out its label"
                continue
            (folder / log.file).write_text(log.text, encoding="utf-8")
            labels.append(log.label())
            yield f"{log.file} {log.format.name}"
        (folder / "labels.json").write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")
