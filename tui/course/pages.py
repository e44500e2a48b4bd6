"""The course: chapters of short pages, read from TOML files, each with something to see and a question at its end."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...engine.config import ConfigError
from ...engine.lesson import Chapter, Question, Value
from ...engine.schedule import ScheduleConfig
from ...engine.toml_tables import build, require

COURSE = Path(__file__).parent

Computed = Literal["probabilities", "perplexities", "bowl", "schedules", "two_gradients", "bias_correction", "work"]
"""Figures that are calculated."""
Live = Literal["loss", "rate", "gradient", "layers", "updates", "instruments"]
"""Figures of a run that trains while the page is read."""
LIVE: frozenset[str] = frozenset(("loss", "rate", "gradient", "layers", "updates", "instruments"))


@dataclass(frozen=True, kw_only=True)
class Page:
    id: str
    """By which it is remembered; it stays when the title changes."""
    title: str
    text: str
    """Paragraphs; an indented line is a formula and keeps its shape."""
    question: Question
    figure: Computed | Live | Literal["none"] = "none"
    schedules: tuple[ScheduleConfig, ...] = ()
    """For the figure of that name."""
    train: str = ""
    """The preset that a live figure shows."""
    changes: Mapping[str, Value] = field(default_factory=dict)
    """Config keys that it sets otherwise."""
    presets: tuple[str, ...] = ()
    """What Enter opens."""
    chapter: Chapter | Literal["none"] = "none"
    """The chapter of the library whose presets Enter opens besides."""
    exercise: Literal["none", "curve", "fault"] = "none"

    def __post_init__(self) -> None:
        require(bool(self.text.strip()), "text", self.text, "must say something")
        require(bool(self.train) == (self.figure in LIVE), "train", self.train, "is for a live figure only")
        require(bool(self.schedules) == (self.figure == "schedules"), "schedules", self.schedules, "is for its figure")


@dataclass(frozen=True, kw_only=True)
class CourseChapter:
    title: str
    pages: tuple[Page, ...]


def read_course(folder: Path = COURSE) -> tuple[CourseChapter, ...]:
    """The chapters in the order of their files' names; ConfigError names file and key."""
    return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def pages_of(course: tuple[CourseChapter, ...]) -> list[tuple[CourseChapter, Page]]:
    return [(chapter, page) for chapter in course for page in chapter.pages]


def _read(path: Path) -> CourseChapter:
    try:
        return build(CourseChapter, tomllib.loads(path.read_text(encoding="utf-8")), "")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
