"""How often the diagnosis is right: trains healthy and faulty runs, judges them, and prints the score.

    python -m tests.bench.scoreboard --write

Rows are kept in a folder, so that only the first time takes minutes; --again trains anew. With --write, the table in
engine/diagnostics/README.md and the figures behind every finding's confidence (measured.json beside it) are replaced.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from ..marked import replaced
from .judging import BLIND, KNOWN, by_judge
from .measuring import measure
from .table import markdown, measured, misjudged

ROOT = Path(__file__).parents[3]
README = ROOT / "engine" / "diagnostics" / "README.md"
MEASURED = ROOT / "engine" / "diagnostics" / "measured.json"
COMMAND = "make scoreboard"


def main() -> None:
    options = arguments()
    began = time.perf_counter()
    runs = []
    for run in measure(
        options.rounds, options.rows, processes=options.processes, only=options.only, again=options.again
    ):
        runs.append(run)
        print(f"\r{len(runs)} runs judged", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    verdicts = by_judge(runs)
    table = markdown(verdicts, BLIND, options.date, COMMAND)
    print(table)
    for who in (BLIND, KNOWN):
        print(f"\nMisjudged, {who}:", *misjudged(runs, who), sep="\n  ")
    print(f"\n{time.perf_counter() - began:.0f} s; rows are kept in {options.rows}")
    if options.write:
        README.write_text(replaced(README.read_text(), "scoreboard", table))
        MEASURED.write_text(json.dumps(measured(verdicts[BLIND], options.date, COMMAND), indent=1) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often each case is trained, each time with another seed"
    )
    parser.add_argument("--rows", type=Path, default=platformdirs.user_cache_path("tinygpt-tui") / "scoreboard")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--again", action="store_true", help="train all of them again, as after a change of the engine")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat())
    parser.add_argument("--write", action="store_true", help="replace the table in the README and measured.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
