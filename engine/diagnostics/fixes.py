"""Rules that yield fixes of a finding: each fix is a title and the config keys it sets."""

from collections.abc import Iterator
from typing import Any

from ..events import Fix
from ..schedule import batch_scale
from .context import FAR, Context, FixRule, lr_is_innocent, lr_ratio
from .trainers import Setting

USUAL_CLIP = 1.0
"""Pascanu et al. 2013 clip; 1.0 is what language models settled on (Brown et al. 2020)."""
USUAL_MOMENTUM = 0.9
USUAL_DECAY = 0.1
"""What language models settled on (Brown et al. 2020)."""
USUAL_PATIENCE = 5
"""Evaluations; one or two without a better val_loss are mostly noise (Prechelt 1998, criterion UP)."""
EARLY_STEPS = 500
"""In a log of another program: after so many steps a longer warm-up is no remedy: common ones last some hundred."""
EARLY_ROWS = 100
"""Rows after which a longer warm-up is no remedy."""
HIGHEST_LR = 1e6
"""The largest schedule.lr that a config accepts."""


def _rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")


def _called(context: Context, *settings: Setting) -> str:
    """What the trainer that wrote a log calls these settings, in brackets; nothing where that is not known."""
    trainer = context.run.facts.trainer if context.is_foreign else None
    names = [trainer.settings[setting] for setting in settings if setting in trainer.settings] if trainer else []
    return f" ({', '.join(names)} in {trainer.name})" if trainer and names else ""


def can_set(context: Context, setting: Setting) -> bool:
    """Whether there is such a setting, as far as the trainer is known that wrote the log."""
    trainer = context.run.facts.trainer if context.is_foreign else None
    return trainer is None or setting in trainer.settings


def _with_lr(context: Context, lr: float, title: str) -> Fix:
    """Sets schedule.lr so that the highest effective lr is `lr`, and min_lr below it."""
    if context.is_foreign:
        return Fix(title=f"{title} {_rounded(lr):g}{_called(context, 'lr')}", changes={})
    settings = context.settings
    scale = (
        settings.lr_scale * batch_scale(settings.schedule, settings.batch * settings.accumulation) if settings else 1
    )
    peak = min(lr / (scale or 1.0), HIGHEST_LR)
    changes: dict[str, Any] = {"schedule.lr": _rounded(peak)}
    if settings and settings.schedule.min_lr > changes["schedule.lr"]:
        changes["schedule.min_lr"] = _rounded(peak / 10)
    return Fix(title=f"{title} {_rounded(lr):g}", changes=changes)


def lower_lr(context: Context) -> Iterator[Fix]:
    if lr_is_innocent(context):
        return
    lr = context.lr if context.is_foreign and context.lr else context.peak_lr
    if context.usual_lr and lr_ratio(context) > FAR:
        yield _with_lr(context, context.usual_lr, "lower the learning rate to the usual")
    elif lr:
        yield _with_lr(context, lr / 2, "halve the learning rate to")
    elif lr is None:
        yield Fix(title=f"halve the learning rate{_called(context, 'lr')}", changes={})


def lower_high_lr(context: Context) -> Iterator[Fix]:
    if lr_ratio(context) > 1 / FAR and context.lr != 0:
        yield from lower_lr(context)


def raise_lr(context: Context) -> Iterator[Fix]:
    lr = context.peak_lr
    if context.usual_lr and lr_ratio(context) < 1 / FAR:
        yield _with_lr(context, context.usual_lr, "raise the learning rate to the usual")
    elif lr and lr_ratio(context) <= FAR:
        yield _with_lr(context, 3 * lr, "triple the learning rate to")
    elif not lr:
        yield Fix(title=f"raise the learning rate{_called(context, 'lr')}", changes={})


def hold_lr(context: Context) -> Iterator[Fix]:
    if context.settings:
        changes = {"schedule.kind": "three-phase", "schedule.min_lr": _rounded(context.settings.schedule.lr / 10)}
        yield Fix(title="hold the learning rate, and decay it at the end", changes=changes)


def clip(context: Context) -> Iterator[Fix]:
    if context.is_foreign:
        if not lr_is_innocent(context) and can_set(context, "clip"):
            yield Fix(title=f"clip gradients at {USUAL_CLIP:g}{_called(context, 'clip')}", changes={})
        return
    now = context.settings.clip if context.settings else 2 * USUAL_CLIP
    usual = _usual_clip(context)
    lower = usual if now > usual else now / 2
    yield Fix(title=f"clip gradients at {lower:g}", changes={"optimizer.clip": lower})


