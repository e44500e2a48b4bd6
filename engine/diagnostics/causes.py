"""Why a finding happens, most likely first: what was seen outranks what is set, and that outranks what is usual."""

import math
from collections.abc import Iterator
from statistics import median

from ..finding_kinds import Topic
from . import throughput
from .chance_loss import named
from .context import COMMON, FAR, SEEN, SET, Cause, Circumstances, Suspect

LARGE_UPDATE = 1e-2
"""update_ratio; about 1e-3 is healthy for Adam and a model of this size (Karpathy's rule of thumb)."""
SMALL_UPDATE = 3e-5
LARGE_LOGIT = 50.0
"""Attention logits beyond this leave softmax no gradient, and runs diverge from there (Wortsman et al. 2023)."""


def causes(kind: Topic, now: Circumstances) -> list[str]:
    found = [cause for suspect in _SUSPECTS.get(kind, ()) for cause in suspect(now)]
    found.sort(key=lambda cause: -cause.rank)
    return [cause.text for cause in found[:5]]


def _a_change(now: Circumstances) -> Iterator[Cause]:
    if now.change is not None and now.change_is_fresh:
        yield Cause(SEEN + 1, f"what was changed after step {now.change.step}: {now.change.summary}")


def _lr_rose(now: Circumstances) -> Iterator[Cause]:
    if rise := now.rise_of_lr:
        yield Cause(SEEN + 0.5, f"the learning rate rose: from {rise[0]:.3g} to {rise[1]:.3g} just before")


def _lr_too_high(now: Circumstances) -> Iterator[Cause]:
    update = now.update_ratio
    if update is not None and update > LARGE_UPDATE:
        reason = f"a step moves the weights by {update:.1%} of their size, where 0.1 % is usual"
        yield Cause(SEEN, f"learning rate too high: {reason}")
    elif now.lr_ratio > FAR and now.config:
        reason = f"{now.peak_lr:.3g} is {now.lr_ratio:,.0f} times the usual {now.usual_lr:g}"
        yield Cause(SET + 0.5, f"learning rate too high: {reason} for {now.config.optimizer.kind}")
    elif now.lr_ratio > 1 / FAR:
        at = f": it was {now.lr:.3g}" if now.lr is not None else ""
        yield Cause(COMMON + 0.5, f"learning rate too high for this point{at}")


def _unclipped(now: Circumstances) -> Iterator[Cause]:
    norms = now.since("grad_norm")
    finite = [norm for norm in norms if math.isfinite(norm)]
    usual = now.before("grad_norm")
    grew = bool(finite and usual) and max(finite) > 10 * max(median(usual), 1e-30)
    if now.settings and now.settings.clip > 10:
        reason = f"the norm reached {max(finite):.3g} from {median(usual):.3g}" if grew else "optimizer.clip is off"
        yield Cause(SEEN if grew else SET, f"gradients are not clipped: {reason}")
    elif grew:
        yield Cause(
            SET, f"one batch with an unusually large gradient: norm {max(finite):.3g}, usually {median(usual):.3g}"
        )


def _attention(now: Circumstances) -> Iterator[Cause]:
    if now.layers and now.layers.max_attention_logit > LARGE_LOGIT:
        reason = f"the largest logit was {now.layers.max_attention_logit:.3g} at step {now.layers.step}"
        yield Cause(SEEN - 0.5, f"attention has become unstable: {reason}")


def _warmup(now: Circumstances) -> Iterator[Cause]:
    if now.run.rows < 100 and now.run.is_fresh:
        steps = f": {now.settings.schedule.warmup_steps} steps" if now.settings else ""
        yield Cause(COMMON, f"warm-up too short{steps}, and this began at step {now.symptom.onset}")


def _init(now: Circumstances) -> Iterator[Cause]:
    scale = now.config.model.init_scale if now.config else 1.0
    if scale > 2 or scale < 0.5:
        yield Cause(SEEN, f"initial weights {scale:g} times the usual: model.init_scale")


def _layer(now: Circumstances) -> Iterator[Cause]:
    if now.layers is None:
        return
    norms = dict(zip(now.layers.names, now.layers.grad_norm, strict=True))
    finite = {name: norm for name, norm in norms.items() if math.isfinite(norm)}
    total = math.sqrt(sum(norm * norm for norm in finite.values()))
    worst = max(finite, key=lambda name: finite[name], default=None)
    if worst and total > 0 and finite[worst] > 0.9 * total and len(finite) > 2:
        yield Cause(SET, f"{worst} explodes first: it has {finite[worst] / total:.0%} of the gradient norm")


def _dead_layers(now: Circumstances) -> Iterator[Cause]:
    if now.layers is None:
        return
    norms = now.layers.grad_norm
    top = max((norm for norm in norms if math.isfinite(norm)), default=0.0)
    dead = [name for name, norm in zip(now.layers.names, norms, strict=True) if norm <= 1e-7 * top]
    if dead and top > 0:
        yield Cause(SEEN + 0.5, f"part of the model is cut off from the loss: no gradient in {', '.join(dead)}")


