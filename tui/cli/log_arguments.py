"""What the commands that read logs take: the file or run that a name means, columns, and kinds of findings."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from .options import FAIL_ON_SEVERITIES


def parsed_map(assignments: Sequence[str]) -> dict[str, str]:
    """`loss=my_col` as canonical name -> column; an empty column leaves a name out."""
    given: dict[str, str] = {}
    if not assignments:
        return given
    from ...engine.readers.log import MAPPABLE  # all readers, which no screen waits for

    for assignment in assignments:
        canonical, equals, column = assignment.partition("=")
        if not equals or canonical.strip() not in MAPPABLE:
            raise click.UsageError(f"--map {assignment}: write NAME=COLUMN, where NAME is one of {', '.join(MAPPABLE)}")
        given[canonical.strip()] = column.strip()
    return given


def parsed_kinds(text: str | None, option: str) -> frozenset[str]:
    """Kinds of findings and severities, as `option` takes them."""
    from ...engine.diagnostics.catalogue import CATALOGUE  # all detectors, which no screen waits for

    known = (*CATALOGUE, *FAIL_ON_SEVERITIES)
    wanted = [kind.strip() for kind in (text or "").split(",") if kind.strip()]
    for kind in wanted:
        if kind not in known:
            raise click.UsageError(f"{option} {kind}: there is no such finding; there are {', '.join(known)}")
    return frozenset(wanted)


def log_origin(name: str, runs: Path) -> Path:
    """A path, or a run by its name."""
    path = Path(name).expanduser()
    if "/" in name or os.path.lexists(path):
        return path
    from ...engine.readers.source import ReadError
    from ...engine.storage.run_folder import StoreError
    from ...engine.storage.run_store import find_run

    try:
        return find_run(runs, name)
    except StoreError as error:
        raise ReadError(f"{name}: there is no such file; {error}") from None
