"""The loss of a log that names none: its only series, or in a table without a header the only one that falls."""

from collections.abc import Mapping

from .content import Content
from .names import NAMELESS, is_no_loss, meaning


def nameless_loss(found: Mapping[str, Content]) -> str | None:
    """The one column of numbers that is neither a place nor a time, nor counts the rows without a name.

    Without a header, `0 0.203 0.872` is an epoch, a loss and an accuracy: of the columns beside the counter the loss
    is the one that falls, or one that became NaN and stayed so. Where several fall, or none does, it cannot be told.
    """
    series = [name for name, held in found.items() if held.values > max(held.texts, 1) and not _is_place(name)]
    series = [name for name in series if not (name.startswith(NAMELESS) and found[name].is_counter)]
    if len(series) > 1 and all(name.startswith(NAMELESS) for name in found) and len(series) < len(found):
        if lost := [name for name in series if found[name].ends_in_nan]:
            return lost[0]
        changes = {name: found[name].change for name in series}
        series = [name for name in series if changes[name] < 0] if all(changes.values()) else []
    return series[0] if len(series) == 1 and not is_no_loss(series[0]) else None


def _is_place(name: str) -> bool:
    what = meaning(name)
    return (what is not None and what.canonical != "value") or "time" in name.lower() or name.startswith("Unnamed")
