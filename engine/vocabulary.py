"""The tokens of the tiny GPT: bytes, and a few specials. No tokenizer has to be trained, and any file can be read."""

BYTES = 256
"""Tokens below this are bytes; only they are generated."""
VOCABULARY = BYTES + 3
"""V. The three specials above the bytes stand for the end-of-text and padding tokens of larger vocabularies; the text
holds none of them, so a model learns to give them no probability."""
