"""Rules that yield the likely causes of a finding.

What the metrics show outranks what the settings make likely, and that outranks what is merely common.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from ..events import Fix
from ..healthy import HEALTHY
from .context import (
    COMMON,
    FAR,
    SEEN,
    SET,
    Cause,
    CauseRule,
    Context,
    FixRule,
    lr_is_innocent,
    lr_ratio,
    was_never_finite,
)
from .data_causes import broken_batch
from .fixes import (
    EARLY_ROWS,
    EARLY_STEPS,
    USUAL_DECAY,
    can_set,
    check_data,
    check_labels,
    clip,
    hold_lr,
    lower_lr,
    more_precision,
)
from .layer_causes import exploding_layer, overflowing_softmax, unstable_attention

MOST_CAUSES = 5
"""Causes of one finding that are given."""
LARGE_UPDATE = HEALTHY["update_ratio"].high
"""update_ratio, the size of a step over that of the weights; about 1e-3 is healthy (Karpathy's rule of thumb)."""
SMALL_UPDATE = 3e-5
"""update_ratio at which a thousand steps move the weights by at most 3%."""
SMALL_WIDTH = 8
"""Numbers for each token, for 256 bytes, with which a model is too small whatever else is wrong."""
USUAL_SIZE = {"model.width": 64, "model.heads": 2, "model.layers": 2}


def ranked_causes(rules: Iterable[CauseRule], context: Context) -> list[Cause]:
    """The highest-ranked causes, at most `MOST_CAUSES`; those of equal rank in the order of the rules."""
    found = [cause for rule in rules for cause in rule(context)]
    found.sort(key=lambda cause: -cause.rank)
    return found[:MOST_CAUSES]


def fixes_for(causes: Sequence[Cause], rules: Iterable[FixRule], context: Context) -> list[Fix]:
    """Those of the likeliest cause, or where it has none of its own the usual ones of the finding."""
    if causes and causes[0].fixes:
        return list(causes[0].fixes)
    return [fix for rule in rules for fix in rule(context)]


def recent_change(context: Context) -> Iterator[Cause]:
    if context.change is not None and context.change_is_fresh:
        yield Cause(SEEN + 1, f"what was changed after step {context.change.step}: {context.change.summary}")


def lr_rose(context: Context) -> Iterator[Cause]:
    if rise := context.rise_of_lr:
        yield Cause(SEEN + 0.5, f"the learning rate rose: from {rise[0]:.3g} to {rise[1]:.3g} just before")


def zero_loss(context: Context) -> Iterator[Cause]:
    if context.loss_is_zero:
        overflows = any(not math.isfinite(norm) for norm in context.since("grad_norm"))
        no_target = "no target counts: with masked labels alone the loss is exactly 0"
        yield Cause(SEEN + 1, no_target, fixes=tuple(check_labels(context)))
        half = "half precision: the loss or its gradient overflows or underflows"
        yield Cause(SEEN + (1.5 if overflows else 1), half, fixes=tuple(more_precision(context)))


def never_finite(context: Context) -> Iterator[Cause]:
    if context.is_foreign and was_never_finite(context) and not context.loss_is_zero:
        data = "the data or the labels hold NaN, or a target that is out of range: check the first batch"
        yield Cause(SEEN, data, fixes=(*check_data(context), *lower_lr(context), *clip(context)))
        yield Cause(SEEN - 0.1, "the initial weights are not finite, or a layer divides by 0")
        yield Cause(SEEN - 0.2, "half precision overflows at once: try bfloat16 or float32")


def only_validation(context: Context) -> Iterator[Cause]:
    val_loss = context.run.row.values.get("val_loss")
    if val_loss is not None and not math.isfinite(val_loss) and context.run.rows and not context.loss_is_bad:
        yield Cause(SEEN + 1, "the evaluation and not the training: an empty set, masked targets or NaN in its data")
        yield Cause(SEEN, "another precision at evaluation: half precision overflows where training scales its loss")


def lr_too_high(context: Context) -> Iterator[Cause]:
    if lr_is_innocent(context):
        return
    update = context.update_ratio
    if update is not None and update > LARGE_UPDATE:
        reason = (
            f"a step moves the weights by {update:.1%} of their size {context.update_ratio_of}, where 0.1% is usual"
        )
        yield Cause(SEEN, f"learning rate too high: {reason}", fixes=_lower_far_lr(context))
    elif lr_ratio(context) > FAR and context.config:
        reason = f"{context.peak_lr:.3g} is {lr_ratio(context):,.0f} times the usual {context.usual_lr:g}"
        why = f"learning rate too high: {reason} for {context.config.optimizer.kind}"
        yield Cause(SET + 0.5, why, fixes=_lower_far_lr(context))
    elif lr_ratio(context) > 1 / FAR:
        at = f": it was {context.lr:.3g}" if context.lr is not None else ""
        yield Cause(COMMON + 0.5, f"learning rate too high for this point{at}")


def _lower_far_lr(context: Context) -> tuple[Fix, ...]:
    """Where the lr is far above the usual one, neither a clip nor a warm-up makes up for it."""
    return tuple(lower_lr(context)) if lr_ratio(context) > FAR else ()


def not_clipped(context: Context) -> Iterator[Cause]:
    norms = context.since("grad_norm")
    finite = [norm for norm in norms if math.isfinite(norm)]
    usual = context.before("grad_norm")
    grew = bool(finite and usual) and max(finite) > 10 * max(median(usual), 1e-30)
    if context.settings and context.settings.clip > 10:
        limit = context.settings.clip
        how, off = ("not", "optimizer.clip is off") if math.isinf(limit) else ("hardly", f"optimizer.clip = {limit:g}")
        reason = f"the norm reached {max(finite):.3g} from {median(usual):.3g}" if grew else off
        usual_lr, moves_far = lr_ratio(context) <= FAR, (context.update_ratio or 0) > LARGE_UPDATE
        rank = SET + 0.5 * grew if not usual_lr else SEEN + 0.2 if grew or moves_far else SET
        yield Cause(rank, f"gradients are {how} clipped: {reason}", fixes=(*clip(context), *lower_lr(context)))
    elif grew:
        yield Cause(SET, f"{_growth(finite, median(usual))}: norm {max(finite):.3g}, usually {median(usual):.3g}")


def _growth(norms: Sequence[float], usual: float) -> str:
    """One batch, or gradients that grow from row to row."""
    large = sum(norm > 3 * usual for norm in norms)
    return "one batch with an unusually large gradient" if large <= 2 else "gradients that grow"


def short_warmup(context: Context) -> Iterator[Cause]:
    run = context.run
    if not run.is_fresh or run.facts.rows_are_epochs or lr_is_innocent(context) or not can_set(context, "warmup"):
        return
    if context.settings is None:
        if context.onset - run.first_step <= EARLY_STEPS and run.settled <= run.rows:
            yield Cause(COMMON, f"warm-up too short, and this began at step {context.onset}")
    elif run.rows < EARLY_ROWS:
        steps = context.settings.schedule.warmup_steps
        yield Cause(COMMON, f"warm-up too short: {steps} steps, and this began at step {context.onset}")


def wrong_init(context: Context) -> Iterator[Cause]:
    scale = context.config.model.init_scale if context.config else 1.0
    if scale > 2 or scale < 0.5:
        yield Cause(SEEN if scale else SEEN + 2, f"initial weights {scale:g} times the usual: model.init_scale")


def no_gradient(context: Context) -> Iterator[Cause]:
    norms = context.since("grad_norm")
    if norms and median(norms) == 0:
        yield Cause(SEEN + 1, f"no gradient reaches the weights: grad_norm is exactly 0{' in most rows' * any(norms)}")
    elif norms and median(norms) < 1e-6:
        yield Cause(SEEN, f"gradients have vanished: grad_norm is {median(norms):.2g}")
    elif not norms and "grad_norm" not in context.run.row.values:
        yield Cause(COMMON, "no gradient reaches the weights: without grad_norm this cannot be ruled out")


def lr_too_low(context: Context) -> Iterator[Cause]:
    lr, update = context.lr, context.update_ratio
    if lr == 0:
        yield Cause(SEEN + 1, "the learning rate is 0: nothing is learned")
    elif update is not None and update < SMALL_UPDATE:
        reason = f"a step moves the weights by {update:.2g} of their size {context.update_ratio_of}"
        yield Cause(SEEN, f"learning rate too low: {reason}")
    elif lr_ratio(context) < 1 / FAR and context.config:
        times = 1 / max(lr_ratio(context), 1e-12)
        reason = f"{context.peak_lr:.3g} is {times:,.0f} times below the usual {context.usual_lr:g}"
        yield Cause(SET + 0.5, f"learning rate too low: {reason} for {context.config.optimizer.kind}")
    elif lr is not None and lr < 3e-5:
        yield Cause(SET, f"learning rate too low: {lr:.3g}")
    elif lr is None:
        yield Cause(COMMON, "learning rate too low: the log does not tell it")


def schedule_ended(context: Context) -> Iterator[Cause]:
    if context.lr is not None and 0 < context.lr < 0.2 * context.run.lr.top:
        reason = f"{context.lr:.3g} is left of {context.run.lr.top:.3g}"
        yield Cause(SEEN + 0.3, f"the schedule has ended: {reason}", fixes=tuple(hold_lr(context)))


def model_too_small(context: Context) -> Iterator[Cause]:
    if context.config and context.config.model.width <= SMALL_WIDTH:
        reason = f"{context.config.model.width} numbers for each token, where {USUAL_SIZE['model.width']} are usual"
        fix = Fix(title="use the usual size", changes=dict(USUAL_SIZE))
        yield Cause(SET + 0.7, f"model too small for the task: {reason}", fixes=(fix,))
        return
    yield Cause(COMMON - 0.5, "model too small for the task: rule out the others first")


def clipped_too_hard(context: Context) -> Iterator[Cause]:
    share = context.clipped_share
    if share is not None and share > 0.9 and context.settings and context.settings.clip < 0.5:
        yield Cause(SEEN - 0.5, f"gradients clipped too hard: {share:.0%} of the steps, at {context.settings.clip:g}")


def plain_sgd(context: Context) -> Iterator[Cause]:
    if context.config and context.config.optimizer.kind == "sgd":
        yield Cause(SET, "plain SGD: every parameter gets the same rate, and a transformer needs different ones")


def long_warmup(context: Context) -> Iterator[Cause]:
    if (
        context.settings
        and context.config
        and context.settings.schedule.warmup_steps > 0.2 * context.config.training.steps
    ):
        yield Cause(
            SET, f"warm-up too long: {context.settings.schedule.warmup_steps} of {context.config.training.steps} steps"
        )


def small_batch(context: Context) -> Iterator[Cause]:
    batch = context.settings.batch * context.settings.accumulation if context.settings else None
    if batch is not None and batch < 4:
        yield Cause(SET + 0.2, f"batch too small: {batch} sequences a step")
    else:
        yield Cause(COMMON, "batch too small: noisy gradients")


def no_regularisation(context: Context) -> Iterator[Cause]:
    if context.settings and context.settings.dropout < 0.1:
        how = f"only {context.settings.dropout:g}" if context.settings.dropout else "no"
        decay = context.settings.weight_decay
        held = "nothing holds it back" if decay < USUAL_DECAY else "that alone does not hold it back"
        yield Cause(SET, f"{how} dropout and a weight decay of {decay:g}: {held}")


def trained_too_long(context: Context) -> Iterator[Cause]:
    yield Cause(COMMON, f"trained for too long: the best model is that of step {context.onset}")


INSTABILITY_CAUSES: tuple[CauseRule, ...] = (
    recent_change, zero_loss, never_finite, only_validation, overflowing_softmax, broken_batch,
    lr_rose, lr_too_high, not_clipped, unstable_attention, wrong_init, exploding_layer, short_warmup,
)  # fmt: skip
"""Rules for every kind of instability, from a spike to NaN."""
