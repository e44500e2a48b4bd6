"""A run that cannot be recorded where it is to be, or not any more: one warning, and the loop's losses keep their bits.

Each loop runs in a process forked off the test's, which gives up root or mounts file systems of its own.
"""

import ctypes
import json
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tinygpt_tui.engine.attach import AttachedRun, watch
from tinygpt_tui.engine.events import StepFinished
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.engine.storage.run_folder import socket_path

NOBODY = 65534
_NEW_MOUNTS, _READ_ONLY, _PRIVATE = 0x20000, 1, 1 << 18 | 1 << 14
"""CLONE_NEWNS, MS_RDONLY, MS_PRIVATE | MS_REC."""

Act = Callable[[Path], object]


def train(attach: Callable[[nn.Module, torch.optim.Optimizer], AttachedRun | None], halfway: Act | None) -> list[str]:
    """Losses, to the bit; `halfway` is called with the run's folder, and then it lasts until it is not recorded."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 8), torch.randn(16, 1)
    run, losses = attach(model, optimizer), list[str]()
    for step in range(20):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        losses.append(float(loss.item()).hex())
        if run is not None:
            assert run.step(loss)
            if step == 10 and run.path is not None and halfway is not None:
                halfway(run.path)
                until_not_recorded(run)
        optimizer.step()
    if run is not None:
        run.close()
    return losses


def until_not_recorded(run: AttachedRun) -> None:
    deadline = time.monotonic() + 20
    while run.is_recorded and time.monotonic() < deadline:
        run.sample("x" * 1000)
        time.sleep(0.001)


class Child:
    """A process forked off this one that trains a loop; skipped where it cannot be prepared."""

    def __init__(self, prepare: Callable[[], object], runs: Path, halfway: Act, *, lasts: bool = True) -> None:
        """`lasts`: it goes on until it is not recorded any more."""
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                words = json.dumps(train_there(prepare, runs, halfway if lasts else None))
            except BaseException as error:
                words = json.dumps({"error": repr(error)})
            os.write(writing, words.encode())
            os._exit(0)
        os.close(writing)
        self._words = os.fdopen(reading, "rb")

    def came_to(self) -> tuple[list[str], list[str]]:
        """Losses and warnings."""
        with self._words as file:
            words = json.loads(file.read())
        os.waitpid(self._pid, 0)
        if "skip" in words:
            pytest.skip(words["skip"])
        assert "error" not in words, words
        return words["losses"], words["warnings"]


def train_there(prepare: Callable[[], object], runs: Path, halfway: Act | None) -> dict[str, Any]:
    try:
        prepare()
    except OSError as error:
        return {"skip": f"it cannot be prepared here: {error}"}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        losses = train(lambda model, optimizer: watch(model, optimizer, every=1, runs=runs), halfway)
    return {"losses": losses, "warnings": [str(each.message) for each in warned]}


def mount(kind: str, folder: Path, flags: int = 0, options: str = "") -> None:
    """In mounts of this process's own; OSError where it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (
        lambda: libc.unshare(_NEW_MOUNTS),
        lambda: libc.mount(None, b"/", None, ctypes.c_ulong(_PRIVATE), None),
        lambda: libc.mount(b"none", os.fsencode(folder), kind.encode(), ctypes.c_ulong(flags), options.encode()),
    )
    for step in steps:
        if step():
            raise OSError(ctypes.get_errno(), f"mount: {os.strerror(ctypes.get_errno())}")


def nothing(folder: Path) -> None:
    pass


def runs_in(folder: Path) -> Path:
    return folder / "runs"


def deep_runs(folder: Path) -> Path:
    """So deep that no socket can lie there."""
    return folder / ("d" * 100) / "runs"


def as_nobody(folder: Path) -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def with_its_socket_taken(folder: Path) -> None:
    """By what a socket cannot replace."""
    own_runtime_folder(folder)
    socket_path(deep_runs(folder) / "loop-1").mkdir()


def with_a_runtime_folder_of_all(folder: Path) -> None:
    shared = own_runtime_folder(folder) / "tinygpt-tui"
    shared.mkdir()
    shared.chmod(0o777)


def own_runtime_folder(folder: Path) -> Path:
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    return runtime


def on_a_disk(flags: int, options: str) -> Act:
    return lambda folder: mount("tmpfs", folder, flags, options)


@dataclass(frozen=True, kw_only=True)
class Place:
    why: str
    """What the warning names."""
    prepare: Act = nothing
    runs: Callable[[Path], Path] = runs_in
    halfway: Act = nothing


PLACES = {
    "a home of another user": Place(prepare=as_nobody, why="no run can be created there: Permission denied"),
    "runs of another user": Place(prepare=as_nobody, runs=lambda folder: folder, why="Permission denied"),
    "a disk that is read-only": Place(prepare=on_a_disk(_READ_ONLY, ""), why="Read-only file system"),
    "a disk that is full": Place(prepare=on_a_disk(0, "size=4k"), why="No space left on device"),
    "a disk that fills up": Place(prepare=on_a_disk(0, "size=64k"), why="any more: .*No space left on device"),
    "a folder that is deleted meanwhile": Place(halfway=shutil.rmtree, why="any more: "),
    "a socket that is taken": Place(prepare=with_its_socket_taken, runs=deep_runs, why="Is a directory"),
    "no place for its socket": Place(prepare=with_a_runtime_folder_of_all, runs=deep_runs, why="must be a folder of"),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """That every user can see, but only its owner change."""
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def bare_losses() -> list[str]:
    """This also imports what torch imports with a first step, which another user may not be able to read."""
    import_module("tinygpt_tui.engine.training.loop_probe")
    return train(lambda model, optimizer: None, None)


@pytest.mark.parametrize("name", PLACES)
def test_a_bad_place_is_one_warning_and_the_losses_keep_their_bits(
    name: str, folder: Path, bare_losses: list[str]
) -> None:
    place = PLACES[name]
    child = Child(partial(place.prepare, folder), place.runs(folder), place.halfway)
    losses, warned = child.came_to()
    assert losses == bare_losses
    assert len(warned) == 1 and re.match(f"tinygpt-tui: the run is not recorded.*{place.why}", warned[0]), warned


def test_loops_of_one_name_that_start_at_once_are_two_runs(folder: Path, bare_losses: list[str]) -> None:
    start_at = time.time() + 0.1
    children = [
        Child(lambda: time.sleep(max(start_at - time.time(), 0)), folder, nothing, lasts=False) for _ in range(2)
    ]
    assert [child.came_to() for child in children] == [(bare_losses, [])] * 2
    assert sorted(run.name for run in folder.iterdir()) == ["loop-1", "loop-2"]
    for run in folder.iterdir():
        assert len([event for event in all_events(run) if isinstance(event, StepFinished)]) == len(bare_losses)
