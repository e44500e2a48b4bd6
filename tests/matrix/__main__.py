"""`make presets`: every preset with every seed, every fix, and a table of what was promised and what was seen."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

from tinygpt_tui.engine.presets import find_preset, preset_files

from ..bench.marked import replaced
from .promises import SEEDS, cases, checked_sentences
from .table import table
from .trials import Verdict, judge

README = Path(__file__).parents[2] / "presets" / "README.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="all, if none is named")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), metavar="N", help="how many, from 0 on")
    parser.add_argument("--readme", action="store_true", help="put the table into presets/README.md")
    options = parser.parse_args()
    began, verdicts = time.monotonic(), []
    for verdict in judge(cases(options.presets or preset_files(), range(options.seeds))):
        verdicts.append(verdict)
        print(_line(verdict), flush=True)
    groups = [list(group) for _, group in groupby(verdicts, key=lambda verdict: verdict.case.id)]
    print(_sentences(verdicts))
    text = table(groups, date.today(), time.monotonic() - began)
    print(text)
    if options.readme:
        README.write_text(replaced(README.read_text(), "presets", text))
    return 1 if any(verdict.broken for verdict in verdicts) else 0


def _sentences(verdicts: Sequence[Verdict]) -> str:
    lessons = [find_preset(id)[1].lesson for id in sorted({verdict.case.id for verdict in verdicts})]
    checked = sum(len(checked_sentences(lesson)) for lesson in lessons)
    checked += sum(bool(fix.check) for lesson in lessons for fix in lesson.fixes)
    false = {(verdict.case.id, each) for verdict in verdicts for each in verdict.broken if " is false: " in each}
    return f"{checked} sentences of {len(lessons)} presets are checked, {len(false)} are false in some seed"


def _line(verdict: Verdict) -> str:
    raised = ", ".join(f"{each.kind} at {each.step}" for each in verdict.trial.raised) or "nothing raised"
    fixes = " ".join(f"{fixed.val_loss:.3f}" for fixed in verdict.fixed)
    lines = [
        f"{verdict.case.id} seed {verdict.case.seed}: {raised}; val_loss {verdict.trial.val_loss:.3f}, "
        f"fixed {fixes or '-'}; {verdict.trial.seconds:.1f} s"
    ]
    return "\n".join([*lines, *(f"    BROKEN {each}" for each in verdict.broken)])


if __name__ == "__main__":
    sys.exit(main())
