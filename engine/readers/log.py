"""A log of any known format as rows with canonical names, run by run, read as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..diagnostics.row import Row
from ..diagnostics.run_statistics import RunFacts
from ..diagnostics.trainers import trainer_of
from ..storage.run_folder import printable
from .block import ColumnBlock
from .columns import Columns, choose, is_player
from .content import Content, contents
from .delimited import Delimited
from .first_row import is_short_window
from .format import Format
from .free_text import FreeText
from .json_document import JsonDocument, looks_like_document
from .json_lines import JsonLines
from .mlflow_store import MlflowMetric
from .names import CANONICAL, NAMELESS, is_of_discriminator, meaning
from .notebook import Notebook
from .notes import is_part, notes
from .number_list import LARGEST_LINE, NumberList
from .pauses import clock_of
from .plan import Plan
from .record import Record
from .reshape import reshaped, reshapes, summed
from .run_folder import RunFolder
from .source import READ_CHUNK, ReadError, Source
from .steps import choose_steps, is_written_twice
from .store_blocks import read_store
from .stores import store_in, store_of
from .table_rows import is_table, rows_of_table

if TYPE_CHECKING:
    from ..diagnostics.further_losses import Role

MAPPABLE = (*CANONICAL, "step")
"""Names that a person can give a column to."""
_RARE = tuple(
    f"{word}{dash}loss".encode() for word in ("val", "valid", "validation", "eval", "test") for dash in ("_", "/", " ")
)
_MOST_RARE = 1000


@dataclass(frozen=True, kw_only=True)
class Log:
    file: str
    """As it was given."""
    format: str
    columns: Mapping[str, str]
    """Canonical name -> the column's name in the file; parts that are added up are joined by +."""
    step_column: str | None
    """None where entries are counted."""
    ignored: tuple[str, ...]
    """Other columns with numbers."""
    unmeasured: tuple[str, ...]
    """Columns that are called right but hold nothing."""
    losses: tuple[str, ...]
    """Columns with further losses: the parts of a sum, other tasks and held-out sets, an opponent."""
    adversarial: bool
    """The losses are those of a generator and a discriminator, or of an agent; none is one to be minimised alone."""
    notes: tuple[str, ...]
    """What a person must know of how it was read: which of several losses was taken, what was left out."""
    skipped: tuple[str, ...]
    """What could not be read, such as `3 damaged records`."""
    steps: int | None
    """How many steps were planned, where the log states it."""
    _plan: Plan = field(repr=False)
    _whole: frozenset[str] = frozenset()
    """Losses that are no parts."""

    def rows(self, *, losses: bool = False) -> Iterator[tuple[str, Row]]:
        """(run, row) in the order of the file; the run is "" for the first of a log that names none, then "2", "3".

        With `losses` the rows hold the further losses too, under their columns' names.
        """
        further = [name for name in (self.losses if losses else ()) if name not in CANONICAL]
        if is_table(self._plan):
            return rows_of_table(self._plan, [*self.columns, *further], self._plan.telling.union(further))
        return self._plan.rows(tuple((name, name, name not in self._plan.losses_without_gaps) for name in further))

    @property
    def roles(self) -> dict[str, Role]:
        """What each further loss is, and so what can be found in it.

        Beside a loss that is the whole, or a sum of parts, further training losses are parts of it.
        """
        whole = self.columns.get("loss", "")
        is_task = not (self.adversarial or " + " in whole or whole in self._whole) and is_part(whole)
        roles: dict[str, Role] = {}
        for name in self.losses:
            what = meaning(name)
            is_held_out = (
                what is not None and what.canonical == "val_loss" and " + " not in self.columns.get("val_loss", "")
            )
            if name not in CANONICAL:
                roles[name] = "held-out" if is_held_out else "task" if is_task else "part"
            if name in roles and self.adversarial:
                roles[name] = "opponent" if is_player(name) and is_player(whole) else "part"
        return roles

    @property
    def facts(self) -> RunFacts:
        place = meaning(self.step_column) if self.step_column else None
        named = [*self.columns.values(), *self.ignored, *self.losses, *([self.step_column] if self.step_column else [])]
        return RunFacts(
            steps=self.steps,
            rows_are_epochs=place is not None and place.canonical == "epoch",
            rows_are_counted=self.step_column is None,
            is_adversarial=self.adversarial,
            is_of_discriminator=self.adversarial and is_of_discriminator(self.columns.get("loss", "")),
            trainer=trainer_of(part for name in named for part in name.split(" + ")),
        )

    @property
    def plan(self) -> Plan:
        """How it is read."""
        return self._plan

    @property
    def share_read(self) -> float | None:
        """How much of the file the rows so far are; None where that is not known, as in a store."""
        return self._plan.source.share_read if self._plan.source else None

    def close(self) -> None:
        if self._plan.source:
            self._plan.source.close()


