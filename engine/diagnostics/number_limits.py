"""Rules of hindsight for numbers at the limits of their precision: too large, too small, or none any more."""

from .whole_log import Verdict, Whole, seen_as

IDENTICAL = 1e-4
"""Share of a limit by which a loss differs from it at most."""
NO_PROBABILITY = 87.3365
"""-ln of 1.18e-38, the smallest normal number of single precision."""
BOUNDLESS = 1e30
"""Single precision ends at 3.4e38, and its squares are infinite long before: no model works at such a loss."""
OFTEN = 0.15
"""Share of the rows in which an overflow is no mere search for the loss scale: that needs one step in some thousand."""


def boundless(whole: Whole) -> Verdict | None:
    """The loss has grown to the edge of what single precision holds, to either side, be it before these rows."""
    last = whole.means[-1] if whole.means else 0.0
    if abs(last) < BOUNDLESS:
        return None
    seen = f"loss {last:.3g} at step {whole.run.step}, near the largest float32, 3.4e38"
    return seen_as("divergence", whole.ends[-1], "failure", seen)


def saturated(whole: Whole) -> Verdict | None:
    """The loss is that of a probability of 0, as single precision and Caffe have it.

    Where it was far lower before, the run has diverged to it; else it never left it.
    """
    means = whole.means
    if not means or abs(means[-1] - NO_PROBABILITY) > IDENTICAL * NO_PROBABILITY:
        return None
    seen = f"loss {means[-1]:.4g} is -ln of the smallest float32: the target has a probability of 0, and no gradient"
    has_diverged = min(means) < NO_PROBABILITY / 2
    return seen_as("divergence" if has_diverged else "stall", whole.ends[-1], "failure", seen)


def overflowing(whole: Whole) -> Verdict | None:
    """The loss scale of mixed precision has been halved to below 1, as it is where every step overflows."""
    first, last = whole.loss_scales or (1.0, 1.0)
    if not last < 1 < first:
        return None
    seen = f"the loss scale fell from {first:.3g} to {last:.3g} at step {whole.run.step}: all steps are skipped"
    return seen_as("stall", whole.run.first_step, "failure", seen)


def skipping(whole: Whole) -> Verdict | None:
    """In many rows, and not only in the first ones, the gradient is no number, though the loss is one."""
    run = whole.run
    is_often = run.bad_norms >= max(2, OFTEN * (run.rows + 1))
    if not is_often or run.last_bad_norm <= whole.ends[len(whole.ends) // 4] or whole.loss_scales:
        return None
    seen = f"grad_norm is NaN or infinite in {run.bad_norms} of {run.rows} rows, the last time at step"
    return seen_as("nan", run.first_step, "warning", f"{seen} {run.last_bad_norm}, beside a finite loss")
