"""Logs of other programs opened by `watch` in a real pseudo-terminal: seconds from the command to the last step.

    python -m tests.bench.opening [--share 0.1] [NAME ...]

Prints a table: the wall clock, and the processor's seconds and the memory of the program until then.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tinygpt_tui.tui.run.process_memory import resident_bytes

from ..store_files import event, events, history, simple, wandb

sys.path.append(str(Path(__file__).parent))
from screen import terminal

Rows = list[dict[str, float]]


def rows_of(steps: int, columns: int = 3) -> Rows:
    draw = random.Random(1)
    names = ["loss", "lr", "grad_norm", *(f"layer{place}/norm" for place in range(columns - 3))]
    return [
        {"step": step, "loss": round(2 + 3 / (1 + step / 100) + draw.gauss(0, 0.1), 4), "lr": 1e-3}
        | {name: round(1 + draw.random(), 4) for name in names[2:]}
        for step in range(steps)
    ]


def csv(path: Path, rows: Rows) -> None:
    lines = (",".join(map(str, row.values())) for row in rows)
    path.write_text("\n".join([",".join(rows[0]), *lines, ""]))


def json_lines(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def event_file(path: Path, rows: Rows) -> None:
    named = ((int(row["step"]), simple(f"train/{name}", row[name])) for row in rows for name in row if name != "step")
    path.write_bytes(events(*(event(step, value) for step, value in named)))


def wandb_file(path: Path, rows: Rows) -> None:
    path.write_bytes(wandb(history({**row, "_step": row["step"]}) for row in rows))


LOGS: Mapping[str, tuple[str, Callable[[Path, Rows], None], int, int, float]] = MappingProxyType(
    {
        "csv": ("metrics.csv", csv, 200_000, 3, 1.0),
        "jsonl": ("metrics.jsonl", json_lines, 200_000, 3, 1.0),
        "tensorboard": ("events.out.tfevents.1.host", event_file, 200_000, 3, 5.0),
        "wandb": ("run-1.wandb", wandb_file, 200_000, 3, 5.0),
        "million": ("million.csv", csv, 1_000_000, 3, 2.0),
        "wide": ("wide.csv", csv, 20_000, 200, 2.0),
    }
)
"""File, writer, steps, columns, and the seconds in which it is to be open on a machine that does nothing else."""


def opened(name: str, home: Path, share: float) -> str:
    file, write, steps, columns, bound = LOGS[name]
    steps = max(round(steps * share), 10)
    path = home / file
    write(path, rows_of(steps, columns))
    with terminal(["watch", str(path)], home) as screen:
        seconds = screen.wait_for(rb"step %d\D" % (steps - 1), 120)
        used, memory = screen.processor_s(), (resident_bytes(screen.pid) or 0) / 1e6
    path.unlink()
    return f"{name:12} {steps:>9,} {columns:>8} {seconds:>7.2f} {used:>7.2f} {bound:>7.1f} {memory:>5.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *LOGS])
    parser.add_argument("--share", type=float, default=1.0, help="of the steps that each log is to have")
    options = parser.parse_args()
    print(f"{'log':12} {'steps':>9} {'columns':>8} {'wall, s':>7} {'cpu, s':>7} {'bound':>7} {'MB':>5}")
    with tempfile.TemporaryDirectory() as home:
        for name in options.names or LOGS:
            print(opened(name, Path(home), options.share), flush=True)


if __name__ == "__main__":
    main()
