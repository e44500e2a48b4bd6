"""Names beside numbers in one line, however they are set: `loss: 0.5`, `loss=0.5`, `| loss | 0.5`, `loss 0.5`."""

import re
from collections.abc import Iterator
from functools import lru_cache

from .names import Meaning, is_held_out, meaning
from .record import total_of

_NUMBER = (
    r"[-+]?(?:0,\d{2,17}(?![\d,.])|\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d{1,9},\d{4,17}(?![\d,.])"
    r"|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|(?:nan|inf(?:inity)?)x*(?![a-z]))"
)
"""A comma stands before thousands, or before a fraction where no thousands can be: `0,25`, `12,0625`."""
_WORD = r"(?<!\d/)(?!(?<=loss )(?:nan|inf)\b|nan\)|inf\))(?:[1-4][dD]_)?[A-Za-z_@][\w.@/()%-]{0,50}(?:'s)?"
_SIGN = r"[\"']?(?:\s{0,20}(?:[:=]>?|-{1,3}>|→)\s{0,20}|\s{1,20}#?|\s-\s)(?:tensor\(|np\.float\d\d\(|\[\s{0,10}|[\"'])?"
_PAIR = re.compile(
    # a name of up to five words, then a sign, a bracket or a space, then its value and perhaps how many there will be
    rf"(?<![\w.])(?P<name>{_WORD}(?: \(?{_WORD}){{0,4}}){_SIGN}(?P<value>{_NUMBER})"
    rf"(?:\s{{0,3}}/\s{{0,12}}(?P<total>\d[\d,]*))?"
    # or a place in an epoch that has no name: [ 640/60000 (1%)], | 50/100 [00:10<, 50% 50/100 [00:10<
    r"|(?:\[|\||%(?=\s+\d+/\d+ \[))\s{0,10}(?!\d{4}/\d\d/\d\d)(?P<place>\d{1,12})\s{0,3}/\s{0,10}(?P<places>\d{1,12})",
    re.IGNORECASE,
)
_OF_EPOCHS = re.compile(r"\ds/ep(?:och)?\b|\dep(?:och)?s?/s\b|^\W*epochs?(?: progress)?:?\s+\d+%\|", re.IGNORECASE)
"""A bar whose unit is the epoch, by its rate or its title."""
_CONTEXT = re.compile(
    r"(?<![A-Za-z])(train|training|valid|validation|val|eval|evaluation|test|dev|cv)(?![A-Za-z])", re.IGNORECASE
)
_CHATTER = {"info", "debug", "warning", "print", "at", "after", "on", "in", "the", "and", "is", "of", "current"}
_UNITS = {"s", "sec", "secs", "seconds", "ms", "mins", "minutes", "hours", "gb", "mb"}
"""Of the number before a name: `Time Elapsed: 114.8 s Mean Reward: 0.4`."""
_NOT_NOW = {"best", "lowest", "minimum", "min", "previous", "last", "from", "initial"}
_AT = {"at", "after", "on", "in", "of", "for"}


def pairs_in(line: str, of_training: set[str] | None = None) -> Iterator[tuple[str, str, str | None, Meaning | None]]:
    """(name, value, how many there will be, what the name means), from left to right.

    `of_training` is what the lines before have taught and learns more: what was said to be of the training, as are both
    in `Train acc: 0.8 | loss: 0.6`. In `Valid acc: 0.7 | loss: 0.9` the loss is then of the held-out set as well; in a
    log without such lines it may be that of the training, which has no other.
    """
    known = set[str]() if of_training is None else of_training
    end, context, before = 0, "", ""
    measured, said = "", set[str]()  # the last data set in a name, and the names so far
    has_training = False  # whether a name was of the training
    for pair in _PAIR.finditer(line):
        context, end = _context(line[end : pair.start()], context), pair.end()
        if pair["place"]:
            kind = "epoch" if _OF_EPOCHS.search(line) else "batch"
            yield kind, pair["place"], pair["places"], meaning(kind)
            continue
        if line.startswith("%|", end):
            context = _context(pair["name"], context)  # `valid: 100%|####|`: how far it is
            continue
        name, found = _named(pair["name"])
        if found and found.canonical in ("step", "epoch"):
            context = _context(pair["name"], context)  # `validation loss at iteration 100`
        if found and found.canonical in ("loss", "accuracy") and not _CONTEXT.search(name):
            # `train acc 0.9 loss 0.3; test acc 0.8 loss 0.6`
            is_measured = measured and (name in said or (not has_training and name.lower() in known))
            if on := context or (measured if is_measured else ""):
                name = f"{on} {name}"
            elif has_training and not measured:
                known.add(name.lower())
        elif before == "loss train" and is_held_out(name):
            name = f"loss {name}"
        found, before = meaning(name) if found else found, name.lower()
        split, of_it = _split(name)
        if split is not None:
            measured = split
        if split == "":
            has_training = True
            known.add(of_it)
        said.add(name)
        if found and found.canonical in ("total_steps", "total_epochs") and pair["total"]:
            continue
        yield name, _whole(line, pair) if found else pair["value"], pair["total"], found


def _whole(line: str, pair: re.Match[str]) -> str:
    """The value; of a loss whose parts stand in brackets, `loss: [0.5, 0.2, 0.1]`, their sum."""
    start, end = pair.span("value")
    if line[start - 1] != "[" or line[end : end + 1] != ",":
        return pair["value"]
    total = total_of(line[start:].partition("]")[0])
    return pair["value"] if total is None else str(total)


@lru_cache(maxsize=8192)
def _named(text: str) -> tuple[str, Meaning | None]:
    """A name without the chatter before it; a place may stand behind any words: `Finished training epoch 3`."""
    words = text.split(" ")
    while len(words) > 1 and words[0].lower().strip("()") in _CHATTER | _UNITS:
        words.pop(0)
    name = " ".join(words)
    found, last = meaning(name), meaning(words[-1])
    is_many = words[-1].lower().endswith("s")
    if last and last.canonical in ("epoch", "step") and len(words) > 1 and words[-2].lower() in _AT:
        return words[-1], last
    if found is None and last and last.canonical in ("epoch", "step") and not is_many:
        return words[-1], last
    if found is None and last and "_" in words[-1] and last.canonical in ("loss", "val_loss"):
        is_now = _NOT_NOW.isdisjoint(word.lower() for word in words)
        return (words[-1], last) if is_now else (name, None)  # `saved model weights loss_A`
    if len(words) == 1 and found and found.canonical in ("step", "epoch") and is_many:
        return name, None  # `steps: 1000` is how many there are to be
    return name, found


@lru_cache(maxsize=8192)
def _split(name: str) -> tuple[str | None, str]:
    """The data set in a name, "" for the training's and None where it states none, and the name without it."""
    words = _CONTEXT.findall(name)
    if not words:
        return None, name
    return words[-1].lower() if is_held_out(words[-1]) else "", _CONTEXT.sub("", name).strip(" _/-").lower()


def _context(between: str, before: str) -> str:
    """What the numbers were measured on, by the last word that states it."""
    words = _CONTEXT.findall(between)
    if not words:
        return before
    return words[-1].lower() if is_held_out(words[-1]) else ""
