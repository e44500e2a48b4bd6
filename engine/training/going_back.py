"""Going on from an earlier checkpoint of a run, optionally with other settings."""

import msgspec

from ..events import ChangeSettings, SettingsChanged
from ..storage.stored_checkpoints import Stored
from .checkpoints import Checkpoints
from .trainer import Trainer


def go_back(
    trainer: Trainer, checkpoints: Checkpoints, chosen: Stored, change: ChangeSettings | None
) -> SettingsChanged:
    """Restore a checkpoint, change the settings, delete later checkpoints; returns what the log says of it.

    CheckpointError or ConfigError leaves the folder as it was.
    """
    checkpoints.restore(chosen)
    changed = trainer.change(change or ChangeSettings())
    checkpoints.delete_after(chosen)
    back = f"back to step {chosen.step}"
    return msgspec.structs.replace(changed, summary=back if change is None else f"{back}, {changed.summary}")
