"""Every number in a finding's evidence is one that the rows hold, calculated by other means than the detector's."""

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from statistics import fmean, median

import pytest
from hypothesis import given, settings

from tinygpt_tui.engine.diagnostics.diagnosis import Diagnosis
from tinygpt_tui.engine.diagnostics.report import report_of
from tinygpt_tui.engine.diagnostics.row import Row
from tinygpt_tui.engine.diagnostics.run_statistics import RunFacts
from tinygpt_tui.engine.events import FindingOpened, FindingUpdated

from .test_evidence import NUMBER, STEPS, logs

Numbers = Sequence[float]
MEMORY = 10
"""Losses of a recent mean."""


@dataclass
class Log:
    """What a finding's evidence is held against: the rows up to now, and the step at which it began."""

    rows: Sequence[Row]
    onset: int
    steps: list[int] = field(init=False)
    losses: list[float] = field(init=False)
    """The finite ones."""

    def __post_init__(self) -> None:
        pairs = [(row.step, row.values["loss"]) for row in self.rows if math.isfinite(row.values.get("loss", math.nan))]
        self.steps, self.losses = [step for step, _ in pairs], [loss for _, loss in pairs]

    def at(self, name: str, step: float) -> float:
        return next(row.values[name] for row in reversed(self.rows) if row.step == step and name in row.values)

    def of(self, name: str, since: float = -1) -> list[float]:
        return [row.values[name] for row in self.rows if row.step >= since and name in row.values]

    def since(self, step: float) -> list[float]:
        return [loss for at, loss in zip(self.steps, self.losses, strict=True) if at >= step]

    def until(self, step: float) -> list[float]:
        return [loss for at, loss in zip(self.steps, self.losses, strict=True) if at <= step]

    def between(self, start: float, end: float) -> list[float]:
        return [loss for at, loss in zip(self.steps, self.losses, strict=True) if start < at <= end]

    def recent(self, step: float, rows: int = MEMORY) -> list[float]:
        return self.until(step)[-rows:]

    def noise(self, step: float, rows: int) -> float:
        """From the differences of neighbours beside their drift; a thousandth of the level at least.

        The median of |x| is 0.954 sigma where x is the difference of two normal numbers of deviation sigma.
        """
        values = self.recent(step, rows)
        differences = [b - a for a, b in pairwise(values)] or [0.0]
        drift = median(differences)
        return max(median(abs(each - drift) for each in differences) / 0.954, 1e-3 * abs(fmean(values)))


def is_printed(value: float, printed: float, share: float = 0.006) -> bool:
    """To three digits, or with a larger share of it to two."""
    return value == printed or abs(value - printed) <= share * abs(value)


def is_near(value: float, printed: float, values: Numbers) -> bool:
    """As a running mean of values is to another."""
    return abs(value - printed) <= 0.05 + (max(values) - min(values))


def alike(first: float, second: float, factor: float = 3.0) -> bool:
    return first / factor <= second <= first * factor


def is_mean(log: Log, printed: float, step: float) -> bool:
    """The running mean forgets after some ten rows, and more slowly what stood out."""
    return is_near(fmean(log.recent(step)), printed, log.recent(step, 3 * MEMORY))


def forecast(log: Log, value: float, horizon: float) -> bool:
    """A straight line through the third and the last quarter, up to a few rows at their ends."""
    block = len(log.losses) // 16 + 1
    lines = [
        ahead(log, len(log.losses) - late, shift, horizon) for late in range(block) for shift in (-block, 0, block)
    ]
    return horizon > log.steps[-1] and min(lines) - 0.4 <= value <= max(lines) + 0.4


def ahead(log: Log, count: int, shift: int, horizon: float) -> float:
    middle, end = count // 2, count * 3 // 4 + shift
    before, last = fmean(log.losses[middle:end]), fmean(log.losses[end:count])
    return last - (before - last) * 4 * (horizon - log.steps[-1]) / (log.steps[-1] - log.steps[0])


