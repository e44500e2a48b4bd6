"""The loss of a log that names none: its only series, or of several series beside a counter one that falls."""

from collections.abc import Mapping, Sequence

from .content import Content
from .names import NAMELESS, is_bare_player, is_no_loss, meaning, words_of

_BESIDE = {
    "eta", "elapsed", "took", "speed", "mem", "memory", "gpu", "cpu", "size", "lr", "alpha", "beta", "gamma", "temp",
    "temperature", "epsilon", "eps", "e", "momentum", "progress", "percent", "images", "samples", "tokens", "seconds",
    "sec", "s", "fps", "it", "len", "length", "p", "f", "r",
}  # fmt: skip
"""Words of numbers that a program prints of a run besides what it minimises."""
_TO_RISE = {
    "psnr", "ssim", "auc", "roc", "map", "ap", "iou", "miou", "dice", "bleu", "rouge", "cider", "recall", "precision",
    "f1", "fscore", "score", "hit", "hits", "mrr", "ndcg", "r2", "correct", "top", "likelihood", "ll", "logp", "elbo",
    "reward", "rewards", "return", "returns",
}  # fmt: skip
"""Words of measures that are the better the higher they are."""


def nameless_loss(found: Mapping[str, Content], *, is_printed: bool) -> str | None:
    """The one column of numbers that is neither a place nor a time, nor counts the rows without a name.

    Without a header, `0 0.203 0.872` is an epoch, a loss and an accuracy: of the columns beside the counter the loss
    is the one that falls, or one that became NaN and stayed so. Where several fall, or none does, it cannot be told of
    a table, which may be about anything. What a program printed beside a counter is about its training: there the
    first that falls is taken, or where none has a name and none falls, the first that does not rise.
    """
    series = [name for name, held in found.items() if held.values > max(held.texts, 1) and not _is_place(name)]
    series = [name for name in series if not (name.startswith(NAMELESS) and found[name].is_counter)]
    if len(series) > 1:
        chosen = _among(series, found, is_printed=is_printed)
        return chosen[0] if chosen else None
    return series[0] if series and _may_fall(series[0]) else None


def _among(series: Sequence[str], found: Mapping[str, Content], *, is_printed: bool) -> Sequence[str]:
    """The likeliest first; none where it cannot be told."""
    are_nameless = all(name.startswith(NAMELESS) or (is_printed and _is_place(name)) for name in found)
    if (not is_printed and not are_nameless) or len(series) == len(found):
        return []
    if not are_nameless:
        series = [name for name in series if _may_fall(name) and found[name].integers < found[name].values]
    if lost := [name for name in series if found[name].ends_in_nan]:
        return lost
    changes = {name: found[name].change for name in series}
    falling = [name for name in series if changes[name] < 0]
    if not is_printed:
        return falling if len(falling) == 1 and all(changes.values()) else []
    return falling or [name for name in series if are_nameless and not found[name].is_sum]


def _may_fall(name: str) -> bool:
    said = {*words_of(name)}
    return name.startswith(NAMELESS) or not (is_no_loss(name) or said & (_BESIDE | _TO_RISE))


def _is_place(name: str) -> bool:
    what = None if is_bare_player(name) else meaning(name)
    return (what is not None and what.canonical != "value") or "time" in name.lower() or name.startswith("Unnamed")
