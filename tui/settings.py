"""A person's choices about the screen: one small TOML file in the XDG place, read once and written when one changes.

A file that cannot be used is an error in one line and is left as it is: nothing is saved over it until it is mended.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from textual.message import Message

from ..engine.config import ConfigError, between, build, require

Bell = Literal["off", "bell", "notice"]


class SettingsError(ValueError):
    """A settings file that cannot be read or written; the message names the file and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    theme: str = "dusk"
    ascii: bool = False
    """For terminals without braille and box drawing."""
    smoothing: float = 0.97
    """Of the loss curve: the share of the past in the average; 0 leaves the curve as it is."""
    hidden_panels: tuple[str, ...] = ()
    """Panels of the run screen that are not shown."""
    bell: Bell = "notice"
    """How a failure finding calls for attention."""
    redraws_per_s: float = 3.0
    """How often the plots follow a running run."""

    recent_logs: tuple[str, ...] = ()
    """Paths of logs that were watched, the last one first."""
    metrics_shown: Mapping[str, str] = field(default_factory=dict[str, str])
    """By folder of logs: patterns for the metrics that are shown there, beside those with a panel of their own."""
    metrics_first: Mapping[str, str] = field(default_factory=dict[str, str])
    """By folder of logs: patterns for those that come first."""

    def __post_init__(self) -> None:
        require(bool(self.theme), "theme", self.theme, 'must name a theme such as "dusk"')
        between("smoothing", self.smoothing, 0.0, 0.9999)
        between("redraws_per_s", self.redraws_per_s, 0.2, 30.0)


class Remember(Message):
    """A person chose something that should hold next time too: a screen posts it, the app keeps it."""

    def __init__(self, **choices: Any) -> None:
        super().__init__()
        self.choices = choices
        """Fields of Settings and their new values."""


def settings_path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("tinygpt-tui") / "settings.toml"


def load_settings(path: Path) -> Settings:
    """The settings in a file, or the defaults where there is none."""
    try:
        return build(Settings, tomllib.loads(path.read_bytes().decode()), "")
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text; save it as UTF-8 or delete it") from None
    except (tomllib.TOMLDecodeError, ConfigError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}; mend the file or delete it") from None


def save_settings(settings: Settings, path: Path) -> None:
    """Write the whole file beside its place, then put it there: a reader sees the old one or the new one."""
    import tomli_w

    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(tomli_w.dumps(asdict(settings)), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from None


class Preferences:
    """The settings in force and where they are kept; a file with a fault is never written over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble = ""
        """Why choices are not remembered; empty if they are."""
        try:
            self.settings = load_settings(path)
        except SettingsError as error:
            self.settings, self.trouble = Settings(), str(error)

    def distrust(self, why: str) -> None:
        self.trouble = f"{self._path}: {why}"

    def remember(self, choices: Mapping[str, Any]) -> None:
        self.settings = replace(self.settings, **choices)
        if not self.trouble:
            try:
                save_settings(self.settings, self._path)
            except SettingsError as error:
                self.trouble = str(error)
