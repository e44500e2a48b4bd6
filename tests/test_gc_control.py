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