def turns(log: Log, count: float, rows: float, end: float, size: float, times: float) -> bool:
    seen = log.recent(end, int(rows) + 20)
    is_swing = size <= max(seen) - min(seen)
    return count == 5 and is_swing and alike(times, size / log.noise(end, 50), 6.0)


def pattern(log: Log, period: float, end: float, size: float, level: float) -> bool:
    values = log.recent(end, 32)
    means = [fmean(values[place :: int(period)]) for place in range(int(period))]
    return is_printed(max(means) - min(means), size, 0.06) and is_near(fmean(values), level, values)


def evaluations_since(log: Log, best: float, step: float, count: float, now: float) -> bool:
    since = [row.step for row in log.rows if "val_loss" in row.values and step < row.step <= now]
    return (
        is_printed(log.at("val_loss", step), best) and len(since) == count and best <= min(log.of("val_loss")) * 1.001
    )


def trained(log: Log, how: str, before: float, now: float) -> bool:
    return (how == "fell") == (now <= before) and is_mean(log, now, log.steps[-1])


def moved(log: Log, by: float, rows: float) -> bool:
    recent = log.losses[-3 * MEMORY :]
    return len(log.losses) - 1 <= rows <= len(log.losses) and is_near(abs(log.losses[0] - fmean(recent)), by, recent)


def means(log: Log, before: float, middle: float, since: float, last: float, end: float) -> bool:
    return is_printed(fmean(log.between(middle, since)), before) and is_printed(fmean(log.between(since, end)), last)


def jump(log: Log, mean: float, more: str | None = None, times: float | None = None) -> bool:
    top = max(log.since(log.onset))
    sigmas = (top - mean) / log.noise(log.onset - 2, 20)
    is_right = times is None or (sigmas > times if more else alike(times, sigmas, 6.0))
    before = log.until(log.onset - 1) or log.losses  # it forgets slowly what stood out
    return is_right and is_near(fmean(before[-MEMORY:]), mean, before)


def small_norms(log: Log, line: float, rows: float, since: float) -> bool:
    return sum(norm < line * 1.005 for norm in log.of("grad_norm", since)) == rows


def usual_norm(log: Log, norm: float, step: float, times: float, usual: float) -> bool:
    is_between = min(log.of("grad_norm")) * 0.99 <= usual <= max(log.of("grad_norm"))
    return is_between and is_printed(log.at("grad_norm", step), norm) and abs(times - norm / usual) <= 1 + 0.02 * times


def speeds(log: Log, now: float, best: float, step: float) -> bool:
    until = [row.values["tokens_per_s"] for row in log.rows if row.step <= step]
    return is_printed(fmean(until[-20:]), now) and is_printed(max(until), best)


def times(log: Log, end: float, steps: float, *percents: float) -> bool:
    rows = [row.values for row in log.rows if end - steps < row.step <= end]
    data = 100 * sum(row["data_time"] for row in rows) / sum(row["step_time"] for row in rows)
    return all(abs(share - percent) <= 1 for share, percent in zip((data, 100 - data), percents, strict=True))


def printed(name: str) -> Callable[..., bool]:
    """That a value and its step are a row's, for each pair of arguments."""
    return lambda log, *pairs: all(
        is_printed(log.at(name, step), value) for value, step in zip(pairs[::2], pairs[1::2], strict=True)
    )


def under(log: Log, line: float, step: float) -> bool:
    return max(log.since(step)) <= line * 1.005


def at_first(log: Log, *groups: float | None) -> bool:
    """One of several wordings."""
    return any(first is not None and is_printed(log.losses[0], first) for first in groups)


def first_and_chance(log: Log, first: float, chance: float) -> bool:
    return at_first(log, first) and is_printed(math.log(259), chance)


def first_and_now(log: Log, first: float, now: float, step: float) -> bool:
    return at_first(log, first) and is_printed(log.at("loss", step), now)


def flat(log: Log, mean: float, start: float, end: float) -> bool:
    return is_near(fmean(log.between(start, end)), mean, log.between(start, end))


def fell(log: Log, before: float, now: float, step: float) -> bool:
    return now < before and is_mean(log, now, step)


