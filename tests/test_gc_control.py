"""The collector of the screen passes when it is told to."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from tinygpt_tui.tui import gc_control


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


class Knot:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_redraw_leaves_behind_waits_for_the_sweep() -> None:
    gc_control.settle()
    left_behind = [weakref.ref(Knot()) for _ in range(2000)]
    assert all(knot() is not None for knot in left_behind)
    gc_control.sweep()
    assert all(knot() is None for knot in left_behind)


def test_the_collector_waits_while_the_program_starts() -> None:
    gc_control.hold()
    made = [weakref.ref(Knot()) for _ in range(20_000)]
    assert all(knot() is not None for knot in made)
    gc_control.release()
    assert gc.get_freeze_count() > 20_000


def test_what_is_there_when_it_settles_is_not_passed_over_again() -> None:
    gc_control.settle()
    assert gc.get_freeze_count() > 1000


class Clock:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def old_knot() -> weakref.ref[Knot]:
    """Of the oldest generation, which only a pass over everything looks at."""
    knot = Knot()
    gc.collect(0)
    gc.collect(1)
    found = weakref.ref(knot)
    del knot
    gc.collect(1)
    assert found() is not None
    return found


def young_passes(count: int) -> None:
    for _ in range(count):
        gc_control.sweep()


def test_the_pass_over_everything_waits_until_nobody_types() -> None:
    gc_control.settle()
    clock = Clock()
    passes = gc_control.FullPasses(clock)
    knot = old_knot()
    young_passes(30)
    clock.s += 10
    passes.typed()
    clock.s += 1
    passes.pass_when_quiet()
    assert knot() is not None
    clock.s += 2
    passes.pass_when_quiet()
    assert knot() is None


def test_there_is_no_pass_over_everything_while_little_has_happened() -> None:
    gc_control.settle()
    clock = Clock()
    passes = gc_control.FullPasses(clock)
    knot = old_knot()
    clock.s += 100
    passes.pass_when_quiet()
    assert knot() is not None


def test_who_types_without_end_does_not_fill_the_memory() -> None:
    gc_control.settle()
    passes = gc_control.FullPasses(Clock())
    knot = old_knot()
    young_passes(310)
    passes.typed()
    passes.pass_when_quiet()
    assert knot() is None


def test_who_opens_runs_without_end_does_not_fill_the_memory_either() -> None:
    passes = gc_control.FullPasses(Clock())
    knot = Knot()
    left = weakref.ref(knot)
    gc_control.release()
    del knot
    for _ in range(5):
        assert left() is not None
        passes.opened()
        passes.typed()
    assert left() is None


def test_a_run_that_was_left_is_collected_when_it_is_quiet_though_it_was_frozen() -> None:
    clock = Clock()
    passes = gc_control.FullPasses(clock)
    passes.opened()
    passes.opened()
    knot = Knot()
    left = weakref.ref(knot)
    gc_control.release()
    del knot
    passes.opened()
    passes.pass_when_quiet()
    assert left() is not None
    clock.s += 3
    passes.pass_when_quiet()
    assert left() is None
