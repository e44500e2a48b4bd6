"""What a diagnosis costs: microseconds a row for all detectors, and seconds for large logs, read and judged.

    python -m tests.bench.diagnosis [--against FOLDER]

FOLDER holds another version of the package `tinygpt_tui`; both take turns, so that the ratio is true on a busy machine.
Times are those of the processor, and the best of several.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from types import MappingProxyType

from tinygpt_tui.engine.diagnostics.report import Reporter
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.tui.cli.diagnose import diagnose_log

from ..store_files import event, events, history, simple, wandb

ROOT = Path(__file__).parents[2]
ROWS = 10_000


def loss_at(step: int, draw: random.Random) -> float:
    return 2 + 3 / (1 + step / 100) + draw.gauss(0, 0.1)


def microseconds_a_row() -> float:
    """A row has loss, lr and grad_norm."""
    draw = random.Random(1)
    rows = [
        Row(step, {"loss": loss_at(step, draw), "lr": 1e-3, "grad_norm": 1 + draw.random()}) for step in range(ROWS)
    ]
    return 1e6 / ROWS * best_of(8, lambda: _observe(rows))


def _observe(rows: Sequence[Row]) -> None:
    reporter = Reporter()
    for row in rows:
        reporter.observe(row)


def best_of(times: int, work: Callable[[], object]) -> float:
    seconds: list[float] = []
    for _ in range(times):
        began = process_time()
        work()
        seconds.append(process_time() - began)
    return min(seconds)


def csv_log(path: Path, rows: int) -> None:
    draw = random.Random(1)
    with path.open("w") as file:
        file.write("step,loss,lr\n")
        file.writelines(f"{step},{loss_at(step, draw):.4f},0.001\n" for step in range(rows))


def event_log(path: Path, rows: int) -> None:
    draw = random.Random(1)
    path.write_bytes(events(*(event(step, simple("train/loss", loss_at(step, draw))) for step in range(rows))))


def wandb_log(path: Path, rows: int) -> None:
    draw = random.Random(1)
    path.write_bytes(wandb(history({"train/loss": loss_at(s, draw), "lr": 1e-3, "_step": s}) for s in range(rows)))


LOGS: Mapping[str, tuple[Callable[[Path, int], None], str, int]] = MappingProxyType(
    {
        "CSV": (csv_log, "metrics.csv", 1_000_000),
        "TensorBoard": (event_log, "events.out.tfevents.1.host", 320_000),
        "W&B": (wandb_log, "run-1.wandb", 200_000),
    }
)


def measured(folder: Path, share: float) -> dict[str, float]:
    """Of this version; the logs have that share of their rows and are written into the folder if they are not there."""
    figures = {"all detectors, us a row": microseconds_a_row()}
    for name, (write, file, rows) in LOGS.items():
        path = folder / file
        if not path.exists():
            write(path, round(rows * share))
        seconds = best_of(2, partial(diagnose_log, str(path), folder, {}))
        figures[f"{name}, {rows:,} rows, s"] = seconds / share
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="a folder with another version of the package")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.1, help="of the rows that each log is to have")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measured(options.once, options.share)))
        return
    versions = {"this": None} | ({"other": options.against} if options.against else {})
    best: dict[str, dict[str, float]] = {name: {} for name in versions}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.turns):
            for name, path in versions.items():
                for what, figure in _in_a_process(path, Path(folder), options.share).items():
                    best[name][what] = min(figure, best[name].get(what, figure))
    for what, figure in best["this"].items():
        other = best.get("other", {}).get(what)
        print(f"{what}: {figure:.2f}" + (f", {figure / other:.2f} of the other's {other:.2f}" if other else ""))


def _in_a_process(package: Path | None, logs: Path, share: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.diagnosis", "--once", str(logs), "--share", str(share)]
    path = {"PYTHONPATH": str(package)} if package else None
    done = subprocess.run(command, env=path, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
