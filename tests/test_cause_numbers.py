"""Every number in a finding's causes and fixes is one of the rows or of the settings, calculated by other means."""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ModelConfig, OptimizerConfig, RunConfig, ScheduleConfig, TrainingConfig
from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.engine.events import FindingOpened
from tinygpt_tui.engine.optimizers import OPTIMIZERS

from .test_evidence import NUMBER, STEPS, logs
from .test_evidence_numbers import is_printed

WINDOW = 120
"""Rows that causes are taken from."""


@dataclass
class Known:
    """What a cause is held against: the rows up to the finding, the step at which it began, and the settings."""

    rows: Sequence[Row]
    onset: int
    config: RunConfig | None

    def before(self, name: str) -> list[float]:
        return [row.values[name] for row in self.rows[-WINDOW:] if row.step < self.onset and name in row.values]

    def since(self, name: str) -> list[float]:
        return [row.values[name] for row in self.rows[-WINDOW:] if row.step >= self.onset and name in row.values]

    def all(self, name: str) -> list[float]:
        return [row.values[name] for row in self.rows if name in row.values]

    @property
    def usual_lr(self) -> float:
        assert self.config is not None
        return OPTIMIZERS[self.config.optimizer.kind].usual_lr

    @property
    def peak_lr(self) -> float:
        return self.config.schedule.lr if self.config else max(self.all("lr"))


def rose(known: Known, before: float, after: float) -> bool:
    lrs = [*known.before("lr"), *known.since("lr")[:1]]
    return any(is_printed(a, before) and is_printed(b, after) for a, b in pairwise(lrs))


def moves(known: Known, ratio: float, rows: float) -> bool:
    values = known.before("update_ratio") or known.since("update_ratio")
    return len(values) == rows and is_printed(median(values), ratio, 0.06)


def percent(known: Known, ratio: float, rows: float) -> bool:
    values = known.before("update_ratio") or known.since("update_ratio")
    return len(values) == rows and abs(100 * median(values) - ratio) <= 0.06


def far_from_usual(known: Known, lr: float, times: float, usual: float) -> bool:
    apart = max(known.peak_lr / known.usual_lr, known.usual_lr / known.peak_lr)
    return is_printed(known.peak_lr, lr) and usual == known.usual_lr and abs(apart - times) <= 0.5


def grew(known: Known, largest: float, usual: float) -> bool:
    norms = [norm for norm in known.since("grad_norm") if math.isfinite(norm)]
    return is_printed(max(norms), largest) and is_printed(median(known.before("grad_norm")), usual)


def leaps(known: Known, loss: float, usual: float, norm: float, usual_norm: float) -> bool:
    last = [known.before(name)[-10:] for name in ("loss", "grad_norm")]
    here = [known.since(name)[0] for name in ("loss", "grad_norm")]
    told = zip((*here, *map(median, last)), (loss, norm, usual, usual_norm), strict=True)
    return all(is_printed(value, number) for value, number in told)


def clipped(known: Known, share: float, limit: float) -> bool:
    values = [row.values["clipped"] for row in known.rows[-WINDOW:] if "clipped" in row.values]
    return abs(sum(values) / len(values) - share / 100) < 0.006 and set_to("optimizer.clip")(known, limit)


def last_lr(known: Known, lr: float) -> bool:
    return is_printed(known.all("lr")[-1], lr)


def ended(known: Known, lr: float, top: float) -> bool:
    return last_lr(known, lr) and is_printed(max(known.all("lr")), top)


def halved(known: Known, lr: float) -> bool:
    now = known.peak_lr if known.config else known.all("lr")[-1] or known.peak_lr
    return is_printed(now / 2, lr)


def is_level(known: Known, loss: float) -> bool:
    values = [each for each in known.all("loss") if math.isfinite(each)][-10:]
    return min(values) * 0.98 <= loss <= max(values) * 1.02


def guessed(known: Known, size: float, loss: float, among: float) -> bool:
    return size == among and is_printed(math.log(size), loss) and is_level(known, loss)


def set_to(*keys: str) -> Callable[..., bool]:
    """That the numbers are those of the config."""

    def is_set(known: Known, *numbers: float) -> bool:
        assert known.config is not None
        tables = [getattr(known.config, key.partition(".")[0]) for key in keys]
        values = [getattr(table, key.partition(".")[2]) for table, key in zip(tables, keys, strict=True)]
        return tuple(values) == numbers

    return is_set