def lucky(log: Log, best: float, at: float, count: float, passed: float, step: float) -> bool:
    is_above = median(log.of("val_loss")[-int(count) :]) >= passed * 0.999
    return is_above and printed("val_loss")(log, best, at, passed, step)


def lower(log: Log, step: float, now: float) -> bool:
    return is_printed(log.at("val_loss", step), now)


def as_around_best(log: Log, step: float, count: float, mean: float, worth: float) -> bool:
    values = log.of("val_loss")
    return log.rows[-1].step == step and is_printed(fmean(values[-int(count) :]), mean) and min(values) <= worth


def jumps(log: Log, size: float, step: float, level: float) -> bool:
    values = log.recent(step, 50)
    apart = fmean(abs(a - b) for a, b in pairwise(values))
    return alike(size, apart) and is_near(level, fmean(log.recent(step)), values)


def no_number(log: Log, step: float) -> bool:
    return not all(math.isfinite(value) for row in log.rows if row.step == step for value in row.values.values())


def low(log: Log, line: float, start: float, end: float) -> bool:
    return fmean(log.between(start, end)) < line


def jumped(log: Log, value: float, step: float, before: float) -> bool:
    recent = log.recent(log.onset - 1, 20)
    return is_printed(log.at("loss", step), value) and is_near(fmean(recent), before, recent)


def goes_back(log: Log, last: float, first: float) -> bool:
    return first == log.onset and last in [row.step for row in log.rows]


def past(log: Log, step: float) -> bool:
    return log.onset < step <= log.rows[-1].step


def known(log: Log, loss: float) -> bool:
    return any(is_printed(each, loss) for each in log.losses)


def block(log: Log, mean: float, step: float) -> bool:
    """The mean of a few rows up to a step, a power of two of them."""
    return any(is_printed(fmean(log.recent(step, 2**power)), mean) for power in range(8))


