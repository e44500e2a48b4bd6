"""A run followed from the command line to its end, and the exit status that this makes."""

import asyncio
import sys
from functools import partial
from pathlib import Path

import click

from ...engine import client
from ...engine.config import RunConfig
from ...engine.event_log import line_count
from ...engine.folder import CHECKPOINTS, find_worker
from ...engine.store import read_config, remove
from ..safe_text import visible
from .follow import Outcome, follow, narrator, opened
from .run_options import PROGRAM


def host(path: Path, config: RunConfig, *, as_json: bool, is_new: bool) -> int:
    """Train in a worker and follow it; a new run that its input keeps from beginning leaves nothing behind."""
    try:
        click.echo(f"run {visible(str(path))}", err=as_json)
    except OSError:
        if is_new:
            remove(path)
        raise
    teller = narrator(config.training.steps, sys.stdout, as_json=as_json)
    open_run = partial(client.start, since=0 if is_new else line_count(path))
    try:
        outcome = asyncio.run(follow(path, open_run, teller, is_ours=True))
    except OSError as error:
        error.add_note(f"the run goes on, and `{PROGRAM} attach {path.name}` comes back to it")
        raise
    if outcome.is_bad_input and is_new:
        remove(path)
    return _conclude(path, outcome)


def look(path: Path, *, as_json: bool) -> int:
    """Follow a run that somebody else started, or tell what is left of it."""
    teller = narrator(read_config(path).training.steps, sys.stdout, as_json=as_json)
    open_run = client.attach if find_worker(path) else opened
    return _conclude(path, asyncio.run(follow(path, open_run, teller, is_ours=False)))


def _conclude(path: Path, outcome: Outcome) -> int:
    for line in filter(None, (outcome.skipped, outcome.complaint)):
        click.echo(f"{PROGRAM}: {visible(line)}", err=True)
    if outcome.exit_status == 1:
        log = visible(str(path / "worker.log"))
        has_checkpoint = any((path / CHECKPOINTS).glob("step-*"))
        place = "goes on from the latest checkpoint" if has_checkpoint else "begins again, for there is no checkpoint"
        click.echo(f"the log is {log}; `{PROGRAM} resume {path.name}` {place}", err=True)
    return outcome.exit_status
