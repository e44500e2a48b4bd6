"""What a row holds, and what it may show, as bits: so that detectors are called where they are concerned."""

LOSS, GRADIENTS, NORM, PACE, START = 1, 2, 4, 8, 16
"""A finite loss, a finite grad_norm, any grad_norm, a speed; and that it is of the start."""
UNUSUAL, LARGE_NORM, SMALL_NORM, HIGH_LOSS, LOW_LOSS = 32, 64, 128, 256, 512
"""A loss, val_loss or grad_norm that is NaN, infinite or beyond `CUTOFF`; a grad_norm that is not usual; a loss that is
high or low."""