def _no_gradient(now: Circumstances) -> Iterator[Cause]:
    norms = now.since("grad_norm")
    if norms and median(norms) == 0:
        yield Cause(SEEN + 1, "no gradient reaches the weights: grad_norm is exactly 0")
    elif norms and median(norms) < 1e-6:
        yield Cause(SEEN, f"gradients have vanished: grad_norm is {median(norms):.2g}")
    elif not norms and "grad_norm" not in now.run.row.values:
        yield Cause(COMMON, "no gradient reaches the weights: without grad_norm this cannot be ruled out")


def _lr_too_low(now: Circumstances) -> Iterator[Cause]:
    lr, update = now.lr, now.update_ratio
    if lr == 0:
        yield Cause(SEEN + 1, "the learning rate is 0: nothing is learned")
    elif update is not None and update < SMALL_UPDATE:
        yield Cause(SEEN, f"learning rate too low: a step moves the weights by {update:.2g} of their size")
    elif now.lr_ratio < 1 / FAR and now.config:
        reason = f"{now.peak_lr:.3g} is {1 / max(now.lr_ratio, 1e-12):,.0f} times below the usual {now.usual_lr:g}"
        yield Cause(SET + 0.5, f"learning rate too low: {reason} for {now.config.optimizer.kind}")
    elif lr is not None and lr < 3e-5:
        yield Cause(SET, f"learning rate too low: {lr:.3g}")
    elif lr is None:
        yield Cause(COMMON, "learning rate too low: the log does not tell it")


def _rate_ended(now: Circumstances) -> Iterator[Cause]:
    if now.lr is not None and 0 < now.lr < 0.2 * now.run.top_lr:
        yield Cause(SEEN, f"the schedule has ended: {now.lr:.3g} is left of {now.run.top_lr:.3g}")


def _targets(now: Circumstances) -> Iterator[Cause]:
    level = now.run.level.mean
    if guess := named(level):
        yield Cause(SET + 0.2, f"targets that cannot be predicted: the loss is at {guess}")
    elif now.run.chance and 0.5 < level / now.run.chance < 0.7:
        reason = f"at {level:.3g} it knows how often each value comes and no more"
        yield Cause(SET - 0.2, f"inputs and targets do not belong together: {reason}")


def _too_small(now: Circumstances) -> Iterator[Cause]:
    yield Cause(COMMON - 0.5, "model too small for the task: rule out the others first")


def _clipped_always(now: Circumstances) -> Iterator[Cause]:
    share = now.clipped_share
    if share is not None and share > 0.9 and now.settings and now.settings.clip < 0.5:
        yield Cause(SEEN - 0.5, f"gradients clipped too hard: {share:.0%} of the steps, at {now.settings.clip:g}")


def _plain_sgd(now: Circumstances) -> Iterator[Cause]:
    if now.config and now.config.optimizer.kind == "sgd":
        yield Cause(SET, "plain SGD: every parameter gets the same rate, and a transformer needs different ones")


def _long_warmup(now: Circumstances) -> Iterator[Cause]:
    if now.settings and now.config and now.settings.schedule.warmup_steps > 0.2 * now.config.training.steps:
        yield Cause(SET, f"warm-up too long: {now.settings.schedule.warmup_steps} of {now.config.training.steps} steps")


def _small_batch(now: Circumstances) -> Iterator[Cause]:
    batch = now.settings.batch * now.settings.accumulation if now.settings else None
    if batch is not None and batch < 4:
        yield Cause(SET + 0.2, f"batch too small: {batch} sequences a step")
    else:
        yield Cause(COMMON, "batch too small: noisy gradients")


def _little_data(now: Circumstances) -> Iterator[Cause]:
    epochs = now.epochs
    if epochs is not None and epochs > 2:
        yield Cause(SEEN, f"too little text for this model: all of it has been seen {epochs:.0f} times")
    else:
        yield Cause(COMMON + 0.5, "too little data for this model: it learns it by heart")


def _no_regularisation(now: Circumstances) -> Iterator[Cause]:
    if now.settings and now.settings.dropout < 0.1:
        how = f"only {now.settings.dropout:g}" if now.settings.dropout else "no"
        yield Cause(SET, f"{how} dropout and a weight decay of {now.settings.weight_decay:g}: nothing holds it back")


def _too_long(now: Circumstances) -> Iterator[Cause]:
    yield Cause(COMMON, f"trained for too long: the best model is that of step {now.symptom.onset}")


_UNSTABLE = (_a_change, _lr_rose, _lr_too_high, _unclipped, _attention, _init, _layer, _warmup)
_SUSPECTS: dict[Topic, tuple[Suspect, ...]] = {
    "nan": _UNSTABLE,
    "divergence": _UNSTABLE,
    "spike": _UNSTABLE,
    "exploding_gradients": _UNSTABLE,
    "oscillation": (_a_change, _lr_rose, _lr_too_high, _small_batch, _attention),
    "stall": (
        _a_change, _no_gradient, _dead_layers, _lr_too_low, _rate_ended, _lr_too_high, _targets, _init,
        _clipped_always, _too_small,
    ),
    "slow": (_a_change, _lr_too_low, _rate_ended, _plain_sgd, _long_warmup, _clipped_always, _dead_layers, _init),
    "overfitting": (_little_data, _no_regularisation, _too_long),
    "vanishing_gradients": (_a_change, _no_gradient, _dead_layers, _init, _lr_too_high, _attention),
    "throughput_drop": throughput.SUSPECTS,
}  # fmt: skip
