"""Losses of guessing evenly, by which an untrained classifier or language model is known."""

import math

TOLERANCE = 0.04
"""Share of the loss: initial weights are small, not zero."""
VOCABULARIES = (
    256, 257, 258, 259, 260,  # bytes, with up to four specials
    65,  # the characters of tiny Shakespeare
    30_522,  # BERT
    32_000, 32_128,  # Llama 2, T5
    50_257, 50_304,  # GPT-2, and the same padded
    65_536, 100_277, 128_256, 151_936, 250_112,  # RWKV, GPT-4, Llama 3, Qwen, mT5
)  # fmt: skip


def known_chance_loss(loss: float) -> float | None:
    """The loss of guessing that a first loss this high shows, where it is a well-known one's."""
    near = min((math.log(size) for size in VOCABULARIES), key=lambda level: abs(level - loss))
    return near if abs(near - loss) <= TOLERANCE * near else None


def named(level: float, tolerance: float = 0.01) -> str | None:
    """The loss of guessing evenly that is near this level, as text; None where none is."""
    for classes in (2, 3, 4, 5, 10, 100, 1000, *VOCABULARIES):
        if abs(level - math.log(classes)) <= tolerance * math.log(classes):
            return f"ln {classes} = {math.log(classes):.3g}, guessing evenly among {classes:,}"
    return None
