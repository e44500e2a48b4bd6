"""The figures of the course in text: what is calculated for a page, and what is read off its run. Pure."""

import math
from collections.abc import Callable, Iterable

from textual.content import Content

from ...engine.config import LiveSettings, ModelConfig, RunConfig, TrainingConfig
from ...engine.healthy import HEALTHY
from ...engine.schedule import ScheduleConfig, planned_curve
from ...engine.vocabulary import CHANCE_LOSS, VOCABULARY
from ..content import curve_block, hanging
from ..formatting import compact, count, setting
from ..home.estimates import parameters
from ..view.run_numbers import val_loss_at
from ..view.run_view import RunView
from .optimizer_steps import adam_steps, on_a_bowl, sgd_update
from .pages import Computed, Page

_FAINT = "$curve-plan"
_CURVE_ROWS = {1: 10, 2: 9}
_LOW_CURVE_ROWS = 7
_SCHEDULE_STEPS = 1000
_GRADIENTS = (1.0, 0.9, 1.1, 1.0, 0.8, 1.2, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Nearly equal, so that what the correction does is not hidden by chance."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Content:
    """Columns aligned to the right, as wide as they need to be."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = ["  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines]
    return Content("\n").join([Content.styled(texts[0], _FAINT), *map(Content, texts[1:])])


def fitted_rows(head: list[str], rows: list[list[str]], width: int, spare: Iterable[str]) -> Content:
    """A table that fits: columns that can be spared are left out, in their order, until it does."""
    drawn = table(head, rows)
    for name in spare:
        if max(map(len, drawn.plain.splitlines())) <= width:
            break
        kept = [place for place, each in enumerate(head) if each != name]
        head, rows = [head[place] for place in kept], [[row[place] for place in kept] for row in rows]
        drawn = table(head, rows)
    return drawn


def probabilities(page: Page, width: int, ascii: bool) -> Content:
    shares = (1.0, 0.5, 0.4, 0.25, 0.1, 0.01, 1 / VOCABULARY)
    names = [f"1/{VOCABULARY}" if share == shares[-1] else f"{share:g}" for share in shares]
    return table(
        ("p(true token)", "loss = -ln p"),
        ((name, f"{-math.log(share) or 0.0:.2f}") for name, share in zip(names, shares, strict=True)),
    )


def perplexities(page: Page, width: int, ascii: bool) -> Content:
    losses = (CHANCE_LOSS, 5.0, 4.0, 3.0, 2.3, 2.0, 1.5, 1.0, 0.0)
    meaning = {losses[0]: f"guessing among {VOCABULARY}", 0.0: "certainty"}
    return table(
        ("loss", "perplexity", ""), ((f"{loss:.2f}", compact(math.exp(loss)), meaning.get(loss, "")) for loss in losses)
    )


def bowl(page: Page, width: int, ascii: bool) -> Content:
    rates = (0.05, 0.5, 1.0, 1.9, 2.0, 2.1)
    places = [on_a_bowl(lr, 20) for lr in rates]
    shown = (0, 1, 2, 3, 5, 10, 20)
    rows = ((str(step), *(f"{place[step]:.2f}" for place in places)) for step in shown)
    return Content("\n").join(
        [
            Content.styled("w after so many steps, from w = 1, at the rate", _FAINT),
            table(("step", *map(str, rates)), rows),
        ]
    )


def schedules(page: Page, width: int, ascii: bool) -> Content:
    height = _CURVE_ROWS.get(len(page.schedules), _LOW_CURVE_ROWS)
    blocks = [_schedule(schedule, width, height, ascii) for schedule in page.schedules]
    return Content("\n\n").join(blocks)


def _schedule(schedule: ScheduleConfig, width: int, height: int, ascii: bool) -> Content:
    config = RunConfig(schedule=schedule, training=TrainingConfig(steps=_SCHEDULE_STEPS))
    values = planned_curve(LiveSettings.from_config(config), _SCHEDULE_STEPS, 4 * width)
    heading = Content.assemble((schedule.kind, "bold"), (f"  warm-up {schedule.warmup_steps}", _FAINT))
    rows = curve_block(values, (1, _SCHEDULE_STEPS), width, height, colour="curve-lr", ascii=ascii)
    return Content("\n").join([heading, *rows, _rates_at(config)])


def _rates_at(config: RunConfig) -> Content:
    warmup, steps = config.schedule.warmup_steps, config.training.steps
    shown = sorted({1, warmup + 1, steps // 2, steps})
    rates = planned_curve(LiveSettings.from_config(config), steps, steps)
    return Content.styled("lr at " + ", ".join(f"{step}: {setting(rates[step - 1], 3)}" for step in shown), _FAINT)


def two_gradients(page: Page, width: int, ascii: bool) -> Content:
    lr = 0.001
    rows = []
    for name, size in (("steep", 10.0), ("flat", 0.01)):
        for turn, sign in (("", 1), (", changes its sign", -1)):
            gradients = [size * sign**step for step in range(20)]
            last, update = gradients[-1], adam_steps(gradients, lr)[-1].update
            rows.append((name + turn, f"{last:g}", setting(sgd_update(last, lr), 3), setting(update, 3)))
    head = Content.styled(f"The update of step 20, lr = {lr:g}", _FAINT)
    return Content("\n").join([head, table(("weight", "gradient", "SGD", "Adam"), rows)])


def bias_correction(page: Page, width: int, ascii: bool) -> Content:
    lr = 0.001
    corrected, plain = (adam_steps(_GRADIENTS, lr, bias_correction=corrects) for corrects in (True, False))
    rows = (
        (str(t), f"{a.gradient:g}", compact(a.m), compact(a.v), setting(a.update, 3), setting(b.update, 3))
        for t, (a, b) in enumerate(zip(corrected, plain, strict=True), 1)
    )
    head = Content.styled(f"One weight, lr = {lr:g}, b1 = 0.9, b2 = 0.999", _FAINT)
    return Content("\n").join([head, table(("t", "g", "m", "v", "corrected", "without"), rows)])


_CHANGED_WORK: tuple[tuple[str, ModelConfig, int], ...] = (
    ("as it is", ModelConfig(), 4),
    ("half the context", ModelConfig(context=32), 4),
    ("4 x the context", ModelConfig(context=256), 4),
    ("half the width", ModelConfig(width=32), 4),
    ("4 x the width", ModelConfig(width=256), 4),
    ("8 x the batch", ModelConfig(), 32),
)
"""What is changed, the model, and the batch."""


def work(page: Page, width: int, ascii: bool) -> Content:
    """Operations of a step, for the default run and changes of it."""
    tokens = [batch * model.context for _, model, batch in _CHANGED_WORK]
    works = [operations(model) * many for (_, model, _), many in zip(_CHANGED_WORK, tokens, strict=True)]
    rows = (
        (name, count(parameters(model)), f"{many:,}", f"{each / works[0]:.2g}")
        for (name, model, _), many, each in zip(_CHANGED_WORK, tokens, works, strict=True)
    )
    head = Content.styled("The work of a step, that of the default run is 1", _FAINT)
    return Content("\n").join([head, table(("", "weights", "tokens", "work"), rows)])


def operations(model: ModelConfig) -> float:
    """A token's, forward and backward: 6 a weight, and attention's 12 L C T (Chowdhery et al. 2022, appendix B)."""
    looked_up = model.context * model.width if model.positions == "learned" else 0
    return 6.0 * (parameters(model) - looked_up) + 12 * model.layers * model.width * model.context


COMPUTED: dict[Computed, Callable[[Page, int, bool], Content]] = {
    "probabilities": probabilities,
    "perplexities": perplexities,
    "bowl": bowl,
    "schedules": schedules,
    "two_gradients": two_gradients,
    "bias_correction": bias_correction,
    "work": work,
}


def updates(view: RunView, width: int = 100) -> Content:
    """The optimizer's equation with the run's own numbers, at its first steps and at its latest."""
    if view.parameters is None or not len(view.curves):
        return Content.styled("The run is starting …", _FAINT)
    root = math.sqrt(view.parameters)
    steps = [step for step in (1, 2, 3, 5, 10, 20, 50, 100, 200, 400, 700) if step < view.step]
    rows = [list(_update_row(view, step, root)) for step in [*steps, view.step]]
    about = f"{view.config.optimizer.kind}, {view.parameters:,} weights: the root of it is {root:.0f}"
    head = ["step", "lr", "|g|", "lr*|g|", "moved", "/ |w|", "/ (lr*root)"]
    return Content("\n").join([Content.styled(about, _FAINT), fitted_rows(head, rows, width, ("|g|", "lr", "/ |w|"))])


def _update_row(view: RunView, step: int, root: float) -> tuple[str, ...]:
    lr, norm, ratio = (view.curves.at(name, step) for name in ("lr", "grad_norm", "update_ratio"))
    used = min(norm, view.settings.clip)
    moved = ratio * view.curves.at("param_norm", step)
    share = moved / (lr * root) if lr else math.nan
    numbers = (used, lr * used, moved, ratio, share)
    return (str(step), setting(lr, 3), *(compact(number) for number in numbers))


def instruments(view: RunView, width: int = 100) -> Content:
    """The six numbers of the latest step, each with what is healthy."""
    if not len(view.curves):
        return Content.styled("The run is starting …", _FAINT)
    mean, val = view.curves.smoothed_at("loss", 30), val_loss_at(view)
    gap = "not measured yet" if math.isnan(val) else f"{val - mean:+.2f} beside the mean loss"
    rows = [
        ("step", f"{view.step}", f"of {view.steps}"),
        ("loss", compact(mean), "mean of 30 steps"),
        ("val_loss", compact(val), gap),
        ("lr", setting(view.curves.at("lr"), 3), view.settings.schedule.kind),
        ("grad_norm", compact(view.curves.at("grad_norm")), f"healthy: {HEALTHY['grad_norm'].words}"),
        (
            "param_norm",
            compact(view.curves.at("param_norm")),
            f"{compact(view.curves.at('param_norm', 1))} at step 1; healthy: grows slowly",
        ),
        ("update_ratio", compact(view.curves.at("update_ratio")), f"healthy: {HEALTHY['update_ratio'].words}"),
    ]
    wide = max(len(value) for _, value, _ in rows)
    return Content("\n").join(
        hanging(Content.assemble((f"{name:<13}", _FAINT), f"{value:>{wide}}  "), Content.styled(healthy, _FAINT), width)
        for name, value, healthy in rows
    )
