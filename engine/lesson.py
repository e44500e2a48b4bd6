"""What a run is there to show: the words for a person, and promises that are measured.

It is a section of the configuration like any other, so a run folder carries the lesson that its run was started with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from .conditions import parse_condition
from .finding_kinds import FindingKind
from .toml_tables import ConfigError, between, require

Chapter = Literal[
    "The loss curve",
    "Learning rate schedules",
    "Optimizers",
    "Training phases",
    "Loss is NaN",
    "Loss not decreasing",
    "Overfitting",
    "Loss oscillating",
    "Too slow",
    "Architecture",
    "Your own",
]
CHAPTERS: tuple[Chapter, ...] = get_args(Chapter)
"""In the order in which they are read."""
LONGEST_SUMMARY = 90
"""Characters; it stands in one line of a list."""

Value = str | bool | int | float | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Where to look, from the first step on at which `when` holds; without a condition, from `step` on."""

    what: str
    step: int = 0
    """Where the preset's own run has come so far: a watched run stops there."""
    when: str = ""
    """A condition, such as `mean loss < 2.6`; the sentence is true where it holds, whatever else was changed."""

    def __post_init__(self) -> None:
        if self.when:
            _condition("lesson.watch.when", self.when)
        between("lesson.watch.step", self.step, 0, 1_000_000_000)
        require(bool(self.what.strip()), "lesson.watch.what", self.what, "must say what to look at")


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A finding that the diagnosis raises in every run of this preset, whatever the seed."""

    kind: FindingKind
    by: int
    """The step by which it is known."""
    or_else: tuple[FindingKind, ...] = ()
    """Kinds with the same cause: in some seeds one of these is found by then instead."""

    def __post_init__(self) -> None:
        between("lesson.expected.by", self.by, 1, 1_000_000_000)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the lesson that states a number, and the condition that the preset's own runs must fulfil."""

    says: str
    """Words of the lesson, as they stand there."""
    check: str

    def __post_init__(self) -> None:
        require(bool(self.says.strip()), "lesson.claims.says", self.says, "must quote the lesson")
        _condition("lesson.claims.check", self.check)


def _condition(key: str, text: str) -> None:
    try:
        parse_condition(text)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class LessonFix:
    """A change of the configuration, and what a fresh run with it is promised to do."""

    title: str
    changes: Mapping[str, Value]
    """Config keys, such as `"schedule.lr" = 1e-3`."""
    then: str
    """What happens, in words."""
    gone: tuple[FindingKind, ...] = ()
    """Findings that are no longer raised; the others that are expected still may be."""
    better_by: float = 0.0
    """The last val_loss is lower by at least this; below 0, it is higher by at most as much."""
    speedup: float = 0.0
    """Times as fast, a whole run against a whole run; 0 promises nothing."""

    def __post_init__(self) -> None:
        require(bool(self.title.strip()), "lesson.fixes.title", self.title, "must name the fix")
        require(bool(self.changes), "lesson.fixes.changes", dict(self.changes), "must set at least one config key")
        own = [key for key in self.changes if key.partition(".")[0] in ("title", "lesson")]
        require(not own, "lesson.fixes.changes", own, "must set keys of the run, not its words")
        between("lesson.fixes.better_by", self.better_by, -1000.0, 1000.0)
        between("lesson.fixes.speedup", self.speedup, 0.0, 1000.0)


@dataclass(frozen=True, kw_only=True)
class Question:
    text: str
    choices: tuple[str, ...]
    answer: int
    """Which choice is right, counted from 1."""
    explanation: str

    def __post_init__(self) -> None:
        require(bool(self.text.strip()), "lesson.questions.text", self.text, "must ask something")
        count = len(self.choices)
        between("the number of lesson.questions.choices", count, 2, 9)
        require(
            len(set(self.choices)) == count,
            "lesson.questions.choices",
            list(self.choices),
            "must differ from each other",
        )
        between("lesson.questions.answer", self.answer, 1, count)
        require(bool(self.explanation.strip()), "lesson.questions.explanation", self.explanation, "must say why")


@dataclass(frozen=True, kw_only=True)
class Lesson:
    chapter: Chapter = "Your own"
    order: int = 0
    """Its place in the chapter, the smallest first."""
    summary: str = ""
    """One line."""
    why: str = ""
    """What a person will see happen, and why."""
    seconds: float = 0.0
    """How long the run takes on two CPU cores, about; 0 where it was not measured."""
    watch: tuple[Watch, ...] = ()
    claims: tuple[Claim, ...] = ()
    expected: tuple[Expectation, ...] = ()
    allowed: tuple[FindingKind, ...] = ()
    """Findings that some seeds raise besides; any other is a false alarm."""
    fixes: tuple[LessonFix, ...] = ()
    questions: tuple[Question, ...] = ()
    see_also: tuple[str, ...] = ()
    """Ids of presets to compare with."""

    def __post_init__(self) -> None:
        between("lesson.order", self.order, 0, 1_000_000)
        between("lesson.seconds", self.seconds, 0.0, 1e9)
        require(
            "\n" not in self.summary and len(self.summary) <= LONGEST_SUMMARY,
            "lesson.summary",
            self.summary,
            f"must be one line of at most {LONGEST_SUMMARY} characters; the rest belongs into lesson.why",
        )
        steps = [each.step for each in self.watch]
        require(steps == sorted(steps), "the steps of lesson.watch", steps, "must rise; sort them")
