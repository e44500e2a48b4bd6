"""What to try, in the order in which a person should: each a title and the config keys it sets."""

from collections.abc import Iterator
from typing import Any

from ..events import Fix
from ..finding_kinds import Topic
from ..schedule import batch_scale
from . import throughput
from .context import FAR, Circumstances, Remedy

USUAL_CLIP = 1.0
"""Pascanu et al. 2013 clip; 1.0 is what language models settled on (Brown et al. 2020)."""
HIGHEST_LR = 1e6


def fixes(kind: Topic, now: Circumstances) -> list[Fix]:
    return [fix for remedy in _REMEDIES.get(kind, ()) for fix in remedy(now)]


def _rounded(value: float) -> float:
    """Three digits, as a person would type it."""
    return float(f"{value:.3g}")


def _with_lr(now: Circumstances, lr: float, title: str) -> Fix:
    """The schedule moved to a highest effective rate of `lr`, its floor kept below it."""
    settings = now.settings
    scale = (
        settings.lr_scale * batch_scale(settings.schedule, settings.batch * settings.accumulation) if settings else 1
    )
    peak = min(lr / (scale or 1.0), HIGHEST_LR)
    changes: dict[str, Any] = {"schedule.lr": _rounded(peak)}
    if settings and settings.schedule.min_lr > changes["schedule.lr"]:
        changes["schedule.min_lr"] = _rounded(peak / 10)
    return Fix(title=f"{title} {_rounded(lr):g}", changes=changes)


def _lower_lr(now: Circumstances) -> Iterator[Fix]:
    lr = now.peak_lr
    if now.usual_lr and now.lr_ratio > FAR:
        yield _with_lr(now, now.usual_lr, "lower the learning rate to the usual")
    elif lr:
        yield _with_lr(now, lr / 2, "halve the learning rate to")
    elif lr is None:
        yield Fix(title="halve the learning rate", changes={})


def _lower_if_high(now: Circumstances) -> Iterator[Fix]:
    if now.lr_ratio > 1 / FAR and now.lr != 0:
        yield from _lower_lr(now)


def _raise_lr(now: Circumstances) -> Iterator[Fix]:
    lr = now.peak_lr
    if now.usual_lr and now.lr_ratio < 1 / FAR:
        yield _with_lr(now, now.usual_lr, "raise the learning rate to the usual")
    elif lr and now.lr_ratio <= FAR:
        yield _with_lr(now, 3 * lr, "triple the learning rate to")
    elif not lr:
        yield Fix(title="raise the learning rate", changes={})


def _clip(now: Circumstances) -> Iterator[Fix]:
    clip = now.settings.clip if now.settings else 2 * USUAL_CLIP
    lower = USUAL_CLIP if clip > USUAL_CLIP else clip / 2
    yield Fix(title=f"clip gradients at {lower:g}", changes={"optimizer.clip": lower})


def _clip_less(now: Circumstances) -> Iterator[Fix]:
    if now.settings and now.settings.clip < USUAL_CLIP:
        yield Fix(title=f"clip gradients at {USUAL_CLIP:g}", changes={"optimizer.clip": USUAL_CLIP})


def _warmup(now: Circumstances) -> Iterator[Fix]:
    if now.settings is None or now.config is None:
        return
    warmup = now.settings.schedule.warmup_steps
    longer = min(max(4 * warmup, 20), max(now.config.training.steps // 5, 1))
    if longer > warmup:
        yield Fix(title=f"warm up over {longer} steps", changes={"schedule.warmup_steps": longer})


def _init(now: Circumstances) -> Iterator[Fix]:
    if now.config and now.config.model.init_scale != 1.0:
        yield Fix(title="initialise with the usual scale", changes={"model.init_scale": 1.0})


def _less_noise(now: Circumstances) -> Iterator[Fix]:
    more = min(2 * now.settings.accumulation, 65_536) if now.settings else 2
    yield Fix(title=f"accumulate gradients over {more} batches", changes={"training.accumulation": more})


def _regularise(now: Circumstances) -> Iterator[Fix]:
    if now.settings is None or now.settings.dropout < 0.2:
        yield Fix(title="drop out 20 %", changes={"model.dropout": 0.2})
    if now.settings is None or now.settings.weight_decay < 0.1:
        yield Fix(title="decay weights by 0.1", changes={"optimizer.weight_decay": 0.1})


def _smaller(now: Circumstances) -> Iterator[Fix]:
    layers = now.config.model.layers if now.config else 1
    if layers > 1:
        yield Fix(title=f"use {layers // 2} of {layers} layers", changes={"model.layers": layers // 2})


def _stop_early(now: Circumstances) -> Iterator[Fix]:
    best = max(now.symptom.onset, 1)
    yield Fix(title=f"stop at step {best}, where val_loss was best", changes={"training.steps": best})


_UNSTABLE = (_init, _lower_lr, _clip, _warmup)
_REMEDIES: dict[Topic, tuple[Remedy, ...]] = {
    "nan": _UNSTABLE,
    "divergence": _UNSTABLE,
    "spike": _UNSTABLE,
    "exploding_gradients": _UNSTABLE,
    "oscillation": (_lower_lr, _less_noise),
    "stall": (_init, _lower_if_high, _raise_lr, _clip_less),
    "slow": (_raise_lr, _clip_less),
    "overfitting": (_regularise, _smaller, _stop_early),
    "vanishing_gradients": (_init, _lower_if_high),
    "throughput_drop": throughput.REMEDIES,
}
