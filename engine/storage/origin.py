"""Where a fork comes from: its parent, the step, and all that is needed to compute the parent's state there again.

It is complete without the parent, which may be deleted: beside it lies a copy of one of the parent's checkpoints, in
the fork's own folder of checkpoints.
"""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from ..events import ChangeSettings, Count, SettingsChanged, encode
from .run_folder import ORIGIN, StoreError, open_file

_LONGEST = 1 << 24


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    parent: str
    """The name of a run in the same folder, or a path, which has a slash in it."""
    step: Count
    """The last step that the fork shares with its parent."""
    config: str
    """The parent's configuration, as TOML."""
    changes: list[SettingsChanged] = []
    """The parent's live changes up to the step."""
    planned_steps: list[tuple[Count, Count]] = []
    """See `experiments.journal.Journal`."""
    processes: list[tuple[Count, Count, Count]] = []
    """See there."""
    change: ChangeSettings | None = None
    """What is different from the step on, besides what the fork's configuration says."""


def read_origin(run: Path) -> Origin | None:
    """None where a run is no fork; StoreError where what is stored cannot be read."""
    if not os.path.lexists(run / ORIGIN):
        return None
    file = open_file(run / ORIGIN, os.O_RDONLY)
    try:
        return msgspec.json.decode(os.pread(file, _LONGEST, 0), type=Origin, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{run / ORIGIN}: {' '.join(str(error).split())[:200]}") from None
    finally:
        os.close(file)


def write_origin(run: Path, origin: Origin) -> None:
    """Replace what is stored, whole or not at all; OSError where the folder cannot be written."""
    with tempfile.NamedTemporaryFile("wb", dir=run, prefix=".new-", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(encode(origin))
            file.close()
            fresh.replace(run / ORIGIN)
        except BaseException:
            fresh.unlink()
            raise


def rename_parents(runs: Iterable[Path], name: str, new_name: str) -> None:
    """Let the forks among these runs follow their parent to its new name."""
    for run in runs:
        with suppress(OSError, StoreError):
            origin = read_origin(run)
            if origin is not None and origin.parent == name:
                write_origin(run, msgspec.structs.replace(origin, parent=new_name))
