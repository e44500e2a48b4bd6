"""Which panel tells most about a run at this moment, and what to see there."""

from ...engine.events import FindingOpened
from ..arrangement import PanelName
from ..run_view import RunView

Place = tuple[PanelName, str]

OF_FINDING: dict[str, Place] = {
    "nan": ("gradient", "the gradient norm just before the first ✕"),
    "divergence": ("loss", "how far the loss has left ln 259, the level of guessing"),
    "spike": ("gradient", "whether the gradient leapt with the loss, or before it"),
    "stall": ("layers", "whether every layer still moves"),
    "slow": ("rate", "whether the rate is what you meant it to be"),
    "oscillation": ("loss", "the width of the band around the mean: it is the swing"),
    "overfitting": ("loss", "the gap between the mean and the line with dots, val_loss"),
    "exploding_gradients": ("gradient", "the norm against the level of 10, and where clipping holds it"),
    "vanishing_gradients": ("layers", "which layers get next to no gradient"),
    "initial_loss": ("loss", "where the curve begins, against ln 259"),
    "warmup_bump": ("rate", "where the rate ends its climb: there the bump is"),
    "plateau": ("loss", "the last stretch: how much did it gain?"),
    "best_passed": ("loss", "the lowest dot of val_loss, and those after it"),
    "below_data": ("loss", "val_loss, which no real progress would leave behind"),
    "throughput_drop": ("status", "tokens a second, now and before"),
}
_FRESH = 25
"""Steps for which a sample or an evaluation is news."""


def place_of(view: RunView, found: FindingOpened | None) -> Place:
    """`found` is the latest finding that is open."""
    if found is not None:
        return OF_FINDING.get(found.kind, ("diagnosis", "the evidence and its causes, the likeliest first"))
    if view.state == "ended":
        return "loss", "the whole curve: steep, slower, flat"
    if view.step <= view.settings.schedule.warmup_steps:
        return "rate", "the climb to the peak, and the plan that is dotted ahead"
    if view.samples and view.samples[-1].step > 0 and view.step - view.samples[-1].step < _FRESH:
        return "sample", "what it writes now; go back with b to what it wrote at first"
    if len(view.evaluations) and view.step - view.evaluations["step"][-1] < _FRESH:
        return "loss", "the new dot: does val_loss follow the mean?"
    return "gradient", "the norm: steady is healthy, above 10 or below 1e-6 is not"
