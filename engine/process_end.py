"""How a process ended, in words."""

import signal


def killed_words(number: int) -> str:
    cause = f"killed by {signal.Signals(number).name}"
    return f"{cause}, by hand or because memory ran out" if number == signal.SIGKILL else cause
