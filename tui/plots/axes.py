"""One axis of a plot: where a value lies on it, its round ticks, and how they are written in few characters."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .series import Floats

Unit = Literal["number", "whole", "seconds"]

_ROUND = (1.0, 2.0, 5.0, 10.0)
_ROUND_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_FARTHEST = 1e300
"""An axis that goes on beyond could not be computed with."""
_MOST_DECIMALS = 3
_FAR = 0.1
"""Of the distance between two ticks, by which a label may be off."""
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, kw_only=True)
class Scale:
    low: float
    high: float
    log: bool = False
    unit: Unit = "number"

    @classmethod
    def around(cls, low: float, high: float, *, log: bool = False, unit: Unit = "number") -> "Scale":
        """The nearest scale that can be drawn: never empty, and above zero if it is logarithmic."""
        low, high = max(low, -_FARTHEST), min(high, _FARTHEST)
        if log:
            high = high if high > 1 / _FARTHEST else 1.0
            low = max(low, 1 / _FARTHEST) if 0 < low <= high else high / 1e3
            return cls(low=low, high=high if high > low else low * 10, log=True, unit=unit)
        if not high - low > 1 / _FARTHEST:  # nothing, or too little to be parted into steps
            high = low + max(abs(low) * 1e-3, 1e-12)
        return cls(low=low, high=high, unit=unit)

    def position(self, values: Floats | float) -> Floats:
        """From 0 at the low end to 1 at the high end; NaN where a value has no place."""
        array = np.asarray(values, np.float64)
        if not self.log:
            return (array - self.low) / (self.high - self.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(array > 0, np.log(array), np.nan)
        return (logs - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def value(self, positions: Floats | float) -> Floats:
        array = np.asarray(positions, np.float64)
        if not self.log:
            return self.low + array * (self.high - self.low)
        return np.exp(math.log(self.low) + array * (math.log(self.high) - math.log(self.low)))

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most so many round values with their labels, but those that no short label tells from a neighbour."""
        if most < 1:
            return []
        if self.log and (powers := self._powers(most)):
            return [(value, label(value)) for value in powers]
        step = self._round_step(most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [i * step for i in range(first, last + 1)][:most]
        if self.unit == "seconds":
            return [(value, seconds_label(value)) for value in values]
        return [(value, text) for value in values if _stands_for(text := label(value, step), value, step)]

    def _powers(self, most: int) -> list[float]:
        """1, 10, 100; also 2 and 5 where there is room; nothing where too few lie on the axis."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for factors in ((1, 2, 5), (1,)):
            values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
            values = [value for value in values if self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)]
            if 1 < len(values) <= most:
                return values
        return values[:: math.ceil(len(values) / most)] if len(values) > most else []

    def _round_step(self, most: int) -> float:
        rough = (self.high - self.low) / most
        if self.unit == "seconds" and rough > 1:
            return next((float(step) for step in _ROUND_SECONDS if step >= rough), math.ceil(rough / 86_400) * 86_400)
        if self.unit == "whole":
            rough = max(rough, 1.0)
        power = 10.0 ** math.floor(math.log10(rough))
        return next(factor * power for factor in _ROUND if factor * power >= rough * (1 - 1e-9))


def label(value: float, step: float | None = None) -> str:
    """A value as an axis writes it: 0.5, 12, 1k, 2.5M, 1e-3; decimals enough to tell steps of `step` apart."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 0.00995:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    for unit, name in _LARGE:
        if size >= unit and (not step or step / unit > 0.9 * 10**-_MOST_DECIMALS):
            number = f"{value / unit:.{_decimals(value / unit, step and step / unit)}f}"
            return (number.rstrip("0").rstrip(".") if "." in number else number) + name
    return f"{value:.{_decimals(value, step)}f}"


def _stands_for(text: str, value: float, step: float) -> bool:
    """Whether a label is nearer to its value than to any between two ticks: 2.2e-4 is none for 0.0002249."""
    unit = next((unit for unit, name in _LARGE if text.endswith(name)), 1.0)
    return abs(float(text.rstrip("TGMk")) * unit - value) <= _FAR * step


def seconds_label(value: float) -> str:
    """0, 30s, 5m, 1:30h, 2d."""
    if value == 0:
        return "0"
    if value < 60:
        return f"{value:g}s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02}" if seconds else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}:{minutes:02}h" if minutes else f"{hours}h"
    return f"{hours / 24:.3g}d"


def _decimals(value: float, step: float | None) -> int:
    wanted = (
        -math.floor(math.log10(step) + 1e-9)
        if step
        else next(d for d in range(_MOST_DECIMALS + 1) if _exact(value, d) or d == _MOST_DECIMALS)
    )
    return min(max(wanted, 0), _MOST_DECIMALS)


def _exact(value: float, decimals: int) -> bool:
    return abs(round(value, decimals) - value) < 1e-6 * abs(value)
