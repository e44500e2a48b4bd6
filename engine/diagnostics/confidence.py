"""How often a finding of each kind was right when it was measured: what was counted, and nothing else.

`make scoreboard` writes measured.json beside this module, from our own runs, and
measured_foreign.json, from other trainers' logs, those of few rows apart. A kind that was never found has no figure.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

MEASURED = Path(__file__).with_name("measured.json")
MEASURED_FOREIGN = Path(__file__).with_name("measured_foreign.json")
MOST_OF_FEW = 30
"""Rows up to which a log has few: detectors that need to know the noise have seen too little."""

Length = Literal["few", "many"]


def length_of(rows: int) -> Length:
    return "few" if rows <= MOST_OF_FEW else "many"


def confidence(kind: str) -> float | None:
    """Share of the findings of this kind that were right, with one wrong and one right one added (Laplace)."""
    return _share(_counts(MEASURED)["kinds"].get(kind))


def foreign_confidence(kind: str, rows: int) -> float | None:
    """The same on logs of other trainers that are about as long."""
    return _share(_counts(MEASURED_FOREIGN).get(length_of(rows), {}).get(kind))


def _share(counted: Mapping[str, int] | None) -> float | None:
    return None if counted is None else round((counted["right"] + 1) / (counted["right"] + counted["wrong"] + 2), 3)


@cache
def _counts(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())
