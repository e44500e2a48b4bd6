"""How often a finding of each kind was right when it was measured: what the scoreboard counted, and nothing else.

`make scoreboard` writes measured.json beside this module; a kind that was never found has no figure.
"""

import json
from functools import cache
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.json")


def confidence(kind: str) -> float | None:
    """Share of the findings of this kind that were right, with one wrong and one right one added (Laplace)."""
    counted = _measured().get(kind)
    return None if counted is None else round((counted["right"] + 1) / (counted["right"] + counted["wrong"] + 2), 3)


@cache
def _measured() -> dict[str, dict[str, int]]:
    return json.loads(MEASURED.read_bytes())["kinds"]
