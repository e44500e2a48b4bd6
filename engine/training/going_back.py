"""Going on from an earlier checkpoint of a run, optionally with other settings."""

import msgspec

from ..events import ChangeSettings, SettingsChanged
from ..storage.stored_checkpoints import Stored
from .checkpoints import Checkpoints
from .trainer import Trainer


def go_back(
    trainer: Trainer, checkpoints: Checkpoints, chosen: Stored, change: ChangeSettings | None
) -> SettingsChanged:
    """Restore a checkpoint, change the settings, delete later checkpoints; returns the event to be stored.

    CheckpointError or ConfigError leaves the folder as it was.
    """
    checkpoints.restore(chosen)
    back = SettingsChanged(step=chosen.step, summary=f"back to step {chosen.step}", settings=trainer.settings)
    if change is not None:
        changed = trainer.change(change)
        back = msgspec.structs.replace(changed, summary=f"{back.summary}, {changed.summary}")
    checkpoints.delete_after(chosen)
    return back
