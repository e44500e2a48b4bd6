"""Which columns of a log are what: chosen by name, checked against what they hold, and open to correction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .content import Content
from .nameless import nameless_loss
from .names import BARE, CANONICAL, PART, PERPLEXITY, Meaning, is_held_out, is_training, meaning, words_of
from .players import no_players
from .scores import scores

_ADVERSARIES = {
    "d", "g", "disc", "gen", "discriminator", "generator", "actor", "critic", "policy", "value", "real", "fake", "adv",
    "dis", "entropy", "pi", "v", "q", "vf", "pg", "kl", "surrogate",
}  # fmt: skip
"""Losses that are played against each other; their sum means nothing."""
_DISCRIMINATORS = {"d", "dis", "disc", "discriminator", "critic"}
_GENERATORS = {"g", "gen", "generator", "adv", "adversarial"}
"""Also what the other side of a discriminator is called where it has no name: `adv_loss`."""
_POLICIES = {"policy", "pi", "pg", "actor", "surrogate"}
_VALUES = {"value", "v", "vf", "q", "critic"}
_OF_AGENTS = {"entropy", "kl", "surrogate", "clipfrac", "clip", "actor", "alpha"}
"""Beside a loss of the policy and one of values: a game player that learns by heart what a search found has none."""
_OF_EPISODES = {"reward", "rewards", "return", "score", "eps"}
"""Beside an episode signs of an agent that learns values, as epsilon is alone: its targets move with what it finds."""
_MOST_LOSSES = 16
_SERIES = 3
"""Values that make a series."""
_FEW = 0.05
"""A column with less than this share of the values of its fullest rival is a summary, not a series."""

_LONGEST_STEP = 1e8
"""Seconds, three years of them, or milliseconds, a day; the time since 1970 is ten times as much and more."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    chosen: Mapping[str, tuple[str, ...]]
    """Canonical name -> the column in the file; several, where the loss is the sum of its parts."""
    gaps: frozenset[str]
    """Columns in which NaN stands for a value that was not measured."""
    losses: tuple[str, ...]
    """Further losses, each of which can be judged: parts of a sum, other tasks and held-out sets, an opponent."""
    adversarial: bool
    """Generator and discriminator are among the losses; neither is one to be minimised alone."""
    agent: bool
    """The losses are those of an agent's policy and of what values its states; the reward tells how it learns."""
    whole: frozenset[str]
    """Losses that are no parts."""
    unmeasured: tuple[str, ...]
    """Columns with a known name that hold nothing: never filled, or zero throughout."""
    is_guessed: bool
    """No column is called like a loss, and one was taken by what it holds."""


