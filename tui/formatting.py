"""Numbers for people: few characters, steady widths, and never an exception for NaN or infinity."""

import math

UNKNOWN = "–"


def compact(value: float | None, digits: int = 3) -> str:
    """A measured value to `digits` significant digits, such as 3.31, 0.00025 or 1.2e-6."""
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e5:
        decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        return f"{value:.{decimals}f}"
    mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def known(value: float) -> float | None:
    """None for what has not been measured yet, which the curves keep as NaN."""
    return None if math.isnan(value) else value


def setting(value: float | None, digits: int = 6) -> str:
    """A value that a person chose, as short as it can be written."""
    if value is None:
        return UNKNOWN
    return compact(value) if not math.isfinite(value) else f"{value:.{digits}g}"


def counted(number: int, noun: str) -> str:
    """1 layer, 2 layers."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counted_threads(threads: int, processes: int = 1) -> str:
    """1 thread, 2 processes of 1 thread."""
    words = counted(threads, "thread")
    return words if processes == 1 else f"{processes} processes of {words}"


def count(value: float | None) -> str:
    """How many: 214, 61k, 1.2M."""
    if value is None or not math.isfinite(value) or abs(value) >= 1e15:
        return compact(value)
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}{unit}" if abs(value) < 10 * size else f"{value / size:.0f}{unit}"
    return f"{value:.0f}"


def duration(seconds: float | None) -> str:
    """0:12, 1:02:03 or 3d 4h."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    if seconds > 100 * 365 * 86_400:
        return "> 100 y"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24}d {hours % 24}h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_left(spent_s: float, done: float, of: float) -> str:
    """`0:12 left`, at the speed so far; `…` before anything is done."""
    return f"{duration(spent_s / done * max(of - done, 0))} left" if done > 0 else "…"


def megabytes(size: float | None) -> str:
    """Of bytes: 512 MB, 2 MB or 0.1 MB."""
    return UNKNOWN if size is None else f"{size / 1e6:.{0 if size >= 1e6 else 1}f} MB"


def file_size(size: float) -> str:
    """Of bytes: 12 MB or 340 kB."""
    return megabytes(size) if size >= 1e6 else f"{max(size, 0) / 1e3:.0f} kB"
