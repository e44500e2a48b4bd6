"""The control's twin: the same run again, with weights that differ by about a rounding error.

A run that learns hardly notices such a difference. One that swings or diverges makes a large one of it, and then the
loss of another run is lower or higher for hundreds of steps without any reason. An interval that is computed within two
runs does not know of that.
"""

from ..config import LiveSettings
from ..storage.run_store import read_config
from .journal import read_journal
from .proof import Candidate, ProofPlan

TITLE = "the control again, with other rounding errors"
TRACE = 1e-6
"""By which an update makes weights smaller: single precision rounds them by 6e-8."""
MOST_DECAY = 1e-3
"""Weight decay that is added at most: where an lr is very low, more would be a change."""


def twin(plan: ProofPlan) -> Candidate:
    """Its settings at the start of the proof, and a trace more of weight decay."""
    changes = [change for change in read_journal(plan.parent).changes if change.step <= plan.start]
    settings = changes[-1].settings if changes else None
    settings = settings or LiveSettings.from_config(read_config(plan.parent))
    added = min(TRACE / max(settings.schedule.lr, TRACE), MOST_DECAY)
    return Candidate(TITLE, {"optimizer.weight_decay": settings.weight_decay + added})
