"""The vocabulary of the tiny GPT: every byte value is a token, and so are three specials.

No tokenizer has to be trained, and any file can be read.
"""

import math

BYTE_VALUES = 256
"""Tokens below this are bytes; only they are generated."""
SPECIALS = 3
"""They stand for the end-of-text and padding tokens of larger vocabularies; the text holds none of them, so a model
learns to give them no probability."""
VOCABULARY = BYTE_VALUES + SPECIALS
CHANCE_LOSS = math.log(VOCABULARY)
"""5.557: the cross-entropy of guessing evenly among all tokens, which an untrained model starts at."""
