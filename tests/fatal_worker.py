"""The tiny GPT's worker with a death in it: `python fatal_worker.py MOMENT RUN` is killed in the middle of something.

What SIGKILL leaves of a write is what the system was given until then, so half of it is given.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from tinygpt_tui.engine.worker import assemble, serve

MOMENTS = ("append", "weights", "optimizer", "state", "rename", "note", "deletion")
SPARED = 5
"""Times that it goes well, so that the death comes in the middle of training."""


def fatal_worker(moment: str) -> tuple[str, ...]:
    return (sys.executable, "-P", __file__, moment)


def dies(owner: object, name: str, when: Callable[..., bool], instead: Callable[..., object]) -> None:
    """At the sixth call that `when` is true of, `instead` happens, and that is the last thing this process does."""
    call, chances = getattr(owner, name), count()

    def replaced(*given: Any, **named: Any) -> Any:
        if when(*given) and next(chances) >= SPARED:
            instead(call, *given)
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)

    setattr(owner, name, replaced)


def nothing(call: Callable[..., object], *given: object) -> None:
    pass


def half(call: Callable[..., object], where: object, content: bytes) -> None:
    cut = len(content) // 2
    call(where, content[: cut + content[:cut].endswith(b"\n")])  # within a line, also where there are two alike


def one_file(call: Callable[..., object], folder: Path) -> None:
    next(folder.iterdir()).unlink()


def arrange(moment: str) -> None:
    match moment:
        case "append":
            dies(os, "write", lambda file, line: line.startswith(b'{"event":"step"'), half)
        case "weights":
            dies(Path, "write_bytes", lambda path, content: path.name == "model.safetensors", half)
        case "optimizer":
            dies(Path, "write_bytes", lambda path, content: path.name == "optimizer.safetensors", half)
        case "state":
            dies(Path, "write_bytes", lambda path, content: path.name == "state.json", half)
        case "rename":
            dies(os, "rename", lambda source, target: Path(target).name.startswith("step-"), nothing)
        case "note":
            dies(os, "write", lambda file, line: line.startswith(b'{"event":"checkpoint"'), nothing)
        case "deletion":
            dies(shutil, "rmtree", lambda folder: True, one_file)
        case _:
            raise ValueError(moment)


if __name__ == "__main__":
    arrange(sys.argv[1])
    sys.exit(serve(Path(sys.argv[2]), assemble))
