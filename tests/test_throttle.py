"""How often a run is drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.tui.throttle import LONGEST_S, SHARE, Throttle, pause_after


class Clocks:
    """One for the time and one for what the processor did; both stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 100.0
        self.processor = 3.0

    def pace(self, redraws_per_s: float) -> Throttle:
        return Throttle(1 / redraws_per_s, lambda: self.now, lambda: self.processor)

    def pass_by(self, seconds: float, *, computing: float) -> None:
        self.now += seconds
        self.processor += computing


@given(st.floats(0.0, 100.0), st.floats(0.2, 30.0))
def test_a_screen_that_costs_much_is_drawn_less_often_but_never_stands_still(
    cost_s: float, redraws_per_s: float
) -> None:
    pause_s = pause_after(cost_s, 1 / redraws_per_s)
    assert 1 / redraws_per_s <= pause_s <= max(1 / redraws_per_s, 1.0)
    assert pause_s == 1.0 or cost_s / pause_s <= SHARE + 1e-9 or redraws_per_s < 1.0


def test_the_first_redraw_and_one_that_is_overdue_are_at_once() -> None:
    clocks = Clocks()
    pace = clocks.pace(4.0)
    assert pace.wait_s() < 0.01
    pace.drawn(in_turn=False)
    assert pace.wait_s() == pytest.approx(0.25)
    clocks.pass_by(5.0, computing=0.0)
    assert pace.wait_s() < 0.01


def test_what_a_turn_costs_puts_off_the_next_and_what_cannot_wait_changes_nothing_of_it() -> None:
    clocks = Clocks()
    pace = clocks.pace(4.0)
    pace.drawn(in_turn=False)
    clocks.pass_by(0.25, computing=0.03)
    pace.drawn(in_turn=True)
    assert pace.wait_s() == pytest.approx(0.03 / SHARE)
    clocks.pass_by(0.1, computing=0.09)
    pace.drawn(in_turn=False)
    assert pace.wait_s() == pytest.approx(0.03 / SHARE)
    clocks.pass_by(0.6, computing=50.0)
    pace.drawn(in_turn=True)
    assert pace.wait_s() == pytest.approx(LONGEST_S)
