"""All cases and all foreign logs, made or read, and judged, in a few processes side by side."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from .case import Case
from .cases import cases
from .foreign_logs import FOREIGN_SEEDS, JudgedLog, judged_logs
from .judging import Judged, judged
from .recording import recording

SEEDS = (41, 42)


def measure(rounds: int, folder: Path, *, processes: int, only: str = "", again: bool = False) -> Iterator[Judged]:
    """In each round every case once, trained where its rows are not in the folder yet; the seeds take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [(index, case) for index, case in enumerate(cases()) if only in case.name]
    jobs = [
        (case, SEEDS[(index + turn) % len(SEEDS)], folder, again) for turn in range(rounds) for index, case in chosen
    ]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_measured, *zip(*jobs, strict=True))


def _measured(case: Case, seed: int, folder: Path, again: bool) -> Judged:
    return judged(recording(case, seed, folder=folder, again=again), folder)


def measure_foreign(folder: Path, *, processes: int, only: str = "", again: bool = False) -> Iterator[JudgedLog]:
    jobs = [(seed, folder, only, again) for seed in FOREIGN_SEEDS]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for logs in pool.map(_measured_foreign, *zip(*jobs, strict=True)):
            yield from logs


def _measured_foreign(seed: int, folder: Path, only: str, again: bool) -> list[JudgedLog]:
    return list(judged_logs(seed, folder, only=only, again=again))
