"""Every kind of finding, with all that belongs to it: to add one, write its detector and add an entry here.

A finding that lessons may name also needs its id in `finding_kinds.py`; tests/test_catalogue.py fails where an entry is
incomplete or that list differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import causes, data_causes, fixes, layer_causes, seam_causes, throughput
from .context import CauseRule, FixRule
from .detector import Detector
from .detectors.below_data import BelowData
from .detectors.best_passed import BestPassed
from .detectors.divergence import Divergence
from .detectors.exploding_gradients import ExplodingGradients
from .detectors.initial_loss import InitialLoss
from .detectors.non_finite import NonFinite
from .detectors.oscillation import Oscillation
from .detectors.overfitting import Overfitting
from .detectors.plateau import Plateau
from .detectors.seam import Seam
from .detectors.slow import Slow
from .detectors.spike import Spike
from .detectors.stall import Stall
from .detectors.throughput_drop import ThroughputDrop
from .detectors.vanishing_gradients import VanishingGradients
from .detectors.warmup_bump import WarmupBump

Shown = Literal["loss", "lr", "grad_norm", "layers", "throughput"]
"""What a screen has to draw for a finding to be seen: a metric, the layers by name, or the speed."""


@dataclass(frozen=True, kw_only=True)
class CatalogueEntry:
    detector: type[Detector]
    title: str
    is_remark: bool = False
    """Worth knowing, but nothing to act on: its severity is always "info"."""
    explained_by: frozenset[str] = frozenset()
    """Kinds that explain this one: while a finding of theirs is open, none of this kind is opened."""
    causes: tuple[CauseRule, ...] = ()
    fixes: tuple[FixRule, ...] = ()
    """In the order in which to try them."""
    shown: Shown
    look_for: str
    """What to look for there."""

    @property
    def kind(self) -> str:
        return self.detector.kind

    @property
    def help(self) -> str:
        return self.detector.__doc__ or ""


_ENTRIES = (
    CatalogueEntry(
        detector=NonFinite,
        title="Not a number",
        causes=causes.INSTABILITY_CAUSES,
        fixes=fixes.INSTABILITY_FIXES,
        shown="grad_norm",
        look_for="the gradient norm just before the first ✕",
    ),
    CatalogueEntry(
        detector=Seam,
        title="Resume with a jump",
        explained_by=frozenset({"divergence", "nan"}),
        causes=(seam_causes.schedule_restarted, seam_causes.state_lost),
        fixes=(seam_causes.restore_all,),
        shown="loss",
        look_for="the jump where the steps come again, and whether it heals",
    ),
    CatalogueEntry(
        detector=Divergence,
        title="Divergence",
        causes=causes.INSTABILITY_CAUSES,
        fixes=fixes.INSTABILITY_FIXES,
        shown="loss",
        look_for="how far the loss has left ln 259, the level of guessing",
    ),
    CatalogueEntry(
        detector=ExplodingGradients,
        title="Exploding gradients",
        causes=causes.INSTABILITY_CAUSES,
        fixes=fixes.INSTABILITY_FIXES,
        shown="grad_norm",
        look_for="the norm against the level of 10, and where clipping holds it",
    ),
    CatalogueEntry(
        detector=VanishingGradients,
        title="Vanishing gradients",
        causes=(
            causes.recent_change, layer_causes.fading_gradient, causes.no_gradient, layer_causes.dead_layers,
            causes.wrong_init, causes.lr_too_high,
            layer_causes.unstable_attention,
        ),
        fixes=(fixes.usual_init, fixes.lower_high_lr),
        shown="layers",
        look_for="which layers get next to no gradient",
    ),
    CatalogueEntry(
        detector=Spike,
        title="Loss spike",
        explained_by=frozenset({"divergence", "nan", "seam"}),
        causes=causes.INSTABILITY_CAUSES,
        fixes=fixes.INSTABILITY_FIXES,
        shown="grad_norm",
        look_for="whether the gradient leapt with the loss, or before it",
    ),
    CatalogueEntry(
        detector=Oscillation,
        title="Oscillating loss",
        explained_by=frozenset({"divergence", "nan"}),
        causes=(
            causes.recent_change, causes.lr_rose, causes.lr_too_high, causes.small_batch,
            layer_causes.unstable_attention,
        ),
        fixes=(fixes.lower_lr, fixes.more_accumulation),
        shown="loss",
        look_for="the width of the band around the mean: it is the swing",
    ),
    CatalogueEntry(
        detector=Stall,
        title="Loss not decreasing",
        explained_by=frozenset({"divergence", "slow", "vanishing_gradients", "oscillation"}),
        causes=(
            causes.recent_change, causes.zero_loss, layer_causes.fading_gradient, causes.no_gradient,
            layer_causes.dead_layers, causes.lr_too_low,
            causes.schedule_ended,
            causes.lr_too_high, data_causes.unpredictable_targets, causes.wrong_init, causes.clipped_too_hard,
            causes.model_too_small,
        ),
        fixes=(fixes.usual_init, fixes.lower_high_lr, fixes.raise_lr, fixes.clip_less),
        shown="layers",
        look_for="whether every layer still moves",
    ),
    CatalogueEntry(
        detector=Slow,
        title="Learning too slowly",
        explained_by=frozenset({"divergence", "stall", "vanishing_gradients"}),
        causes=(
            causes.recent_change, causes.lr_too_low, causes.schedule_ended, causes.plain_sgd, causes.long_warmup,
            causes.clipped_too_hard, layer_causes.dead_layers, causes.wrong_init,
        ),
        fixes=(fixes.raise_lr, fixes.clip_less),
        shown="lr",
        look_for="whether the rate is what you meant it to be",
    ),
    CatalogueEntry(
        detector=Overfitting,
        title="Overfitting",
        explained_by=frozenset({"vanishing_gradients"}),
        causes=(data_causes.little_data, causes.no_regularisation, causes.trained_too_long),
        fixes=(fixes.regularise, fixes.smaller_model, fixes.wait_for_better, fixes.stop_early),
        shown="loss",
        look_for="the gap between the mean and val_loss, the dots",
    ),
    CatalogueEntry(
        detector=InitialLoss,
        title="First loss is not ln V",
        is_remark=True,
        shown="loss",
        look_for="where the curve begins, against ln 259",
    ),
    CatalogueEntry(
        detector=WarmupBump,
        title="Bump at the start",
        is_remark=True,
        explained_by=frozenset({"divergence", "spike", "nan", "oscillation"}),
        shown="lr",
        look_for="where the rate ends its climb: there the bump is",
    ),
    CatalogueEntry(
        detector=Plateau,
        title="Plateau",
        is_remark=True,
        explained_by=frozenset({"stall", "slow", "divergence", "vanishing_gradients", "nan", "overfitting"}),
        shown="loss",
        look_for="the last stretch: how much did it gain?",
    ),
    CatalogueEntry(
        detector=BestPassed,
        title="Best val_loss passed",
        is_remark=True,
        explained_by=frozenset({"overfitting", "divergence", "nan", "stall", "vanishing_gradients"}),
        shown="loss",
        look_for="the lowest dot of val_loss, and those after it",
    ),
    CatalogueEntry(
        detector=BelowData,
        title="Loss below what the data allow",
        is_remark=True,
        shown="loss",
        look_for="val_loss, which no real progress would leave behind",
    ),
    CatalogueEntry(
        detector=ThroughputDrop,
        title="Slower than it could be",
        is_remark=True,
        causes=throughput.CAUSES,
        fixes=throughput.FIXES,
        shown="throughput",
        look_for="tokens a second, now and before",
    ),
)  # fmt: skip

CATALOGUE: Mapping[str, CatalogueEntry] = {entry.kind: entry for entry in _ENTRIES}
"""By kind; a row's detectors run in this order."""