def open_log(
    name: str, origin: Path | BinaryIO, given: Mapping[str, str] | None = None, *, needs_loss: bool = True
) -> Log:
    """A log ready to be read: a run folder, a file, or a stream that is read to its end first.

    `name` is what messages call it; `given` maps canonical names to columns. ReadError where there is nothing to read,
    or no loss where one is needed.
    """
    surveyed = partial(_surveyed, name, given=given or {}, needs_loss=needs_loss)
    if isinstance(origin, Path) and (folder := RunFolder.recognise(origin) or _store_in(origin)):
        return surveyed(folder, None, *read_store(folder.records(())))
    source = Source.of_path(name, origin) if isinstance(origin, Path) else Source.of_stream(name, origin)
    try:
        if store := store_of(source, origin if isinstance(origin, Path) else None):
            return surveyed(store, source, *read_store(store.records(())))
        format = _recognised(source)
        try:
            return surveyed(format, source, _sample(format, source))
        except ReadError as refused:
            if not isinstance(format, Delimited) or _is_table(format, source):
                raise
            return _as_text(surveyed, source, refused)
    except BaseException:
        source.close()
        raise


def _as_text(surveyed: Callable[[Format, Source, list[Record]], Log], source: Source, refused: ReadError) -> Log:
    """Lines that look like a table by their commas, but are none, may be what a program printed."""
    try:
        return surveyed(FreeText(), source, _sample(FreeText(), source))
    except ReadError:
        raise refused from None


def _is_table(format: Format, source: Source) -> bool:
    """Whether it holds numbers, and under names or without words between them."""
    held = contents(_sample(format, source))
    has_words = any(column.texts for column in held.values())
    return any(column.values for column in held.values()) and not (
        has_words and all(name.startswith(NAMELESS) for name in held)
    )


def _store_in(path: Path) -> Format | None:
    return store_in(path) if path.is_dir() else None


def _recognised(source: Source) -> Format:
    head = source.head[: source.head.rfind(b"\n") + 1] or source.head
    if (lines := JsonLines.recognise(head)) is not None:
        return lines
    if looks_like_document(head):
        text = b"".join(source.chunks())
        if b"\n" not in source.head and (lines := JsonLines.recognise(text)) is not None:
            return lines
        if notebook := Notebook.recognise(text):
            return notebook
        document = JsonDocument.of(text, source.name)
        if document.entries:
            return document
    is_line = b"\n" not in head.rstrip() and source.size <= LARGEST_LINE
    if is_line and (values := NumberList.recognise(b"".join(source.chunks()))) is not None:
        return values
    if metric := MlflowMetric.recognise(head, source.name):
        return metric
    return Delimited.recognise(head[:READ_CHUNK]) or FreeText()


def _sample(format: Format, source: Source) -> list[Record]:
    """Entries that show what the log holds; a validation loss may be too rare to be met by chance."""
    sample = list(islice(format.records(source.samples()), 200_000))
    if not isinstance(format, Delimited | JsonDocument | Notebook):
        names = {name for record in sample for name in record}
        if not any(needle.decode() in name for needle in _RARE for name in names):
            sample += format.records(source.lines_with(_RARE, _MOST_RARE))
    return sample


