"""Presets: complete runs that a person asks for by name, one TOML file each."""

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from .config import ConfigError, RunConfig

FOLDER = Path(__file__).parents[1] / "presets"


def preset_files() -> dict[str, Path]:
    """Where each preset lies, by its id."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def find_preset(name: str) -> tuple[str, RunConfig]:
    """The id and the run that a preset's id, its title or a TOML file's path stands for."""
    if name.lower().endswith(".toml"):
        return _as_id(Path(name).stem), RunConfig.from_toml(Path(name))
    presets = {id: RunConfig.from_toml(path) for id, path in preset_files().items()}
    wanted = name.strip().casefold()
    for id, config in presets.items():
        if wanted in (id.casefold(), config.title.casefold()):
            return id, config
    close = get_close_matches(wanted, presets, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError(f"there is no preset {name!r}; {hint}the presets are {', '.join(presets)}; a file ends in .toml")


def planned(preset: str, assignments: Mapping[str, str], here: Path) -> tuple[str, RunConfig]:
    """A preset with some keys set; a relative data.path counts from `here`, for a run may be resumed from anywhere."""
    id, config = find_preset(preset)
    config = config.with_values(assignments)
    if config.data.path != "stdlib":
        path = str(here / Path(config.data.path).expanduser())
        config = replace(config, data=replace(config.data, path=path))
    return id, config


def _as_id(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:60] or "run"
