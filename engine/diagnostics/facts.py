"""What is known of a run besides its numbers: everything of ours, next to nothing of a foreign log."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    steps: int | None = None
    """Of the whole run, where that is known in advance."""
    warmup_steps: int = 0
    """Steps that are known to be warm-up; where a log has the learning rate it shows without this."""
    chance: float | None = None
    """The loss of guessing evenly, ln of the vocabulary."""
    lr_is_high: bool = False
    """Whether the learning rate is known to be far above the usual one for this optimizer."""

    def has_used(self, share: float, step: int) -> bool:
        """Whether so much of the run is over; of a run whose length nobody knows, yes."""
        return self.steps is None or step >= share * self.steps
