"""The scoreboard as text, for a terminal and a README, and as the figures behind every finding's confidence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .counting import Tally, Totals, Verdict, tally, totals
from .foreign_logs import FOREIGN_SEEDS, JudgedLog
from .judging import KINDS, Judged
from .rivals import RIVALS

NOT_INSTALLED = "not installed"


def markdown(
    verdicts: Mapping[str, Sequence[Verdict]], logs: Sequence[JudgedLog], ours: str, date: str, command: str
) -> str:
    first = totals(verdicts[ours])
    intro = (
        f"`{command}`, {date}: {first.healthy} healthy runs and {first.faulty} with a fault, judged row by row.\n"
        f"By kind, {ours}:"
    )
    against = (
        "The same rows, against rules that others have published and programs that others have written (with their\n"
        "sources in `tests/bench/scoreboard/`):"
    )
    foreign = (
        f"{len(logs)} logs of other tasks, in the formats of other trainers (`tests/bench/foreign/`), from seeds "
        f"{FOREIGN_SEEDS[0]} to {FOREIGN_SEEDS[-1]},\non which nothing was developed:"
    )
    return "\n\n".join([intro, _kinds(verdicts[ours]), against, _judges(verdicts), foreign, _foreign(logs, ours)])


def _kinds(verdicts: Sequence[Verdict]) -> str:
    head = ("kind", "faults", "found", "recall", "wrong: healthy", "wrong: faulty", "precision", "median delay")
    return _grid(head, [(kind, *_tally_cells(tally(kind, verdicts))) for kind in KINDS.values()])


def _tally_cells(each: Tally) -> tuple[str, ...]:
    delay = "" if each.delay is None or each.delay_share is None else f"{each.delay:.0f} steps, {each.delay_share:.1%}"
    return (
        str(each.faults),
        str(each.found),
        _share(each.found, each.faults),
        str(each.wrong_on_healthy),
        str(each.wrong_on_faulty),
        _share(each.right, each.right + each.wrong),
        delay,
    )


def _judges(verdicts: Mapping[str, Sequence[Verdict]]) -> str:
    head = ("judged by", "faults found", "recall", "alarm on healthy", "wrong on faulty", "exact", "median delay")
    rows = [(who, *_totals_cells(totals(each))) for who, each in verdicts.items()]
    return _grid(head, [*rows, *((rival, NOT_INSTALLED, *[""] * 5) for rival in _missing(verdicts))])


def _missing(judges: Iterable[str]) -> list[str]:
    """Rivals that have judged nothing."""
    return [rival.name for rival in RIVALS if rival.name not in judges]


def _foreign(logs: Sequence[JudgedLog], ours: str) -> str:
    head = ("logs", "judged by", "not read", "faults found", "recall", "alarm on healthy", "wrong on faulty", "exact")
    groups = {group: [log for log in logs if log.group == group] for group in sorted({log.group for log in logs})}
    rows = [(group, ours, *_foreign_cells(some, ours)) for group, some in groups.items()]
    judges = list(logs[0].verdicts) if logs else []
    rows += [("all of these", who, *_foreign_cells(logs, who)) for who in judges]
    return _grid(head, [*rows, *(("all of these", rival, NOT_INSTALLED, *[""] * 5) for rival in _missing(judges))])


def _foreign_cells(logs: Sequence[JudgedLog], who: str) -> tuple[str, ...]:
    unread = sum(who in log.unread_by for log in logs)
    return (f"{unread} of {len(logs)}", *_totals_cells(totals([log.verdicts[who] for log in logs]))[:-1])


def _totals_cells(each: Totals) -> tuple[str, ...]:
    return (
        f"{each.found} of {each.faulty}",
        _share(each.found, each.faulty),
        f"{each.healthy_with_alarm} of {each.healthy}",
        f"{each.faulty_with_wrong} of {each.faulty}",
        _share(each.exact, each.healthy + each.faulty),
        "" if each.delay_share is None else f"{each.delay_share:.1%} of the run",
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that reads well as plain text too."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["|".join(f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join(f"|{line}|" for line in (lines[0], rule, *lines[1:]))


def misjudged(runs: Iterable[Judged | JudgedLog], who: str) -> Iterator[str]:
    """A line for each run or log that was not judged exactly."""
    for run in runs:
        verdict = run.verdicts[who]
        if verdict.is_exact:
            continue
        missed = verdict.label.planted is not None and not verdict.is_found
        words = [f"missed {'|'.join(sorted(verdict.label.must))}"] if missed else []
        words += [f"wrong {'|'.join(sorted(alarm.kinds))} at step {alarm.step}" for alarm in verdict.wrong]
        yield f"{run.name}: {', '.join(words)}"


def measured(verdicts: Sequence[Verdict], date: str, command: str) -> dict[str, Any]:
    """What `engine/diagnostics/measured.json` holds."""
    tallies = {kind: tally(kind, verdicts) for kind in KINDS.values()}
    return {
        "date": date,
        "command": command,
        "runs": len(verdicts),
        "kinds": {
            kind: {"right": each.right, "wrong": each.wrong, "missed": each.faults - each.found}
            for kind, each in tallies.items()
            if each.right + each.wrong
        },
    }