def last_half(log: Log, mean: float) -> bool:
    half = log.losses[len(log.losses) // 2 - 2 :]
    return is_near(fmean(half), mean, half)


def guessed(log: Log, mean: float, size: float, loss: float, among: float) -> bool:
    is_guess = size == among and is_printed(math.log(among), loss)
    return is_guess and last_half(log, mean) and abs(mean - loss) <= 0.02 * loss


def in_as_many_steps(log: Log, forecast: float, among: float, loss: float) -> bool:
    half = len(log.losses) // 2
    fall = fmean(log.losses[:half]) - fmean(log.losses[half:])
    is_guess = is_printed(math.log(among), loss)
    return is_guess and abs(log.losses[-1] - 2 * fall - forecast) <= 0.01 * loss


def far_up(log: Log, top: float, step: float, times: float, usual: float) -> bool:
    return block(log, top, step) and is_printed(top / usual, times) and min(log.losses) <= usual < top


def bad_norms(log: Log, bad: float, rows: float, last: float) -> bool:
    steps = [row.step for row in log.rows if not math.isfinite(row.values.get("grad_norm", 0.0))]
    return len(steps) == bad and rows == len(log.losses) and last == steps[-1]


def twice(log: Log, step: float, top: float) -> bool:
    return is_printed(max(log.until(step - 1)), top) and min(log.since(step)) > 2 * top


def unmoved(log: Log, value: float, rows: float) -> bool:
    return all(is_printed(loss, value) for loss in log.losses[-int(rows) :])


def every_row(log: Log, rows: float, size: float, level: float) -> bool:
    apart = fmean(abs(a - b) for a, b in pairwise(log.losses))
    return rows == len(log.losses) and is_printed(apart, size, 0.06) and is_printed(fmean(log.losses), level)


def at_end(log: Log, value: float, *_: float) -> bool:
    return is_printed(log.losses[-1], value)


def scale_fell(log: Log, first: float, last: float, step: float) -> bool:
    scales = log.of("loss_scale")
    return is_printed(scales[0], first) and is_printed(scales[-1], last) and step == log.rows[-1].step


def zigzag(log: Log, period: float, size: float, level: float) -> bool:
    return pattern(log, period, log.steps[-1], size, level)


def spent(log: Log, percent: float, since: float, last: float, level: float) -> bool:
    is_first = min(row.step for row in log.rows if row.values["lr"] <= max(log.of("lr")) * percent / 100) == since
    return is_first and last == log.steps[-1] and is_mean(log, level, last)


def nothing_since(log: Log, first: float, last: float) -> bool:
    return not any(log.between(first, last)) and first == log.onset


N, AT = NUMBER, r" at step (\d+)"
CHECKS: tuple[tuple[str, Callable[..., bool]], ...] = (
    (rf"mean loss {N}{AT}", block),
    (rf"lowest mean of {N}{AT}", block),
    (rf"rising ever since {N}{AT}", block),
    (rf"and {N} in the row before", lambda log, value: is_printed(log.until(log.onset)[-2], value)),
    (rf"above twice what it was before step {N}, {N} at most", twice),
    (rf"mean loss {N} in the last half", last_half),
    (rf"mean loss {N} in the last half, about ln {N} = {N}, guessing among {N}", guessed),
    (rf"after {N} in the first one", at_first),
    (rf"loss {N} in the last {N} rows", unmoved),
    (rf"(?:it has not moved|nothing was learned) in {N} rows", lambda log, rows: rows == len(log.losses)),
    (rf"in as many steps again it would be {N}, and guessing among {N} costs {N}", in_as_many_steps),
    (rf"loss {N}{AT}, {N}x the usual {N}", far_up),
    (rf"as far up in {N} of {N} rows", lambda log, high, rows: high <= rows == len(log.losses)),
    (rf"as far up in {N}% of it", lambda log, share: 0 < share < 100),
    (rf"exactly 0 in all rows from step {N} to step {N}", nothing_since),
    (rf"exactly 0 from step {N} on", lambda log, step: not any(log.since(step)) and step == log.onset),
    (rf"infinite in {N} of {N} rows, the last time at step {N}", bad_norms),
    (rf"in {N} rows the loss turns at every one, by {N} around {N}", every_row),
    (rf"loss {N} is -ln of the smallest float(32): the target has a probability of (0)", at_end),
    (rf"loss scale fell from {N} to {N}{AT}", scale_fell),
    (rf"a pattern of {N} rows comes again and again: the loss swings by {N} around {N}", zigzag),
    (rf"lr is at most (1)% of its highest since step {N} of {N}, and the loss has stayed at {N}", spent),
    (rf"val_loss {N}{AT}", printed("val_loss")),
    (rf"(?:^|finite |NaN|; |, )loss {N}{AT}", printed("loss")),
    (rf"gradient norm {N}{AT}, {N}x its usual {N}", usual_norm),
    (rf"gradient norm {N}{AT}", printed("grad_norm")),
    (rf"; {N}{AT}, with", printed("grad_norm")),
    (rf"(?:noise|before); {N}{AT}", printed("loss")),
    (rf"with the loss at {N}{AT}", printed("loss")),
    (rf"against a running mean of {N} before(?:, a jump of (?:(more) than )?{N}x the batch noise)?", jump),
    (rf"(?:at most|below) {N} since step {N}", under),
    (rf"below {N} in {N} rows since step {N}", small_norms),
    (rf"(?:again|larger|calm|large|back) since step {N}", past),
    (rf"after {N} at the start|began at {N}|the {N} of the start by", at_first),
    (rf"loss {N} at the start, and {N}{AT}", first_and_now),
    (rf"(?:the start by|over at) step {N}", lambda log, step: log.rows[-1].step == step),
    (rf"a lowest mean of {N}", lambda log, low: min(log.losses) * 0.99 <= low <= log.losses[0] * 1.01),
    (rf"mean has moved by {N} in {N} rows", moved),
    (rf"flat since step {N}", lambda log, step: step == log.onset),
    (rf"flat mean of {N} from step {N} to {N}", flat),
    (rf"mean loss {N}, until it fell(?: on)?: to {N} by step {N}", fell),
    (rf"at this rate it is {N}{AT}", forecast),
    (rf"after a best of {N}{AT}", printed("val_loss")),
    (rf"training loss (fell|rose) from {N} to {N}", trained),
    (rf"best val_loss, {N}{AT}, is {N} evaluations ago{AT}", evaluations_since),
    (rf"best val_loss, {N}{AT}, is one low value: the median of {N} is not below the {N}{AT}", lucky),
    (rf"val_loss fell on after {N}{AT}: to {N}{AT}", printed("val_loss")),
    (rf"val_loss rose after {N}{AT}", printed("val_loss")),
    (rf"at step {N} it is lower, at {N}", lower),
    (rf"at step {N} the mean of the last {N} is {N}, near the {N} around the best", as_around_best),
    (rf"mean loss {N} from step {N} to {N}, {N} from there to step {N}", means),
    (rf"half of the {N} of guessing", lambda log, chance: is_printed(math.log(259), chance)),
    (rf"first loss is {N}, and guessing costs ln V = {N}", first_and_chance),
    (rf"{N} turns in {N} rows up to step {N}, swings of {N}, {N}x the batch noise", turns),
    (rf"the loss jump(?:s|ed) by {N}{AT}, around {N}", jumps),
    (rf"pattern of {N} rows comes again and again up to step {N}: it swings by {N} around {N}", pattern),
    (rf"is (?:NaN|infinite){AT}", no_number),
    (rf"last finite loss was {N}", known),
    (rf"loss below {N} from step {N} to step {N}", low),
    (rf"text allows no less than about {N}", lambda log, least: least == round(0.075 * math.log(259), 2)),
    (rf"loss {N}{AT} against {N} before, right where", jumped),
    (rf"the steps go back from {N} to {N}", goes_back),
    (rf"{N} tokens a second, where it was {N} \(at step {N}\)", speeds),
    (rf"\(at step {N}\); of the time of the last {N} steps: data {N}%, the rest of the steps {N}%", times),
)
"""Words with numbers, and whether these are right; the groups of the pattern are the arguments."""


def wrong(evidence: str, log: Log) -> list[str]:
    """The parts of a sentence that are not true, and the numbers that nothing checks."""
    evidence = re.sub(r"(?<=\d),(?=\d{3})", "", evidence)
    found, checked = list[str](), set[int]()
    for words, holds in CHECKS:
        for match in re.finditer(words, evidence):
            given = [part if part is None or part.isalpha() else float(part) for part in match.groups()]
            if not holds(log, *given):
                found.append(match[0])
            checked.update(range(*match.span()))
    return found + [number[0] for number in re.finditer(NUMBER, evidence) if number.start() not in checked]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(logs)
def test_every_number_of_a_finding_is_that_of_the_rows(rows: list[Row]) -> None:
    assert told_wrongly(rows, RunFacts(steps=STEPS, chance=math.log(259))) == []


def told_wrongly(rows: Sequence[Row], facts: RunFacts) -> list[tuple[str, list[str]]]:
    diagnosis, onsets, found = Diagnosis(facts=facts), dict[int, int](), list[tuple[str, list[str]]]()
    for place, row in enumerate(rows, start=1):
        for told in diagnosis.examine(row):
            if isinstance(told, FindingOpened):
                onsets[told.id] = told.onset
            if isinstance(told, FindingOpened | FindingUpdated):
                mistakes = wrong(told.evidence, Log(rows[:place], onsets[told.id]))
                found += [(told.evidence, mistakes)] if mistakes else []
    return found


def planted(shape: str) -> Iterator[Row]:
    """Rows with what `logs` do not have: a resume with a jump, a zigzag, a loss next to 0, lost time."""
    chance = random.Random(shape)
    for place in range(240):
        step, loss, is_late = place + 1, 4 + 1.5 * math.exp(-place / 60), place >= 120
        if shape == "seam" and is_late:
            step, loss = place - 19, loss + max(1 - (place - 120) / 30, 0)
        if shape == "zigzag" and is_late:
            loss += 1.5 * (place % 3 == 0)
        if shape == "below" and is_late:
            loss = 0.1 if place < 200 else 3
        lost = 0.09 if shape == "waiting" and 60 <= place < 200 else 0.001
        times = {"step_time": 0.02 + lost, "data_time": lost, "tokens_per_s": 256 / (0.02 + lost)}
        yield Row(step, {"loss": loss + chance.gauss(0, 0.02), "lr": 1e-3, **times})


@pytest.mark.parametrize(
    ("shape", "kind"),
    [("seam", "seam"), ("zigzag", "oscillation"), ("below", "below_data"), ("waiting", "throughput_drop")],
)
def test_every_number_of_a_rarer_finding_is_that_of_the_rows(shape: str, kind: str) -> None:
    rows = list(planted(shape))
    diagnosis = Diagnosis(facts=RunFacts(steps=STEPS, chance=math.log(259)))
    found = [told.kind for row in rows for told in diagnosis.examine(row) if isinstance(told, FindingOpened)]
    assert kind in found
    assert told_wrongly(rows, RunFacts(steps=STEPS, chance=math.log(259))) == []


COURSES: dict[str, Callable[[float, int, float], dict[str, float]]] = {
    "flat": lambda share, place, falling: {"loss": 5.5},
    "zero": lambda share, place, falling: {"loss": falling if share < 0.5 else 0.0},
    "never": lambda share, place, falling: {"loss": 0.0},
    "leap": lambda share, place, falling: {"loss": 90.0 if place == 5 else falling},
    "lifted": lambda share, place, falling: {"loss": 1.0 if place < 2 else 4 + share},
    "up": lambda share, place, falling: {"loss": 2.3 + 0.7 * place},
    "swing": lambda share, place, falling: {"loss": 3 + (-1) ** place},
    "zigzag": lambda share, place, falling: {"loss": 3 + (place % 3 == 0)},
    "float32": lambda share, place, falling: {"loss": 87.3365 if share > 0.3 else falling},
    "creep": lambda share, place, falling: {"loss": math.log(10) * (1 - 0.02 * share)},
    "guess": lambda share, place, falling: {"loss": math.log(10)},
    "spent": lambda share, place, falling: {"loss": max(falling, 4.5), "lr": 1e-3 if share < 0.3 else 1e-5},
    "overfit": lambda share, place, falling: {"loss": falling, "val_loss": 4 + abs(share - 0.3)},
    "skip": lambda share, place, falling: {"loss": falling, "grad_norm": math.nan if place % 3 else 1.0},
    "scale": lambda share, place, falling: {"loss": 5.5, "loss_scale": 2.0 ** (16 - round(40 * share))},
    "blow": lambda share, place, falling: {"loss": 5e3 if place % 5 == 4 else falling},
}


@pytest.mark.parametrize("course", COURSES)
def test_every_number_of_a_short_log_is_that_of_its_rows(course: str) -> None:
    told, mistakes = 0, list[tuple[str, list[str]]]()
    for count, every, seed in product((5, 8, 12, 20, 33, 40, 70, 150), (1, 50), range(2)):
        noise = random.Random(seed)
        rows = list[Row]()
        for place in range(count):
            share = place / (count - 1)
            values = COURSES[course](share, place, 1.5 + 4 * math.exp(-4 * share))
            loss = values["loss"] + (noise.gauss(0, 0.002) if 0 < values["loss"] < 80 else 0.0)
            rows.append(Row((place + 1) * every, {**values, "loss": loss}))
        for finding in report_of(rows).findings:
            told += 1
            wrongs = wrong(finding.evidence, Log(rows, finding.onset))
            mistakes += [(finding.evidence, wrongs)] if wrongs else []
    assert told and mistakes == []


@pytest.mark.parametrize(
    "evidence",
    [
        "loss 5.2 at step 5, after a lowest mean of 3",
        "loss 3 at step 5 against a running mean of 0.02 before, a jump of 9x the batch noise",
        "loss 3 at step 5, and 7 more",
    ],
)
def test_a_wrong_number_and_one_that_nothing_checks_are_told(evidence: str) -> None:
    rows = [Row(step, {"loss": 5.5 if step < 5 else 3.0}) for step in range(1, 6)]
    assert wrong(evidence, Log(rows, 5))
