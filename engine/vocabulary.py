"""The tiny GPT's vocabulary: every byte value is a token, and so are three specials."""

import math

BYTE_VALUES = 256
SPECIALS = 3
VOCABULARY = BYTE_VALUES + SPECIALS
CHANCE_LOSS = math.log(VOCABULARY)
"""5.557: the cross-entropy of guessing evenly among all tokens, which an untrained model starts at."""
