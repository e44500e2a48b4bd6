"""Presets: complete runs that a person asks for by name, one TOML file each; the library's and a person's own."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import platformdirs

from .config import ConfigError, RunConfig
from .lesson import CHAPTERS

LIBRARY = Path(__file__).parents[1] / "presets"


@dataclass(frozen=True, kw_only=True)
class Preset:
    id: str
    path: Path
    config: RunConfig


@dataclass(frozen=True, kw_only=True)
class BadPreset:
    """A file among the presets that is none."""

    id: str
    path: Path
    why: str
    """One line that names the file, the key and the remedy."""


def own_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where a person's own presets lie, beside the settings."""
    if chosen := environment.get("TINYGPT_TUI_PRESETS"):
        return Path(chosen).expanduser()
    return platformdirs.user_config_path("tinygpt-tui") / "presets"


def preset_files() -> dict[str, Path]:
    """Where each preset of the library lies, by its id."""
    return {path.stem: path for path in sorted(LIBRARY.glob("*.toml"))}


def preset_names(own: Path) -> list[str]:
    return sorted({*preset_files(), *(path.stem for path in copied_presets(own))})


def read_presets(own: Path) -> list[Preset | BadPreset]:
    """Every preset, chapter by chapter, then the files that are none: these never hide the others."""
    library = preset_files()
    found = [_read(id, path) for id, path in library.items()]
    for path in copied_presets(own):
        if path.stem in library:
            why = f"{path}: the library has a preset {path.stem!r} already; give the file another name"
            found.append(BadPreset(id=f"{path.stem} (own)", path=path, why=why))
        else:
            found.append(_read(path.stem, path))
    return sorted(found, key=_place)


def first_presets(count: int) -> list[Preset | BadPreset]:
    """The library's first ones in order, for a first frame: to read them all takes longer than to draw it."""
    files = sorted(preset_files().items(), key=_written_place)
    return [_read(id, path) for id, path in files[:count]]


def _written_place(file: tuple[str, Path]) -> tuple[int, int, str]:
    """As `_place`, from two lines that every preset of the library has: to parse the whole file takes 1.5 ms."""
    id, path = file
    written = re.search(r'^chapter = "(.+)"\norder = (\d+)$', path.read_text("utf-8", "replace"), re.MULTILINE)
    if written is None or written[1] not in CHAPTERS:
        return len(CHAPTERS), 0, id
    return CHAPTERS.index(written[1]), int(written[2]), id


def find_preset(name: str, own: Path | None = None) -> tuple[str, RunConfig]:
    """The id and the run that a preset's id, its title or a TOML file's path stands for."""
    if name.lower().endswith(".toml"):
        return _as_id(Path(name).stem), RunConfig.from_toml(Path(name))
    wanted = name.strip().casefold()
    if (path := preset_files().get(wanted)) is not None:
        return wanted, RunConfig.from_toml(path)
    presets = read_presets(own or own_folder())
    for preset in presets:
        match preset:
            case Preset(id=id, config=config) if wanted in (id.casefold(), config.title.casefold()):
                return id, config
            case BadPreset(id=id, why=why) if wanted == id.casefold():
                raise ConfigError(why)
            case _:
                pass
    close = get_close_matches(wanted, [preset.id for preset in presets], n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError(f"there is no preset {name!r}; {hint}`tinygpt-tui presets` lists them; a file ends in .toml")


def planned(preset: str, assignments: Mapping[str, str], here: Path) -> tuple[str, RunConfig]:
    """A preset with some keys set; a relative data.path counts from `here`, for a run may be resumed from anywhere."""
    id, config = find_preset(preset)
    config = config.with_values(assignments)
    if config.data.path != "stdlib":
        path = str(here / Path(config.data.path).expanduser())
        config = replace(config, data=replace(config.data, path=path))
    return id, config


def copy_preset(id: str, name: str, own: Path) -> Path:
    """One's own copy of a preset's file, comments and all, under a title of its own."""
    source = next((preset.path for preset in read_presets(own) if preset.id == id), None)
    if source is None:
        raise ConfigError(f"there is no preset {id!r}; `tinygpt-tui presets` lists them")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ConfigError(f"{name!r} is no name for a preset; use letters, digits, - and _")
    if name in preset_names(own):
        raise ConfigError(f"there is a preset {name!r} already; choose another name")
    target = own / f"{name}.toml"
    try:
        text = re.sub(r"(?m)^title = .*$", f'title = "{name}"', source.read_text(encoding="utf-8"), count=1)
        own.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from None
    return target


def copied_presets(own: Path) -> list[Path]:
    return sorted(path for path in own.glob("*.toml") if not path.name.startswith("."))


def _read(id: str, path: Path) -> Preset | BadPreset:
    try:
        return Preset(id=id, path=path, config=RunConfig.from_toml(path))
    except ConfigError as error:
        return BadPreset(id=id, path=path, why=str(error))


def _place(preset: Preset | BadPreset) -> tuple[int, int, str]:
    match preset:
        case Preset(id=id, config=config):
            return CHAPTERS.index(config.lesson.chapter), config.lesson.order, id
        case BadPreset(id=id):
            return len(CHAPTERS), 0, id


def _as_id(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:60] or "run"
