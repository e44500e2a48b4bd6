"""Which metrics of a run are shown, and which of them first: chosen by words, globs or /expressions/. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


class ChoiceError(ValueError):
    """A pattern that means nothing; the message says why."""


@dataclass(frozen=True, kw_only=True)
class MetricChoice:
    """Patterns with spaces between them. A word is found anywhere in a name, `*`, `?` and `[...]` match a whole name,
    and what stands between slashes is a regular expression. Case does not matter."""

    shown: str = ""
    """Empty for all."""
    first: str = ""
    """Of those that are shown, these come first, in the order of their patterns."""

    def __post_init__(self) -> None:
        for text in (self.shown, self.first):
            _tests(text)

    def chosen(self, names: Sequence[str]) -> list[str]:
        tests = _tests(self.shown)
        shown = [name for name in names if not tests or any(test(name) for test in tests)]
        pinned = [name for test in _tests(self.first) for name in names if test(name)]
        return [*dict.fromkeys(pinned), *(name for name in shown if name not in set(pinned))]


def _tests(text: str) -> list[Callable[[str], bool]]:
    return [_test(pattern) for pattern in text.split()]


def _test(pattern: str) -> Callable[[str], bool]:
    if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
        try:
            expression = re.compile(pattern[1:-1], re.IGNORECASE)
        except re.error as error:
            raise ChoiceError(f"{pattern} is no regular expression: {error}") from None
        return lambda name: expression.search(name[:200]) is not None
    lower = pattern.lower()
    if set(pattern) & set("*?["):
        return lambda name: fnmatchcase(name.lower(), lower)
    return lambda name: lower in name.lower()
