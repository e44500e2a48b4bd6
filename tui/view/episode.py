"""A finding from when it opened to when the run had recovered, with what is seen of it by now."""

from typing import NamedTuple, Self

from msgspec import structs

from ...engine.events import FindingClosed, FindingOpened, FindingUpdated


class Episode(NamedTuple):
    finding: FindingOpened
    """With its latest evidence."""
    closed: int | None
    """The step at which the run had recovered."""
    opened: FindingOpened
    """With the evidence of its own step."""
    updated: int = 0
    """The step of the latest evidence."""

    @property
    def is_open_failure(self) -> bool:
        return self.closed is None and self.finding.severity == "failure"

    def up_to(self, step: int) -> Self:
        """What a run that goes on after a step has of it."""
        is_over = self.closed is not None and self.closed <= step
        finding = self.finding if self.updated <= step else self.opened
        return self._replace(finding=finding, closed=self.closed if is_over else None)

    def after(self, event: FindingUpdated | FindingClosed) -> Self:
        if event.id != self.finding.id:
            return self
        if isinstance(event, FindingClosed):
            return self._replace(closed=event.step)
        return self._replace(finding=structs.replace(self.finding, evidence=event.evidence), updated=event.step)
