"""The beginning of a fork: its parent's state at the step is computed again, and saved as the fork's own."""

import tomllib
from dataclasses import replace
from pathlib import Path

from ..config import ConfigError, RunConfig
from ..corpus import Corpus
from ..events import CheckpointSaved
from ..hosting.interfaces import ReportProgress
from ..live_changes import changed
from ..storage.origin import Origin
from ..storage.run_folder import CHECKPOINTS, StoreError
from ..toml_tables import build
from .auto_settings import resolve
from .checkpoints import Checkpoints
from .retrace import retrace
from .trainer import Trainer

TOLD_EVERY = 20
"""Steps between two reports of progress."""


def begin_fork(
    run: Path, origin: Origin, config: RunConfig, corpus: Corpus, progress: ReportProgress
) -> CheckpointSaved:
    """A checkpoint of the step at which the fork begins; it replaces the parent's that it was computed from."""
    parent = resolve(_parent_config(run, origin)) if origin.step else config
    trainer = Trainer(parent, corpus)
    checkpoints = Checkpoints(run / CHECKPOINTS, trainer, config.storage)
    checkpoints.restore_latest()
    quiet = replace(trainer.config.instruments, evaluate_every=0, sample_every=0, layers_every=0)
    trainer.config = replace(trainer.config, instruments=quiet)
    began = trainer.step
    for _ in retrace(trainer, origin, origin.step):
        if (trainer.step - began) % TOLD_EVERY == 1:
            progress(f"computing its parent's steps {began + 1} to {origin.step} again, step {trainer.step}")
    if origin.change is not None:
        steps = config.training.steps
        trainer.apply(changed(trainer.settings, origin.change, step=origin.step + 1, steps=steps))
    saved = checkpoints.save("change")
    checkpoints.keep_only_latest()
    return saved


def _parent_config(run: Path, origin: Origin) -> RunConfig:
    try:
        return build(RunConfig, tomllib.loads(origin.config), "")
    except (tomllib.TOMLDecodeError, ConfigError) as error:
        raise StoreError(f"{run}: the configuration of its parent: {error}") from None
