"""Causes that the measurements of single layers show: their gradients, and the logits of attention."""

import math
from collections.abc import Iterator, Sequence

from ..events import Fix, LayersMeasured
from ..healthy import HEALTHY
from .context import SEEN, SET, Cause, Context
from .layer_gradients import cut_off, fading

LARGE_LOGIT = HEALTHY["max_attention_logit"].high
"""Attention logits above this saturate the softmax, and runs diverge from there (Wortsman et al. 2023)."""
LARGEST_EXPONENTS = (11.09, 88.72)
"""ln of the largest number of fp16, and of fp32 and bf16: the exponential of more is infinite."""
UNMEASURED = 1.5
"""Times the largest logit that was measured, now and then and on one row of a batch, that another may be."""
CALM = 1.5
"""Times its usual level that the loss may have before an overflow that came without a warning."""


def overflowing_softmax(context: Context) -> Iterator[Cause]:
    """The loss is NaN at once, after the largest attention logit came near what an exponential can be of."""
    if not (context.loss_is_bad and _was_calm(context)):
        return
    measured = [each for each in (context.layers_before, context.layers) if each and each.step < context.onset]
    finite = [each for each in measured if 0 < each.max_attention_logit < math.inf]
    if not finite:
        return
    logit, reach = finite[-1].max_attention_logit, _reach(finite, context.onset)
    for largest in LARGEST_EXPONENTS:
        if logit < largest < reach:
            reason = " and ".join(f"{each.max_attention_logit:.3g} at step {each.step}" for each in finite)
            yield Cause(
                SEEN + 1,
                f"the softmax of attention overflows above {largest:.3g}, without its maximum subtracted: the largest "
                f"attention logit was {reason}",
                fixes=(Fix(title="subtract the largest score first: exp(score - largest) is at most 1", changes={}),),
            )
            return


def _reach(measured: Sequence[LayersMeasured], onset: int) -> float:
    """How large the largest attention logit may be at the onset, if it goes on as it was measured."""
    last = measured[-1]
    growth = UNMEASURED
    if len(measured) > 1:
        first = measured[0]
        intervals = (onset - last.step) / (last.step - first.step)
        growth = max(growth, (last.max_attention_logit / first.max_attention_logit) ** min(intervals, 2.0))
    return last.max_attention_logit * growth


def _was_calm(context: Context) -> bool:
    """Whether the loss before the onset was where it usually was: no rate that is too high shows like this."""
    losses = context.before("loss")
    recent = [loss for loss in losses[-3:] if math.isfinite(loss)]
    return len(recent) == 3 and max(recent) < CALM * min(losses)


def unstable_attention(context: Context) -> Iterator[Cause]:
    if context.layers and context.layers.max_attention_logit > LARGE_LOGIT:
        reason = f"the largest logit was {context.layers.max_attention_logit:.3g} at step {context.layers.step}"
        yield Cause(SEEN - 0.5, f"attention has become unstable: {reason}")


def exploding_layer(context: Context) -> Iterator[Cause]:
    if context.layers is None:
        return
    norms = dict(zip(context.layers.names, context.layers.grad_norm, strict=True))
    finite = {name: norm for name, norm in norms.items() if math.isfinite(norm)}
    total = math.sqrt(sum(norm * norm for norm in finite.values()))
    worst = max(finite, key=lambda name: finite[name], default=None)
    if worst and total > 0 and finite[worst] > 0.9 * total and len(finite) > 2:
        yield Cause(SET, f"{worst} explodes first: it has {finite[worst] / total:.0%} of the gradient norm")


def dead_layers(context: Context) -> Iterator[Cause]:
    dead = cut_off(context.layers) if context.layers else []
    if dead:
        names = ", ".join(dead)
        yield Cause(
            SEEN + 0.5,
            f"part of the model is cut off from the loss: no gradient in {names}",
            fixes=(
                Fix(title=f"let the gradient through: look for a detach or a frozen parameter in {names}", changes={}),
            ),
        )


def fading_gradient(context: Context) -> Iterator[Cause]:
    found = fading(context.layers) if context.layers else None
    if found is None:
        return
    reason = f"{found.highest_norm:.2g} in {found.highest}, {found.lowest_norm:.2g} in {found.lowest}"
    yield Cause(
        SEEN + 0.7,
        f"the gradient shrinks in every layer that it passes, and nothing leads around them: {reason}",
        fixes=(
            Fix(title="add residual connections: each layer's output is its input plus what it computes", changes={}),
            Fix(title="use a norm before each layer, and activations that do not saturate", changes={}),
        ),
    )
