"""The optimizers' equations on single numbers, so that a page can show every intermediate value. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AdamStep:
    gradient: float
    m: float
    """Mean of the gradients, that starts at 0."""
    v: float
    """Mean of their squares, that starts at 0."""
    m_hat: float
    """m as it is used: corrected for its start at 0, or as it is."""
    v_hat: float
    update: float
    """What is added to the weight."""


def sgd_update(gradient: float, lr: float) -> float:
    return -lr * gradient


def adam_steps(
    gradients: Sequence[float],
    lr: float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    bias_correction: bool = True,
) -> list[AdamStep]:
    """Adam on one weight (Kingma and Ba 2014, algorithm 1), a step a gradient."""
    m = v = 0.0
    steps = []
    for t, gradient in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        m_hat = m / (1 - beta1**t) if bias_correction else m
        v_hat = v / (1 - beta2**t) if bias_correction else v
        update = -lr * m_hat / (math.sqrt(v_hat) + eps)
        steps.append(AdamStep(gradient=gradient, m=m, v=v, m_hat=m_hat, v_hat=v_hat, update=update))
    return steps


def on_a_bowl(lr: float, steps: int, *, start: float = 1.0) -> list[float]:
    """Where gradient descent stands on w * w / 2, whose gradient at w is w: the start, and after every step."""
    places = [start]
    for _ in range(steps):
        places.append(places[-1] + sgd_update(places[-1], lr))
    return places
