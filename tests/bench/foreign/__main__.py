"""Labelled logs of tasks that are not small language models, for scoring the diagnosis on logs it was not fitted to.

usage: python -m tests.bench.foreign OUT --seeds 1 2 3 [--cases NAME ...]
"""

import argparse
from pathlib import Path

from .labelled_logs import CASES, write_logs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--cases", choices=CASES, nargs="+", default=CASES)
    arguments = parser.parse_args()
    for line in write_logs(arguments.out, arguments.cases, arguments.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
