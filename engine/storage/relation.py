"""Which earlier runs a run is compared with, and what it was started to mend: a small file in its folder.

It is beside the configuration and the events because it is about two runs: with or without it, the run is the same.
"""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from .run_folder import RELATION, StoreError, open_file, printable

_LONGEST = 1 << 16


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """`runs` are names of runs in the same folder, or paths, which have a slash in them; the first is the main one."""

    runs: tuple[str, ...] = ()
    fix: str = ""
    """The title of the lesson's fix that this run has and the first of `runs` has not."""
    better_by: float | None = None
    """By how much lower the last val_loss is promised to be; None where nothing is promised."""


def read_relation(run: Path) -> Relation:
    """An empty relation where none is stored, or where what is stored cannot be read."""
    try:
        file = open_file(run / RELATION, os.O_RDONLY)
    except StoreError:
        return Relation()
    try:
        relation = msgspec.json.decode(os.pread(file, _LONGEST, 0), type=Relation)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        return Relation()
    finally:
        os.close(file)
    return msgspec.structs.replace(relation, fix=printable(relation.fix))


def write_relation(run: Path, relation: Relation) -> None:
    """Replace what is stored, whole or not at all; OSError where the folder cannot be written."""
    with tempfile.NamedTemporaryFile("wb", dir=run, prefix=".new-", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(msgspec.json.encode(relation))
            file.close()
            fresh.replace(run / RELATION)
        except BaseException:
            fresh.unlink()
            raise


def rename_related(runs: Iterable[Path], name: str, new_name: str) -> None:
    """Let the relations of these runs follow a run to its new name; one that cannot be written loses it."""
    for run in runs:
        relation = read_relation(run)
        if name in relation.runs:
            names = tuple(new_name if each == name else each for each in relation.runs)
            with suppress(OSError):
                write_relation(run, msgspec.structs.replace(relation, runs=names))


def related_runs(run: Path, relation: Relation) -> list[Path]:
    """Where the related runs should lie; whether they still do is not looked at."""
    return [Path(name).expanduser() if "/" in name else run.parent / name for name in relation.runs]


def as_related(run: Path, runs: Path) -> str:
    """How a relation of a run in the folder `runs` names another run."""
    return run.name if run.parent.resolve() == runs.resolve() else os.path.abspath(run)  # noqa: PTH100, a link remains one
