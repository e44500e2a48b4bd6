"""The phases of training are found in the shape of the curve, whatever its length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.tui.plots.series import Floats, Table
from tinygpt_tui.tui.view.phases import Phase, training_phases


def learning(length: int, pace: float, *, noise: float = 0.08, seed: int = 0) -> Floats:
    """A loss as a small model's: a steep fall within `pace` steps, a bend, and a long slow descent."""
    step = np.arange(1, length + 1)
    fall = 1.6 + 2.8 * np.exp(-step / pace) + 1.15 / (1 + step / (8 * pace))
    return fall + noise * np.random.default_rng(seed).standard_normal(length)


def phases_of(loss: Floats) -> tuple[Phase, ...]:
    return training_phases(Table.of(step="f8", loss="f8").extended({"step": np.arange(1, len(loss) + 1), "loss": loss}))


@given(st.sampled_from([30.0, 100.0, 300.0, 1000.0]), st.integers(0, 20))
def test_a_run_that_learns_goes_through_all_three_phases_at_its_own_pace(pace: float, seed: int) -> None:
    phases = phases_of(learning(int(40 * pace), pace, seed=seed))
    assert [phase.name for phase in phases] == ["memorization", "generalization", "refinement"]
    first, second, third = (phase.step for phase in phases)
    assert first == 1
    assert pace < second < 6 * pace
    assert second < third < 30 * pace


@given(st.integers(0, 20))
def test_a_boundary_once_found_stays_where_it_is(seed: int) -> None:
    loss = learning(4000, 100.0, seed=seed)
    whole = phases_of(loss)
    for length in (600, 1000, 2000, 3000):
        so_far = phases_of(loss[:length])
        assert so_far == whole[: len(so_far)]


def test_in_the_steep_fall_a_run_memorizes() -> None:
    assert [phase.name for phase in phases_of(learning(80, 60.0))] == ["memorization"]


@pytest.mark.parametrize(
    "loss",
    [
        np.full(1000, 5.55),
        5.55 + 0.1 * np.random.default_rng(0).standard_normal(1000),
        np.linspace(5.5, 9.0, 1000),
        np.full(1000, np.nan),
        np.array([5.5]),
        np.empty(0),
    ],
    ids=["flat", "noise", "rising", "no number", "one step", "nothing"],
)
def test_a_run_that_does_not_learn_has_no_phases(loss: Floats) -> None:
    assert phases_of(loss) == ()


def test_a_run_that_diverges_does_not_refine() -> None:
    loss = np.r_[learning(300, 30.0), np.linspace(2.5, 6.0, 1000)]
    assert "refinement" not in [phase.name for phase in phases_of(loss)]


def test_numbers_that_are_none_in_the_middle_do_not_matter() -> None:
    loss = learning(4000, 100.0)
    broken = loss.copy()
    broken[[50, 51, 700, 2000]] = np.nan
    assert [phase.name for phase in phases_of(broken)] == [phase.name for phase in phases_of(loss)]