def _surveyed(
    name: str,
    format: Format,
    source: Source | None,
    sample: list[Record],
    blocks: Sequence[ColumnBlock] | None = None,
    *,
    given: Mapping[str, str],
    needs_loss: bool,
) -> Log:
    found = contents(sample)
    if turns := reshapes(sample, found):
        sample = list(reshaped(sample, turns))
        found = contents(sample)
    given = {canonical: _existing(name, canonical, column, list(found)) for canonical, column in given.items()}
    mapped = {canonical: column for canonical, column in given.items() if canonical != "step"}
    columns = choose(found, mapped, is_printed=format.name == "text")
    numeric = [column for column in found if found[column].values]
    judged = _judged(columns, found)
    if not judged and (needs_loss or not numeric):
        raise ReadError(_no_loss(name, format, numeric))
    for parts in columns.chosen.values():
        if len(parts) > 1:
            turns.append(summed(" + ".join(parts), parts))
    shown = {canonical: " + ".join(parts) for canonical, parts in columns.chosen.items()}
    levels = [part for name in judged for part in columns.chosen[name]] or numeric
    steps = choose_steps(sample, found, levels, given.get("step"))
    is_short = is_short_window(sample, shown, steps)
    taken = {part for parts in columns.chosen.values() for part in parts} | {steps.column, *columns.unmeasured}
    return Log(
        file=name,
        format=format.name,
        columns=shown,
        step_column=steps.column,
        ignored=tuple(column for column in found if column not in taken and _is_left(column, found[column])),
        unmeasured=columns.unmeasured,
        losses=columns.losses,
        adversarial=columns.adversarial or columns.agent,
        notes=notes(
            columns,
            shown,
            is_short=is_short,
            is_written_twice=is_written_twice(sample, steps.column, shown.get("loss", "")),
        ),
        skipped=format.skipped(),
        steps=steps.total,
        _plan=Plan(
            format=format,
            source=source,
            reshapes=turns,
            columns=_wanted(columns, shown),
            steps=steps,
            is_first_left=is_short,
            clock=clock_of(sample, found, taken),
            losses_without_gaps=frozenset(columns.losses) - columns.gaps,
            read_before=None if turns else blocks,
        ),
        _whole=columns.whole,
    )


def _judged(columns: Columns, found: Mapping[str, Content]) -> list[str]:
    """What the run is judged by: its losses; without one the reward of an agent, or a gradient norm that is NaN."""
    losses = [name for name in ("loss", "val_loss") if name in columns.chosen]
    if losses or "reward" in columns.chosen:
        return losses or ["reward"]
    return ["grad_norm"] if _is_norm_lost(columns, found) else []


def _is_norm_lost(columns: Columns, found: Mapping[str, Content]) -> bool:
    """A log may have no loss because its trainer leaves it out of the line when it is NaN; the norm shows it."""
    return any(found[name].nans for name in columns.chosen.get("grad_norm", ()) if name in found)


def _is_left(column: str, held: Content) -> bool:
    """Numbers that a person might have meant; the planned length was read."""
    what = meaning(column)
    return held.values > 0 and not (what and what.canonical in ("total_steps", "total_epochs"))


def _wanted(columns: Columns, shown: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    return [
        (canonical, shown[canonical], not columns.gaps.isdisjoint(parts)) for canonical, parts in columns.chosen.items()
    ]


def _existing(file: str, canonical: str, column: str, names: list[str]) -> str:
    """The column that a person means; its case does not matter where that is clear."""
    if not column or column in names:
        return column
    alike = [name for name in names if name.lower() == column.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    raise ReadError(f"{file}: --map {canonical}={column}: there is no such column; there are {_listed(names)}")


def _no_loss(file: str, format: Format, names: list[str]) -> str:
    if not names:
        lost = f", without {' and '.join(format.skipped())}" if format.skipped() else ""
        what = f"read as {format.name}{lost}"
        return f"{file}: nothing in it was recognised as a training log ({what}); is it the right file?"
    choose = f"choose one with --map loss=NAME from {_listed(names)}; an agent's reward with --map reward=NAME"
    return f"{file}: no column is called like a loss; {choose}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(printable(name)[:40] for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or "none"
