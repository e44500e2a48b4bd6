"""How often the diagnosis is right: trains healthy and faulty runs, judges them, and prints the score.

    python -m tests.bench.scoreboard --write

Logs are kept in a folder, so that only the first time takes minutes; --again makes them anew. With --write, the table
in engine/diagnostics/README.md and the figures behind every finding's confidence (measured.json and
measured_foreign.json beside it) are replaced.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import platformdirs

from ..marked import replaced
from .foreign_logs import measured_foreign
from .judging import BLIND, KNOWN, by_judge
from .measuring import measure, measure_foreign
from .table import markdown, measured, misjudged

ROOT = Path(__file__).parents[3]
README = ROOT / "engine" / "diagnostics" / "README.md"
MEASURED = README.with_name("measured.json")
MEASURED_FOREIGN = README.with_name("measured_foreign.json")
COMMAND = "make scoreboard"
_Judged = TypeVar("_Judged")


def main() -> None:
    options = arguments()
    began = time.perf_counter()
    how = {"processes": options.processes, "only": options.only, "again": options.again}
    runs = list(counted(measure(options.rounds, options.rows, **how), "runs"))
    logs = list(counted(measure_foreign(options.rows, **how), "foreign logs"))
    verdicts = by_judge(runs)
    table = markdown(verdicts, logs, BLIND, options.date, COMMAND)
    print(table)
    for who in (BLIND, KNOWN):
        print(f"\nMisjudged, {who}:", *misjudged(runs, who), sep="\n  ")
    print("\nMisjudged foreign logs:", *misjudged(logs, BLIND), sep="\n  ")
    print(f"\n{time.perf_counter() - began:.0f} s; rows are kept in {options.rows}")
    if options.write:
        README.write_text(replaced(README.read_text(), "scoreboard", table))
        MEASURED.write_text(json.dumps(measured(verdicts[BLIND], options.date, COMMAND), indent=1) + "\n")
        MEASURED_FOREIGN.write_text(json.dumps(measured_foreign(logs, options.date, COMMAND), indent=1) + "\n")


def counted(judged: Iterable[_Judged], what: str) -> Iterator[_Judged]:
    """The same, with their number on stderr as they come."""
    for number, each in enumerate(judged, start=1):
        print(f"\r{number} {what} judged", end="", file=sys.stderr, flush=True)
        yield each
    print(file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often each case is trained, each time with another seed"
    )
    parser.add_argument("--rows", type=Path, default=platformdirs.user_cache_path("tinygpt-tui") / "scoreboard")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--again", action="store_true", help="make all of them again, as after a change of the engine")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat())
    parser.add_argument("--write", action="store_true", help="replace the table in the README and measured.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
