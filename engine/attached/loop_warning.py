"""The one way in which a loop hears of our trouble."""

import warnings


def warn_loop(words: str) -> None:
    first_line = words.partition("\n")[0][:300]  # torch adds a page of where an operator was registered
    warnings.warn(f"tinygpt-tui: {first_line}", RuntimeWarning, stacklevel=4)
