"""Tables of other shapes turned into one entry a step: runs side by side, a metric a line, a split column."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce

from .content import Content
from .names import BESIDE, is_held_out, meaning
from .record import RUN, Record, number

Reshape = Callable[[Iterable[Record]], Iterator[Record]]

_MOST_RUNS = 64
"""A column with more different values than this names no runs."""


def reshapes(sample: Sequence[Record], found: Mapping[str, Content]) -> list[Reshape]:
    """What has to be done to the entries, in this order."""
    by_meaning = {what.canonical: name for name in reversed([*found]) if (what := meaning(name))}
    needed: list[Reshape] = []
    if len(groups := _groups(found)) > 1:
        needed.append(lambda records: _side_by_side(records, groups))
    metric, value, split = (by_meaning.get(name) for name in ("metric", "value", "split"))
    if metric and value and found[metric].texts and _says_losses(sample, metric):
        needed.append(lambda records: _one_metric_a_line(records, metric, value))
    if split and found[split].texts and any(is_held_out(str(record.get(split)).strip()) for record in sample):
        needed.append(lambda records: _split(records, split))
    if (run := by_meaning.get("run")) and _is_run(sample, run):
        needed.append(lambda records: ({**record, RUN: str(record.get(run, ""))} for record in records))
    return needed


def reshaped(records: Iterable[Record], reshapes: Sequence[Reshape]) -> Iterator[Record]:
    return reduce(lambda given, reshape: reshape(given), reshapes, iter(records))


def summed(name: str, parts: Sequence[str]) -> Reshape:
    """Entries with one more column, the sum of others where they are all there."""

    def add(records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            values = [number(record.get(part)) for part in parts]
            known = [value for value in values if value is not None]
            yield {**record, name: sum(known)} if len(known) == len(values) else record

    return add


def _groups(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Run -> metric -> column, of columns that are called `run - metric`, as in an export of a W&B chart."""
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        run, dash, metric = name.rpartition(" - ")
        if dash and meaning(name):
            groups.setdefault(run, {})[metric] = name
    return groups


def _side_by_side(records: Iterable[Record], groups: Mapping[str, Mapping[str, str]]) -> Iterator[Record]:
    taken = {name for columns in groups.values() for name in columns.values()}
    for record in records:
        common = {name: cell for name, cell in record.items() if name not in taken and " - " not in name}
        for run, columns in groups.items():
            own = {metric: cell for metric, name in columns.items() if (cell := record.get(name)) not in (None, "")}
            if own:
                yield {**common, **own, RUN: run}


def _says_losses(sample: Sequence[Record], metric: str) -> bool:
    names = {str(record.get(metric)) for record in sample}
    return any((what := meaning(name)) and what.canonical in ("loss", "val_loss") for name in names)


def _one_metric_a_line(records: Iterable[Record], metric: str, value: str) -> Iterator[Record]:
    for record in records:
        rest = {name: cell for name, cell in record.items() if name not in (metric, value)}
        yield {**rest, str(record.get(metric)): record.get(value)}


def _split(records: Iterable[Record], split: str) -> Iterator[Record]:
    """What was measured on held-out data gets a name that shows it; the rest of such an entry describes no training."""
    for record in records:
        word = str(record.get(split)).strip()
        if not is_held_out(word):
            yield record
            continue
        known = [(name, cell, what.canonical) for name, cell in record.items() if (what := meaning(name))]
        yield {
            f"{word}_{name}" if canonical in ("loss", "accuracy") else name: cell
            for name, cell, canonical in known
            if canonical not in ("lr", "grad_norm", "param_norm", "tokens_per_s", *BESIDE - {"epoch"})
        }


def _is_run(sample: Sequence[Record], name: str) -> bool:
    """One name for many entries, and more than one in all."""
    values = {str(record.get(name)) for record in sample if record.get(name) not in (None, "")}
    return 1 < len(values) <= min(_MOST_RUNS, len(sample) // 2)
