"""Several names, then as many values: `train, loss, acc ===> 0.8, 0.5`, `Train/Val loss: 0.5/0.6`."""

import re

from .names import is_held_out, is_training, meaning, words_of

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+|nan|inf)"
_VALUES = re.compile(
    rf"\s{{0,3}}(?:(?<!\d)[:=]+>?|-+>)\s{{0,10}}[\[(]?({_NUMBER}(?:\s{{0,3}}[,/|]\s{{0,3}}{_NUMBER}(?![\w.])){{1,7}})[\])]?",
    re.IGNORECASE,
)
_HINT = re.compile(r"[,/|]\s?[A-Za-z_][\w.@]*+(?: [A-Za-z_][\w.@]*+){0,3}+\)?\s{0,3}[:=-]+>?\s{0,10}[\[(]?[-+.\dnN]")
"""The last name and the beginning of the first value: few lines have that, and it is found fast."""
_WORDS = r"[A-Za-z_][\w.@-]{0,30}(?: [A-Za-z_][\w.@-]{0,30}){0,3}"
_NAMES = re.compile(rf"\(?({_WORDS}(?:\s?[,/|]\s?{_WORDS}){{1,8}})\s?\)?$")
_BETWEEN = re.compile(r"\s*[,/|]\s*")
_LONGEST = 300
"""Of all names together."""


def told_apart(line: str) -> str:
    """The line with each value behind its name; unchanged where it has no such names, none of which is a loss."""
    for values in _VALUES.finditer(line) if _HINT.search(line) else ():
        names = _NAMES.search(line[max(values.start() - _LONGEST, 0) : values.start()])
        cells = _BETWEEN.split(values[1])
        paired = _paired(_BETWEEN.split(names[1]), cells) if names else []
        if names and any((what := meaning(name)) and what.canonical in ("loss", "val_loss") for name in paired):
            before = line[: values.start() - len(names[0])]
            told = ", ".join(f"{name}: {cell}" for name, cell in zip(paired, cells, strict=True))
            return f"{before}{told}{line[values.end() :]}"
    return line


def _paired(names: list[str], cells: list[str]) -> list[str]:
    """A name for each value; none where they do not come out even."""
    if len(names) == len(cells) + 1 and _is_split(names[0]):
        split, *names = names
        return [name if (what := meaning(name)) and what.canonical == "step" else f"{split} {name}" for name in names]
    if len(names) != len(cells):
        return []
    *first, last = names
    if all(map(_is_split, first)) and not _is_split(last):  # `Train/Val loss`: what was measured stands once
        split, _, measured = last.partition(" ")
        return [*(f"{name} {measured}" for name in first), last] if measured and _is_split(split) else []
    return names


def _is_split(name: str) -> bool:
    return all(is_held_out(word) or is_training(word) for word in words_of(name))