def choose(found: Mapping[str, Content], given: Mapping[str, str], *, is_printed: bool = False) -> Columns:
    """`given` maps canonical names to columns, and an empty one leaves a canonical name out.

    `is_printed`: the log is what a program printed, and not a table of something else.
    """
    taken = {name for name in given.values() if name}
    taken |= no_players(found)
    candidates: dict[str, list[tuple[int, int, str, Meaning]]] = {}
    for place, name in enumerate(found):
        what = meaning(name)
        if what and what.canonical in ("step_time", "data_time") and _is_clock(found[name]):
            continue
        if what and what.canonical not in given and name not in taken:
            candidates.setdefault(what.canonical, []).append((what.rank, place, name, what))
    chosen: dict[str, tuple[str, ...]] = {canonical: (name,) for canonical, name in given.items() if name}
    unmeasured: list[str] = []
    for canonical in ("loss", "val_loss"):
        candidates[canonical] = _without_common_words(candidates.get(canonical, []))
    for canonical in CANONICAL:
        rivals = candidates.get(canonical, [])
        unmeasured += [name for _, _, name, _ in rivals if not found[name].values]
        if canonical not in given and (best := _best(rivals, found)):
            chosen[canonical] = best
    if "loss" in chosen and "val_loss" in chosen and _is_bare(chosen["val_loss"]) and not _is_bare(chosen["loss"]):
        del chosen["val_loss"]  # a column that is just called `val` beside a loss by name is an accuracy or the like
    if {"loss", "val_loss"} <= chosen.keys() and _is_perplexity(chosen["val_loss"]) != _is_perplexity(chosen["loss"]):
        del chosen["val_loss" if _is_perplexity(chosen["val_loss"]) else "loss"]
    if len(chosen.get("loss", ())) == 1 and (total := _total_of_parts(chosen["loss"][0], found)):
        chosen["loss"] = (total,)
    if len(chosen.get("val_loss", ())) > len(chosen.get("loss", ())):
        held_out = chosen["val_loss"]  # several held-out sets, and not the parts of one loss
        ours = {_measured(name) for name in chosen.get("loss", ())}
        chosen["val_loss"] = (next((name for name in held_out if _measured(name) in ours), held_out[0]),)
    guess = None
    if not {"loss", "val_loss", "reward"} & chosen.keys() and "loss" not in given:
        guess = nameless_loss(found, is_printed=is_printed)
    if guess:
        chosen["loss"] = (guess,)
    elif not {"loss", "val_loss", "reward"} & chosen.keys() and "reward" not in given:
        chosen |= scores(found, is_printed=is_printed)
    if _is_never_measured(chosen, found):
        unmeasured += chosen.pop("grad_norm")
    names = [name for columns in chosen.values() for name in columns if name in found]
    gaps = frozenset(name for name in names if found[name].is_nan_a_gap)
    if "val_loss" not in chosen:  # what is measured only now and then comes back more than once
        gaps -= {name for name in chosen.get("loss", ()) if name in found and found[name].returns < 2}
    chosen = {name: chosen[name] for name in CANONICAL if name in chosen}
    losses = _further(candidates, chosen, found)
    gaps |= {name for name in losses if found[name].is_nan_a_gap}
    kinds = {word for name in {*losses, *names} if (what := meaning(name)) for word in what.kind}
    return Columns(
        chosen=chosen,
        gaps=gaps | _complements(chosen, found),
        losses=losses,
        adversarial=bool(kinds & _DISCRIMINATORS and kinds & _GENERATORS),
        agent=_is_agent(kinds, found),
        whole=frozenset(
            name for canonical in ("loss", "val_loss") for rank, _, name, _ in candidates[canonical] if rank < PART
        ),
        unmeasured=tuple(unmeasured),
        is_guessed=guess is not None,
    )


def _is_clock(content: Content) -> bool:
    """It tells when, and not how long: it goes up, or is a time of day, also where the clock was set back."""
    return content.is_sum or (content.finite > 0 and content.low > _LONGEST_STEP)


def _measured(name: str) -> frozenset[str]:
    """What is measured, on whatever data."""
    return frozenset(word for word in words_of(name) if not (is_training(word) or is_held_out(word)))


def is_player(name: str) -> bool:
    """Whether a column has the loss of one of two networks that play against each other."""
    what = meaning(name)
    return what is not None and not what.kind.isdisjoint(_DISCRIMINATORS | _GENERATORS)


def _without_common_words(rivals: list[tuple[int, int, str, Meaning]]) -> list[tuple[int, int, str, Meaning]]:
    """Words that all losses of a log share say nothing: of `ppo/loss/total` and `ppo/loss/value` one is the whole."""
    common = frozenset[str].intersection(*(what.kind for *_, what in rivals)) if len(rivals) > 1 else frozenset[str]()
    if not common:
        return rivals
    stripped: list[tuple[int, int, str, Meaning]] = []
    for rank, place, name, what in rivals:
        kind = what.kind - common
        rank = rank - len(common) if kind else rank - PART - len(common)
        stripped.append((rank, place, name, replace(what, rank=rank, kind=kind)))
    return stripped


def _is_agent(kinds: set[str], found: Mapping[str, Content]) -> bool:
    said = {word for name in found for word in words_of(name)}
    plays = "epsilon" in said or bool(said & {"episode", "episodes"} and said & _OF_EPISODES)
    return plays or bool(kinds & _POLICIES and kinds & _VALUES and said & _OF_AGENTS)


def _further(
    candidates: Mapping[str, list[tuple[int, int, str, Meaning]]],
    chosen: Mapping[str, tuple[str, ...]],
    found: Mapping[str, Content],
) -> tuple[str, ...]:
    taken = {columns[0] for columns in chosen.values() if len(columns) == 1}
    rivals = [rival for canonical in ("loss", "val_loss") for rival in candidates.get(canonical, [])]
    fullest = max((found[rival[2]].values for rival in rivals), default=0)
    own = [rival for rival in sorted(rivals) if rival[2] not in taken]
    return tuple(
        name
        for rank, _, name, _ in own
        if found[name].ends_in_nan or (PART <= rank < 2 * PART and found[name].values > _FEW * fullest)
    )[:_MOST_LOSSES]


