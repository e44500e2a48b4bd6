"""Objects of JSON that stand in a text over several lines, as what is pasted of a trainer's file does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_BEGIN = re.compile(r"[\s\[\]},]*\{\s*")
_MEMBER = re.compile(r"\s*\"[^\"]{1,200}\"\s*:\s*[^{\[]{0,200}")
_END = re.compile(r"\s*\}[\s\],;]*")
_MOST_LINES = 300


@dataclass
class PrettyObjects:
    """Puts the members of an object in one line: its step may stand behind its loss, and belongs to it."""

    _open: list[str] = field(default_factory=list)

    def lines(self, line: str) -> Iterator[str]:
        """The lines that are complete with this one; lines of anything else come as they are."""
        if not self._open:
            if "{" in line and _BEGIN.fullmatch(line):
                self._open = [line]
            else:
                yield line
        elif _MEMBER.fullmatch(line) and len(self._open) < _MOST_LINES:
            self._open.append(line)
        elif "}" in line and _END.fullmatch(line):
            yield " ".join(map(str.strip, (*self._open, line)))
            self._open = []
        elif "{" in line and _BEGIN.fullmatch(line):  # `},{`
            yield " ".join(map(str.strip, self._open))
            self._open = [line]
        else:
            yield from self._open
            self._open = []
            yield line

    def finish(self) -> Iterator[str]:
        """What was cut off in the middle of an object."""
        if self._open:
            yield " ".join(map(str.strip, self._open))
            self._open = []
