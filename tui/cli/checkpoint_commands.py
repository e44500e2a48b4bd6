"""What can be done with the checkpoints of a run: list them, and go on from one."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from .options import PROGRAM, OneOf, RunName, events_as_json, option_at_fault, overrides, runs_option, set_option
from .suggestions import run_path

if TYPE_CHECKING:
    from pathlib import Path

    from ...engine.config import RunConfig
    from ...engine.events import ChangeSettings
    from ...engine.storage.run_summary import RunSummary
    from ...engine.storage.stored_checkpoints import Stored

from_option = click.option(
    "--from",
    "wanted",
    metavar="STEP|best|latest",
    type=OneOf("checkpoint", lambda _: ("best", "latest")),
    help="Which checkpoint; `checkpoints RUN` lists them.",
)


@click.command()
@click.argument("run", type=RunName())
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@runs_option
def checkpoints(run: str, as_json: bool, runs: str | None) -> int:
    """List a run's checkpoints. The one with the lowest val_loss is marked as the best."""
    from ...engine.storage.run_folder import CHECKPOINTS
    from ...engine.storage.stored_checkpoints import best_stored, stored_checkpoints

    path = run_path(runs, run)
    stored = stored_checkpoints(path / CHECKPOINTS)
    best = best_stored(stored)
    if not stored and not as_json:
        click.echo(f"{path.name} has no checkpoint yet")
    for one in stored:
        click.echo(json.dumps(_row(one, best)) if as_json else _line(one, best))
    return 0


def _row(one: Stored, best: Stored | None) -> dict[str, Any]:
    val_loss = one.val_loss if math.isfinite(one.val_loss) else None
    return {
        "step": one.step,
        "name": one.path.name,
        "reason": one.reason,
        "best_val_loss": val_loss,
        "best": one is best,
        "bytes": one.size,
    }


def _line(one: Stored, best: Stored | None) -> str:
    val_loss = f"best val_loss so far {one.val_loss:.4f}" if math.isfinite(one.val_loss) else ""
    return f"{'*' if one is best else ' '} {one.step:>8}  {one.reason:<7} {val_loss}".rstrip() + (
        "  the best" if one is best else ""
    )


@click.command()
@click.argument("run", type=RunName())
@click.option("--steps", metavar="N", help="Train up to this step, where the run was to end earlier.")
@click.option("--processes", metavar="N", help="Go on in another number of processes.")
@from_option
@set_option("With --from: change a setting from there on, such as schedule.lr.")
@events_as_json
@runs_option
def resume(
    run: str,
    steps: str | None,
    processes: str | None,
    wanted: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
    runs: str | None,
) -> int:
    """Go on with a run from its latest checkpoint, or back to an earlier one with --from.

    Going back takes back what came later: its steps, its findings and its checkpoints.
    """
    from ...engine.storage.run_folder import find_worker
    from ...engine.storage.run_store import read_config, write_config
    from ...engine.storage.run_summary import summarise
    from .follow import host

    path = run_path(runs, run)
    config = read_config(path)
    if worker := find_worker(path):
        raise click.UsageError(f"{path.name} is training already (process {worker.pid}); `{PROGRAM} attach` follows it")
    if assignments and wanted is None:
        raise click.UsageError("--set changes a run from a checkpoint on; name it with --from STEP, best or latest")
    resumed = resumed_config(config, steps, processes)
    checkpoint, change = _place(path, resumed, wanted, assignments) if wanted is not None else (None, None)
    _require_steps_left(summarise(path), resumed, steps, checkpoint)
    if resumed != config:
        write_config(path, resumed)
    name = checkpoint.path.name if checkpoint else ""
    return host(path, resumed, as_json=as_json, is_new=False, checkpoint=name, change=change)


def resumed_config(config: RunConfig, steps: str | None, processes: str | None) -> RunConfig:
    from ...engine.config import ConfigError
    from ...engine.experiments.forking import threads_anew

    given = {"steps": steps, "processes": processes}
    values = overrides((), **given)
    try:
        return config.with_values(values).with_changes(threads_anew(values))
    except ConfigError as error:
        raise ConfigError(option_at_fault(str(error), (), **given) + str(error)) from None


def _require_steps_left(summary: RunSummary, config: RunConfig, steps: str | None, checkpoint: Stored | None) -> None:
    # one that was stopped goes on from its very end, where others go back to a checkpoint
    is_over = summary.state == "finished" or (summary.state == "stopped" and steps is not None)
    step = checkpoint.step if checkpoint else summary.step
    if (is_over or checkpoint) and config.training.steps <= step:
        given = "" if steps is None else f", and --steps {steps} is not beyond it"
        place = f"{summary.name} is {summary.state} at step {step}"
        raise click.UsageError(f"{place}{given}; --steps M goes on to a later step M")


def _place(
    path: Path, config: RunConfig, wanted: str, assignments: tuple[str, ...]
) -> tuple[Stored, ChangeSettings | None]:
    """The checkpoint to go back to, and the change to make there."""
    from ...engine.client.run import ClientError
    from ...engine.live_changes import LIVE_KEYS, changed
    from ...engine.storage.run_folder import CHECKPOINTS
    from ...engine.storage.stored_checkpoints import CheckpointError, find_checkpoint, read_state
    from ..view.fix_commands import change_for_fix

    try:
        checkpoint = find_checkpoint(path / CHECKPOINTS, wanted)
        settings = read_state(checkpoint.path).settings
    except CheckpointError as error:
        raise ClientError(str(error)) from None
    if not assignments:
        return checkpoint, None
    values = overrides(assignments)
    given = config.with_values(values)
    change = change_for_fix({key: _value(given, key) for key in values})
    if change is None:
        raise click.UsageError(
            f"--set {assignments[0]}: a run that goes on keeps this; schedule.*, {', '.join(LIVE_KEYS)} can change"
        )
    changed(settings, change, step=checkpoint.step + 1, steps=config.training.steps)
    return checkpoint, change


def _value(config: RunConfig, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name) if name else getattr(config, section)
