"""What a person must know of how a log was read, in sentences."""

from collections.abc import Mapping, Sequence

from ..storage.run_folder import printable
from .columns import Columns
from .names import NAMELESS, PART, meaning

_TAKE = "--map {0}=NAME takes another"


def notes(columns: Columns, shown: Mapping[str, str], *, is_short: bool, is_written_twice: bool) -> tuple[str, ...]:
    found: list[str] = []
    loss = shown.get("loss")
    if columns.adversarial:
        found.append(
            f"generator and discriminator play against each other, and neither loss is to be minimised alone:"
            f" {printable(loss or 'none')} is drawn, besides {_listed(columns.losses)}; {_TAKE.format('loss')}"
        )
    elif columns.agent and loss:
        found.append(
            f"an agent's losses need not fall: its reward tells how it learns; {printable(loss)} is drawn,"
            f" besides {_listed(columns.losses)}; {_TAKE.format('loss')}"
        )
    for canonical in () if columns.adversarial or columns.agent else ("loss", "val_loss"):
        taken = columns.chosen.get(canonical, ())
        others = [name for name in columns.losses if name not in taken and _canonical(name) == canonical]
        if len(taken) == 1 and others and taken[0] not in columns.whole and is_part(taken[0]):
            found.append(
                f"several columns are a {canonical} and none is the whole: {printable(taken[0])} was taken, as it comes"
                f" first; there are {_listed(others)} too; {_TAKE.format(canonical)}"
            )
        elif len(taken) > 1:
            found.append(f"no column is the whole {canonical}: its parts were added up; {_TAKE.format(canonical)}")
    if loss and columns.is_guessed:
        what = "has a name" if loss.startswith(NAMELESS) else "is called like a loss"
        found.append(f"no column {what}: {printable(loss)} was taken for the loss; {_TAKE.format('loss')}")
    if not {"loss", "val_loss", "reward"} & shown.keys():
        found.append(
            "no loss is in the log, and the gradient norm is NaN: a loss that is NaN is left out by some trainers"
        )
    if is_short:
        found.append(
            "the first row was left out: the log was resumed there, and its mean is over a window hardly filled"
        )
    if is_written_twice:
        found.append(
            "step after step comes again with another loss: several programs, or several processes of one, seem to"
            " write into this log, and what is drawn goes to and fro between them"
        )
    return tuple(found)


def is_part(name: str) -> bool:
    what = meaning(name)
    return what is not None and PART <= what.rank < 2 * PART


def _canonical(name: str) -> str:
    what = meaning(name)
    return what.canonical if what else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name)[:40] for name in names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown or "none"
