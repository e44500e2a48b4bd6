"""When an entry was written, as text states it: a date and a time of day, as loggers and tables have them."""

import re
from datetime import UTC, datetime

_WRITTEN = re.compile(r"(?<!\d)(\d{4})[-/.](\d\d)[-/.](\d\d)[ T_](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?")
_FIRST_CHARACTERS = 60
"""Of a line, in which its time stands."""


def time_in(text: str) -> float | None:
    """Seconds since 1970, as if it were in UTC: only the time between two entries is ever looked at."""
    found = _WRITTEN.search(text, 0, _FIRST_CHARACTERS)
    if found is None:
        return None
    fraction = float(f"0.{found[7]}") if found[7] else 0.0
    try:
        return datetime(*map(int, found.groups()[:6]), tzinfo=UTC).timestamp() + fraction  # pyright: ignore[reportArgumentType]
    except ValueError:  # the 31st of June
        return None