N = NUMBER
CHECKS: tuple[tuple[str, Callable[..., bool]], ...] = (
    (rf"the learning rate rose: from {N} to {N}", rose),
    (rf"weights by {N}% of their size in the median of {N} (?:step|row)s", percent),
    (rf"weights by {N}% of their size in (o)ne (?:step|row)", percent),
    (rf"weights by {N} of their size in the median of {N} (?:step|row)s", moves),
    (rf"weights by {N} of their size in (o)ne (?:step|row)", moves),
    (rf"{N} is {N} times (?:below )?the usual {N} for", far_from_usual),
    (rf"(?:for this point: it was|learning rate too low:) {N}$", last_lr),
    (rf"the norm reached {N} from {N}|: norm {N}, usually {N}", grew),
    (rf"optimizer.clip = {N}", set_to("optimizer.clip")),
    (rf"warm-up too short: {N} steps", set_to("schedule.warmup_steps")),
    (rf"warm-up too long: {N} of {N} steps", set_to("schedule.warmup_steps", "training.steps")),
    (rf"and this began at step {N}", lambda known, step: step == known.onset),
    (rf"initial weights {N} times", set_to("model.init_scale")),
    (r"grad_norm is exactly (0)", lambda known, _: median(known.since("grad_norm")) == 0),
    (rf"grad_norm is {N}$", lambda known, norm: is_printed(median(known.since("grad_norm")), norm, 0.06)),
    (r"learning rate is (0)", last_lr),
    (rf"ended: {N} is left of {N}", ended),
    (rf"too hard: {N}% of the steps, at {N}", clipped),
    (rf"batch too small: {N} sequences", set_to("training.batch")),
    (rf"only {N} dropout", set_to("model.dropout")),
    (rf"a weight decay of {N}", set_to("optimizer.weight_decay")),
    (rf"(?:best model is that of|look at the data of|stop at) step {N}", lambda known, step: step == known.onset),
    (rf"loss {N}, usually {N}; grad_norm {N}, usually {N}", leaps),
    (rf"halve the learning rate to {N}", halved),
    (rf"triple the learning rate to {N}", lambda known, lr: is_printed(3 * known.peak_lr, lr)),
    (rf"the loss is at ln {N} = {N}, guessing evenly among {N}", guessed),
    (rf"at {N} it knows how often", is_level),
    (rf"the learning rate to the usual {N}", lambda known, lr: lr == known.usual_lr),
)
"""Words with numbers, and whether these are right; the groups of the pattern are the arguments."""
PROPOSED = re.compile(
    rf"(?:clip gradients at|warm up over|accumulate gradients over|drop out|decay weights by|stop after|where) {N}"
    r"|b?float\d+|(?:is exactly|divides by) 0$|use 1 of 2 layers"
)
"""Numbers that are advice, or words of the field."""


def wrong(words: str, known: Known) -> list[str]:
    """The parts that are not true, and the numbers that nothing checks."""
    words = PROPOSED.sub("", re.sub(r"(?<=\d),(?=\d{3})", "", words))
    found, checked = list[str](), set[int]()
    for pattern, holds in CHECKS:
        for match in re.finditer(pattern, words):
            groups = [group for group in match.groups() if group is not None]
            if not holds(known, *(1.0 if group == "o" else float(group) for group in groups)):
                found.append(match[0])
            checked.update(range(*match.span()))
    return found + [number[0] for number in re.finditer(r"-?\d[\d.e+-]*", words) if number.start() not in checked]


CONFIGS = st.none() | st.builds(
    lambda lr, kind, clip, batch, decay, warmup, init: RunConfig(
        model=ModelConfig(init_scale=init),
        optimizer=OptimizerConfig(kind=kind, clip=clip, weight_decay=decay),
        schedule=ScheduleConfig(lr=lr, min_lr=lr / 10, warmup_steps=warmup),
        training=TrainingConfig(steps=STEPS, batch=batch),
    ),
    st.sampled_from((1e-6, 1e-3, 0.5)),
    st.sampled_from(("adamw", "sgd")),
    st.sampled_from((0.1, 5.0, 50.0, math.inf)),
    st.sampled_from((2, 16)),
    st.sampled_from((0.0, 0.3)),
    st.sampled_from((0, 10, 300)),
    st.sampled_from((1.0, 3.0)),
)
LRS: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "jumps": lambda share: 10.0 if share > 0.5 else 1.0,
    "decays": lambda share: 1 - 0.99 * share,
    "off": lambda share: 0.0 if share > 0.5 else 1.0,
}


def with_more(rows: Sequence[Row], config: RunConfig | None, course: str, step_size: float) -> list[Row]:
    """The rows with another lr, and with how far each step moves the weights."""
    chance, peak = random.Random(len(rows)), config.schedule.lr if config else 1e-3
    clip = config.optimizer.clip if config else math.inf
    return [
        Row(
            row.step,
            {
                **row.values,
                "lr": peak * LRS[course](place / len(rows)),
                "clipped": float(row.values["grad_norm"] > clip),
                "update_ratio": step_size * chance.lognormvariate(0, 0.3),
            },
        )
        for place, row in enumerate(rows)
    ]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(logs, CONFIGS, st.sampled_from([*LRS]), st.sampled_from((1e-6, 1e-3, 0.3)))
def test_every_number_of_causes_and_fixes_is_known(
    rows: list[Row], config: RunConfig | None, course: str, step_size: float
) -> None:
    rows = with_more(rows, config, course, step_size)
    diagnosis = Diagnosis(config) if config else Diagnosis(facts=RunFacts(steps=STEPS, chance=math.log(259)))
    mistakes = list[tuple[str, list[str]]]()
    for place, row in enumerate(rows, start=1):
        for found in diagnosis.examine(row):
            if isinstance(found, FindingOpened):
                known = Known(rows[:place], found.onset, config)
                told = [*found.causes, *(fix.title for fix in found.fixes)]
                mistakes += [(words, wrongs) for words in told if (wrongs := wrong(words, known))]
    assert mistakes == []


@pytest.mark.parametrize("words", ["the learning rate rose: from 0.1 to 0.2", "halve the learning rate to 0.3", "at 7"])
def test_a_wrong_number_and_one_that_nothing_checks_are_told(words: str) -> None:
    assert wrong(words, Known([Row(1, {"loss": 5.0, "lr": 0.1})], 1, None))