def _best(rivals: list[tuple[int, int, str, Meaning]], found: Mapping[str, Content]) -> tuple[str, ...]:
    fullest = max((found[name].values for _, _, name, _ in rivals), default=0)
    full = sorted(rival for rival in rivals if found[rival[2]].values > max(_FEW * fullest, 0))
    full = [rival for rival in full if not _is_summary(rival[2], found, fullest)] or full
    if not full:
        return ()
    rank, _, name, what = full[0]
    parts = [rival for rival in full if PART <= rival[0] < 2 * PART]
    if rank < PART or len(parts) < 2 or what.canonical not in ("loss", "val_loss"):
        return (_fuller(name, full, found),)
    return _summed(parts, found) or (name,)


def _is_summary(name: str, found: Mapping[str, Content], fullest: int) -> bool:
    """What stands once beside a series is not the series; nor is `Final train loss: 0.08`, however short that is."""
    return found[name].values == 1 and (fullest >= _SERIES or "final" in words_of(name))


def _fuller(name: str, rivals: list[tuple[int, int, str, Meaning]], found: Mapping[str, Content]) -> str:
    """The value by step is better than its mean by epoch, unless it was logged much more seldom."""
    if name.endswith("_step") and (means := name.removesuffix("_step") + "_epoch") in (rival[2] for rival in rivals):
        return means if found[means].values > 2 * found[name].values else name
    return name


def _summed(parts: list[tuple[int, int, str, Meaning]], found: Mapping[str, Content]) -> tuple[str, ...]:
    """The parts of a loss that has no total: all were logged together, and none is another's opponent."""
    names = tuple(name for _, _, name, _ in sorted(parts, key=lambda part: part[1]))
    if any(what.kind & _ADVERSARIES for *_, what in parts) or len({frozenset(p[3].kind) for p in parts}) < len(parts):
        return ()
    return names if len({found[name].values for name in names}) == 1 and len(names) <= 6 else ()


def _total_of_parts(part: str, found: Mapping[str, Content]) -> str | None:
    """A column that is just called `total` and is above a loss that is a part; it may be a time as well."""
    what, held = meaning(part), found.get(part)
    if not what or not held or not PART <= what.rank < 2 * PART:
        return None
    totals = [(name, total) for name, total in found.items() if name.lower() == "total" and not total.is_sum]
    return next((name for name, total in totals if total.low >= held.low and total.high >= held.high), None)


def _is_bare(columns: tuple[str, ...]) -> bool:
    what = meaning(columns[0])
    return what is not None and what.rank >= BARE


def _is_perplexity(columns: tuple[str, ...]) -> bool:
    return any(not PERPLEXITY.isdisjoint(words_of(name)) for name in columns)


def _is_never_measured(chosen: Mapping[str, tuple[str, ...]], found: Mapping[str, Content]) -> bool:
    """A gradient norm that is always 0 while the loss moves by far more than noise."""
    norm, loss = (found.get(chosen[name][0]) if name in chosen else None for name in ("grad_norm", "loss"))
    if not norm or not loss or not norm.zeros or norm.zeros < norm.values or not loss.finite:
        return False
    return loss.high - loss.low > 0.3 * max(abs(loss.low), abs(loss.high))


def _complements(chosen: Mapping[str, tuple[str, ...]], found: Mapping[str, Content]) -> frozenset[str]:
    """Where val_loss has NaN for its gaps, so has the loss on the rows of evaluations, if it always comes back."""
    loss, held_out = chosen.get("loss", ()), chosen.get("val_loss", ())
    if len(loss) == len(held_out) == 1 and loss[0] in found and held_out[0] in found:
        ours, theirs = found[loss[0]], found[held_out[0]]
        if theirs.is_nan_a_gap and 0 < ours.nans <= theirs.finite and ours.returns >= ours.nans - 1:
            return frozenset(loss)
    return frozenset()
