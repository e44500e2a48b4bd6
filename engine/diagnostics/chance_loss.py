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
CLASS_COUNTS = (2, 3, 4, 5, 10, 20, 100, 200, 1000)
"""Of data sets in common use; among all counts up to 1000 any loss would be near one."""
BATCHES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
"""InfoNCE guesses which of a batch belongs to a sample."""
MOST_RIGHT = 2.5
"""Times the accuracy of guessing evenly: classes that are not equally frequent lift it this far."""


def known_chance_loss(loss: float) -> float | None:
    """The loss of guessing that a first loss this high shows, where it is a well-known one's."""
    near = min((math.log(size) for size in VOCABULARIES), key=lambda level: abs(level - loss))
    return near if abs(near - loss) <= TOLERANCE * near else None


def named(level: float, tolerance: float = 0.01) -> str | None:
    """The loss of guessing evenly that is near this level, as text; None where none is."""
    size = guessed_among(level, None, tolerance)
    return f"ln {size} = {math.log(size):.3g}, guessing evenly among {size:,}" if size else None


def guessed_among(level: float, accuracy: float | None, tolerance: float) -> int | None:
    """Among how many values a model with this loss guesses; an accuracy that is far better than guessing rules one out.

    Where the accuracy is 1 in n, ln n is looked for as well.
    """
    sizes = [*CLASS_COUNTS, *BATCHES, *VOCABULARIES]
    if accuracy is not None:
        sizes = [size for size in sizes if accuracy <= min(MOST_RIGHT / size, 0.6)]
        if accuracy > 0:
            sizes.append(max(round(1 / accuracy), 2))
    near = min(sizes, key=lambda size: abs(math.log(size) - level), default=None)
    return near if near and abs(math.log(near) - level) <= tolerance * math.log(near) else None