def _usual_clip(context: Context) -> float:
    """Momentum adds up 1 / (1 - momentum) steps: the more it adds, the shorter each has to be."""
    optimizer = context.config.optimizer if context.config else None
    if optimizer is None or optimizer.kind != "momentum" or optimizer.momentum <= USUAL_MOMENTUM:
        return USUAL_CLIP
    return _rounded(USUAL_CLIP * (1 - optimizer.momentum) / (1 - USUAL_MOMENTUM))


def clip_less(context: Context) -> Iterator[Fix]:
    if context.settings and context.settings.clip < USUAL_CLIP:
        yield Fix(title=f"clip gradients at {USUAL_CLIP:g}", changes={"optimizer.clip": USUAL_CLIP})


def check_data(context: Context) -> Iterator[Fix]:
    if context.is_foreign:
        yield Fix(title="look through the data for NaN, infinities and labels out of range", changes={})


def check_labels(context: Context) -> Iterator[Fix]:
    if context.is_foreign:
        yield Fix(title="look at the labels of one batch: all may be masked or cut off", changes={})


def more_precision(context: Context) -> Iterator[Fix]:
    if context.is_foreign:
        yield Fix(title=f"train in bfloat16 or float32{_called(context, 'precision')}", changes={})


def longer_warmup(context: Context) -> Iterator[Fix]:
    run = context.run
    is_early = context.onset - run.first_step <= EARLY_STEPS and run.is_fresh and not run.facts.rows_are_epochs
    if context.is_foreign and is_early and not lr_is_innocent(context) and can_set(context, "warmup"):
        yield Fix(title=f"warm up over more steps{_called(context, 'warmup')}", changes={})
    if context.settings is None or context.config is None or context.run.rows >= EARLY_ROWS:
        return
    warmup = context.settings.schedule.warmup_steps
    longer = min(max(4 * warmup, 20), max(context.config.training.steps // 5, 1))
    if longer > warmup:
        yield Fix(title=f"warm up over {longer} steps", changes={"schedule.warmup_steps": longer})


def usual_init(context: Context) -> Iterator[Fix]:
    if context.config and context.config.model.init_scale != 1.0:
        yield Fix(title="initialise with the usual scale", changes={"model.init_scale": 1.0})


def more_accumulation(context: Context) -> Iterator[Fix]:
    if context.is_foreign:
        larger = f"use a larger batch, or accumulate gradients over more of them{_called(context, 'accumulation')}"
        yield Fix(title=larger, changes={})
        return
    more = min(2 * context.settings.accumulation, 65_536) if context.settings else 2
    yield Fix(title=f"accumulate gradients over {more} batches", changes={"training.accumulation": more})


def regularise(context: Context) -> Iterator[Fix]:
    if context.is_foreign:
        words = _called(context, "dropout", "weight_decay")
        yield Fix(title=f"regularise more: dropout, weight decay, augmentation, or more data{words}", changes={})
        return
    if context.settings is None or context.settings.dropout < 0.2:
        yield Fix(title="drop out 20%", changes={"model.dropout": 0.2})
    if context.settings is None or context.settings.weight_decay < USUAL_DECAY:
        yield Fix(title=f"decay weights by {USUAL_DECAY:g}", changes={"optimizer.weight_decay": USUAL_DECAY})


def smaller_model(context: Context) -> Iterator[Fix]:
    layers = context.config.model.layers if context.config else 1
    if layers > 1:
        yield Fix(title=f"use {layers // 2} of {layers} layers", changes={"model.layers": layers // 2})


def stop_early(context: Context) -> Iterator[Fix]:
    best = max(context.onset, 1)
    place = "epoch" if context.run.facts.rows_are_epochs else "step"
    changes = {} if context.is_foreign else {"training.steps": best}
    yield Fix(title=f"stop at {place} {best}, where val_loss was best", changes=changes)


def wait_for_better(context: Context) -> Iterator[Fix]:
    """Early stopping as a rule; in a log of another program `stop_early` gives the place."""
    if context.settings is not None and not 0 < (context.settings.patience or 0) <= USUAL_PATIENCE:
        title = f"stop after {USUAL_PATIENCE} evaluations without a better val_loss"
        yield Fix(title=title, changes={"training.patience": USUAL_PATIENCE})


INSTABILITY_FIXES: tuple[FixRule, ...] = (usual_init, lower_lr, clip, longer_warmup)
"""Rules for every kind of instability, from a spike to NaN."""
