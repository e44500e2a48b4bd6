"""What a column is called in the field: `train/loss_step`, `TrainLoss` and `lm loss` are all the training loss."""

import re
from dataclasses import dataclass
from functools import lru_cache

from ..metrics import METRICS
from .pasted import PROSE
from .reward_names import reward_rank

CANONICAL = tuple(metric.name for metric in METRICS.values() if metric.columns)
"""Names that rows have; the first two are what a diagnosis cannot do without."""

BESIDE = frozenset(metric.name for metric in METRICS.values() if metric.accompanies)
"""Names that alone are no sign of training."""
PART = 100
"""Ranks from here on are parts of a loss, such as box_loss, and no total."""
STAND_IN = 200
"""Ranks from here on are no loss by name, and stand in where there is none."""
BARE = 300
"""Ranks from here on are columns that only state what was measured on: `train`, `val`."""

NAMELESS = "column "
"""What a column without a name is called, with its number."""
PERPLEXITY = frozenset({"ppl", "perplexity"})
"""The exponential of a loss; the two cannot be compared."""
_HELD_OUT = {"val": 0, "valid": 1, "validation": 1, "vali": 1, "eval": 2, "evaluation": 2, "heldout": 2, "dev": 3}
_HELD_OUT |= {"cv": 3, "holdout": 2, "test": 6, "testing": 6, "te": 6, "validate": 1}
_TRAIN = {"train", "training", "tr", "trn", "learn"}
_KINDS_OF_LOSS = {
    "total": 0, "overall": 0, "sum": 0, "all": 0, "final": 1, "mean": 4, "avg": 4, "average": 4, "lm": 5, "step": 6,
    "iter": 6, "batch": 6, "global": 6, "epoch": 8, "running": 9, "smoothed": 9, "smooth": 9, "ema": 10, "ce": 12,
    "cross": 12, "entropy": 12, "xent": 12, "nll": 13, "reduced": 5, "log": 14, "model": 14, "set": 0,
    "objective": 1, "is": 9, "was": 9,
}  # fmt: skip
"""Words beside `loss` that leave it the whole loss; the lower, the more likely the one that is minimised."""
_NOT_A_LOSS = {
    "scale", "scaler", "min", "max", "std", "var", "best", "delta", "diff", "weight", "weights", "ratio", "change",
    "coef", "coefficient", "factor", "improvement", "count", "norm", "time", "runtime", "lr", "spike", "spikes",
    "scaling", "threshold", "rate", "patience", "grad", "gradient", "num", "number", "reader", "usd", "dollars",
}  # fmt: skip
_PLAYERS = {"d", "g", "cycle", "idt"}
_PLAYED = {"gan", "real", "fake", "a", "b", "l1", "vgg", "feat"}
"""Together the losses of pix2pix and CycleGAN: `D_real`, `G_GAN`, `cycle_A`."""
_NAMED_PLAYERS: dict[tuple[str, ...], int] = {("generator",): 60, ("discriminator",): 61}
"""Columns that are called no more than that: losses where both are there, and anything where one is alone."""
_L_LOSSES = {
    "l",
    "g",
    "d",
    "pix",
    "percep",
    "style",
    "gan",
    "total",
    "real",
    "fake",
    "r1",
    "r",
    "1",
    "cls",
    "tv",
    "edge",
}
"""The words of BasicSR's losses: `l_pix`, `l_g_percep`, `l_d_real`."""
_SOURCES = (".py", ".cc", ".cpp", ".cu", ".c", ".h", ".lua", ".jl", ".m", ".R", ".go", ".rs", ".java")
_NORMS = {"1", "2"}
"""Beside `l` and a data set: LightGBM's `training's l2`, a mean of squares."""
_STAND_INS = {"nll": 0, "xent": 0, "crossentropy": 0, "cost": 1, "objective": 1, "criterion": 2, "bpb": 3, "bpc": 3}
_STAND_INS |= {"logloss": 0, "mlogloss": 0, "ce": 1, "mse": 4, "rmse": 5, "mae": 5, "error": 6, "err": 6, "nelbo": 1}
_STAND_INS |= {"huber": 4, "quantile": 4, "poisson": 4, "mape": 6}
_STAND_INS |= dict.fromkeys(PERPLEXITY, 5)
_NOT_A_RATE = {
    "scale", "decay", "mult", "multiplier", "min", "max", "warmup", "peak", "init", "initial", "end", "final", "weight",
    "schedule", "scheduler", "finder", "iters", "steps", "step",
}  # fmt: skip
_MANY = {"total", "max", "num", "number", "of", "target", "planned", "train", "training"}
_STEP = {
    ("global", "step"): 0, ("trainer", "global", "step"): 0, ("train", "global", "step"): 1, ("step",): 2,
    ("steps",): 3, ("iteration",): 3, ("iter",): 3, ("current", "steps"): 3, ("current", "step"): 3, ("cur", "step"): 3,
    ("num", "updates"): 4, ("update",): 4, ("updates",): 4, ("num", "update"): 4, ("iterations",): 4, ("iters",): 4,
    ("it",): 4, ("current", "iter"): 4, ("train", "step"): 4, ("train", "iter"): 4, ("training", "step"): 4,
    ("iter", "num"): 4, ("iteration", "num"): 4, ("step", "num"): 4, ("optimizer", "step"): 4, ("opt", "step"): 4,
    ("steps", "done"): 5, ("n", "iter"): 5, ("batches",): 6, ("round",): 6, ("batch",): 7, ("batch", "idx"): 7,
    ("batch", "num"): 7, ("timesteps",): 4, ("timestep",): 4, ("num", "timesteps"): 4, ("total", "timesteps"): 4,
    ("time", "total", "timesteps"): 4, ("timesteps", "total"): 4, ("training", "iteration"): 6,
    ("episode",): 5, ("episodes",): 5, ("example", "counter"): 6, ("acc", "iter"): 4,
}  # fmt: skip
_DISCRIMINATORS = {"d", "dis", "disc", "discriminator"}
_ROUNDS = {"step", "iter", "iteration", "it", "batch", "update"}
_SECONDS = {"s", "sec", "secs", "second", "seconds", "ms"}
_GLUED = re.compile(
    r"(train|training|valid|validation|val|test|eval|dev|avg|mean|total)(loss|acc|accuracy)|(grad)(norm)"
    r"|(learning)(rate)|([a-z]{1,8})(loss)"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    canonical: str
    """One of CANONICAL, or step, total_steps, total_epochs, run, split, metric or value."""
    rank: int
    """Of two columns that mean the same, the one with the lower rank is taken."""
    kind: frozenset[str] = frozenset()
    """The words that no habit explains: `box` in train/box_loss."""


@lru_cache(maxsize=1 << 15)
def meaning(name: str) -> Meaning | None:
    """None for a name that has nothing to do with training."""
    if len(name) > 200 or name.endswith(("__MIN", "__MAX")) or name.count("(") > name.count(")"):
        return None  # in an open bracket, as in `Training Loss (Tue May 9`, stands a remark
    if name.endswith(_SOURCES):
        return None  # `ctc-loss.cc:182` is a place in a program
    words = words_of(name.rpartition(" - ")[2])
    if not words or words[0] == "best":
        return None
    for asked in (_as_step, _as_loss, _as_rate, _as_norm, _as_speed, _as_time, _as_accuracy):
        if found := asked(words, name):
            return found
    if (rank := reward_rank(words)) is not None:
        return Meaning("reward", rank)
    return Meaning(canonical, 0) if (canonical := _by_spelling().get(words)) else None


@lru_cache(maxsize=1)
def _by_spelling() -> dict[tuple[str, ...], str]:
    """What the rules below do not know is recognised by how the registry of metrics spells it."""
    return {words_of(name): canonical for canonical in CANONICAL for name in (canonical, *METRICS[canonical].columns)}


def is_held_out(word: str) -> bool:
    return word.lower() in _HELD_OUT


def is_no_loss(name: str) -> bool:
    """Whether a name is of numbers beside a loss: its spread, a count, an entropy."""
    said = set(words_of(name))
    return bool(said & _NOT_A_LOSS) or ("entropy" in said and "cross" not in said)


def is_of_discriminator(name: str) -> bool:
    return bool(set(words_of(name)) & _DISCRIMINATORS)


def is_bare_player(name: str) -> bool:
    return words_of(name) in _NAMED_PLAYERS


def is_training(word: str) -> bool:
    return word.lower() in _TRAIN


def words_of(name: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in _WORD.findall(name):
        glued = _GLUED.fullmatch(word.lower())
        found += [part for part in glued.groups() if part] if glued else [word.lower()]
    return tuple(found)


def _as_step(words: tuple[str, ...], name: str) -> Meaning | None:
    if words in _STEP:
        return Meaning("step", _STEP[words] + 3 * name.startswith("_"))
    *rest, last = words
    if last in ("steps", "iters", "iterations", "updates", "epochs", "step") and rest and set(rest) <= _MANY:
        return Meaning("total_epochs" if last == "epochs" else "total_steps", len(rest))
    if "epoch" in words and set(words) - {"epoch"} <= _TRAIN | {"trainer", "current", "cur", "num", "idx"}:
        return Meaning("epoch", len(words))
    if words in (("run",), ("run", "id"), ("run", "name"), ("experiment",), ("trial",), ("fold",), ("seed",)):
        return Meaning("run", len(words))
    if words in (("split",), ("phase",), ("mode",), ("stage",), ("subset",), ("dataset",), ("set",)):
        return Meaning("split", 0)
    if words in (("metric",), ("tag",), ("metric", "name"), ("key",), ("variable",), ("name",)):
        return Meaning("metric", len(words))
    return Meaning("value", 0) if words in (("value",), ("values",), ("metric", "value")) else None


def _as_loss(words: tuple[str, ...], name: str) -> Meaning | None:
    said = set(words)
    held = min((_HELD_OUT[word] for word in said & _HELD_OUT.keys()), default=None)
    canonical = "loss" if held is None else "val_loss"
    rest = said - _HELD_OUT.keys() - _TRAIN
    if said & _NOT_A_LOSS and not (said & {"error", "err"} and not said & {"rate"}):
        return None
    if 1 < len(words) <= 3 and words[0] in _PLAYERS and set(words[1:]) <= _PLAYED:
        return Meaning(canonical, PART + 50, frozenset(words))
    if words in _NAMED_PLAYERS:
        return Meaning(canonical, PART + _NAMED_PLAYERS[words], frozenset(words))
    if len(words) > 1 and words[0] == "l" and said <= _L_LOSSES:
        return Meaning(canonical, PART + len(words) - 10 * ("total" in said), frozenset(words[1:]) - {"total"})
    if "loss" not in said and "losses" not in said:
        return _as_stand_in(rest, canonical, held or 0, is_measured=said != rest)
    rest -= {"loss", "losses"}
    if name.lower().endswith("loss value"):
        rest -= {"value"}  # Megatron's `lm loss value`; a `value loss` is that of a critic
    if "entropy" in rest and "cross" not in rest:
        return None  # a bonus for entropy, as agents have it, and no loss that is to fall
    if rest & PROSE:
        return Meaning(canonical, STAND_IN + 58)
    unknown = {word for word in rest - _KINDS_OF_LOSS.keys() if not word.isdigit() or len(rest) > 1}
    # `loss` alone is the whole; a total that is called so wins over it, and everything else comes after
    kind = max((_KINDS_OF_LOSS.get(word, 0) for word in rest), default=2)
    rank = 10 * kind + (held or 0) + bool(said & _TRAIN)
    rank = min(rank, PART - 1) + (PART + len(unknown) if unknown else 0)
    return Meaning(canonical, rank, frozenset(unknown))


def _as_stand_in(rest: set[str], canonical: str, held: int, *, is_measured: bool) -> Meaning | None:
    """A loss by another name; a column that is just called `train` or `val` is one too, if nothing else is.

    `is_measured`: the name says on what.
    """
    if not rest:
        return Meaning(canonical, BARE + held)
    if "cost" in rest and rest & {"batch", "data", "time"}:
        return None  # how long it took
    if {"cross", "entropy"} <= rest:
        rest = rest - {"cross", "entropy"} | {"crossentropy"}
    if is_measured and "l" in rest and rest & _NORMS:
        return Meaning(canonical, STAND_IN + 45 + held)
    if is_measured and "l" in rest and rest <= {"l", "g", "d"}:  # `train_l`, `g_trn_l`: beside a data set l is a loss
        return Meaning(canonical, PART if len(rest) > 1 else 10 + held, frozenset(rest - {"l"}))
    ranks = [_STAND_INS[word] for word in rest & _STAND_INS.keys()]
    if not ranks:
        return None
    return Meaning(canonical, STAND_IN + 10 * min(ranks) + held + len(rest - _STAND_INS.keys()))


def _as_rate(words: tuple[str, ...], name: str) -> Meaning | None:
    said = set(words)
    is_rate = "lr" in said or {"learning", "rate"} <= said
    if not is_rate or said & _NOT_A_RATE:
        return None
    return Meaning("lr", len(said - _TRAIN - {"lr", "learning", "rate"}) * 2 + bool(said & _TRAIN))


def _as_norm(words: tuple[str, ...], name: str) -> Meaning | None:
    said = set(words)
    if said & {"max", "threshold", "ratio", "std", "min", "clipped", "after", "layer", "post"}:
        return Meaning("update_ratio", len(said)) if said >= {"update", "ratio"} else None
    explained = _TRAIN | {"norm", "global", "total", "before", "clip", "clipping", "pre", "2", "l", "avg", "mean", "s"}
    explained |= {"optimizer", "optim", "model", "log", "all", "debug", "system"}
    gradient = {"grad", "gradient", "gradients", "grads"}
    weights = {"param", "params", "parameter", "parameters", "weight", "weights"}
    if "gnorm" in said or words == ("g", "norm"):
        return Meaning("grad_norm", len(said))
    if "norm" not in said:
        return Meaning("grad_norm", 60) if words == ("grad",) else None
    if said & gradient and said <= explained | gradient:
        return Meaning("grad_norm", len(said))
    if said & weights and said <= explained | weights:
        return Meaning("param_norm", len(said))
    return Meaning("grad_norm", 50) if words in (("norm",), ("total", "norm")) else None


def _as_speed(words: tuple[str, ...], name: str) -> Meaning | None:
    said = set(words)
    per_second = ("per" in said or "/" in name) and said & {"s", "sec", "second", "seconds"}
    if (said & {"tokens", "token", "tok", "toks"} and per_second) or said & {"tps", "wps"}:
        return Meaning("tokens_per_s", len(said))
    return None


def _as_time(words: tuple[str, ...], name: str) -> Meaning | None:
    """How long a step takes, in any unit; a time that is called no more than so may be that since the beginning."""
    own = [word for word in words if word not in _TRAIN] or ["train"]
    first, last = own[0], own[-1]
    said = set(own) - _SECONDS
    if said & {"data", "dataloader"} and "time" in said and said <= _ROUNDS | {"data", "dataloader", "time", "loading"}:
        return Meaning("data_time", len(said))
    if words in (("dt",), ("time",)):
        return Meaning("step_time", 8 if first == "time" else 4)
    is_ratio = "per" in words or "/" in name
    if first in _ROUNDS and said == {first, "time"}:
        return Meaning("step_time", 0)
    if is_ratio and first in _SECONDS | {"time"} and last in _ROUNDS and said <= {"time", "per", last}:
        return Meaning("step_time", 2)
    return None


def _as_accuracy(words: tuple[str, ...], name: str) -> Meaning | None:
    said = set(words)
    if not said & {"acc", "accuracy", "top1"}:
        return None
    held = [_HELD_OUT[word] for word in said & _HELD_OUT.keys()]
    rest = said - _HELD_OUT.keys() - _TRAIN - {"acc", "accuracy", "top1"}
    return Meaning("val_accuracy" if held else "accuracy", 10 * len(rest) + min(held, default=0))
