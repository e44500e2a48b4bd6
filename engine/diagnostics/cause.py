"""One cause of a finding, and what ranks it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .circumstances import Circumstances

SEEN, SET, COMMON = 3.0, 2.0, 1.0
"""The rank of a cause that a signal shows, that a setting makes likely, and that is merely common for this kind."""


@dataclass(frozen=True, slots=True)
class Cause:
    rank: float
    text: str
    """The cause, and after a colon the reason for its rank."""


Suspect = Callable[[Circumstances], Iterable[Cause]]
