"""Conditions on what a run has measured, as a lesson writes them: when a sentence appears, and what proves it.

    loss > 50                      the loss of a step
    mean loss < 2.6                its mean over the last 20 steps; `average` is the mean of the run so far
    max grad_norm > 10             the largest so far, likewise `min`
    scatter loss > 0.5             by how much neighbours of the last 100 steps differ on the average
    lr < 0.99 peak                 against the largest so far; `start` is the first
    val_loss at end = 2.15 +- 0.1  at one step only, or at the last one
    finding divergence             the diagnosis has raised it
    step >= 100 and mean loss < 3  both

A condition holds for each row of a run; a sentence appears at the first row for which it does.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import get_args

from .finding_kinds import FindingKind
from .toml_tables import ConfigError

STEP_METRICS = ("step", "loss", "lr", "grad_norm", "param_norm", "update_ratio", "clipped")
"""Measured at every step."""
METRICS_TESTED = (*STEP_METRICS, "val_loss", "max_attention_logit")
"""The last two keep their value until they are measured again."""
_FORM = re.compile(
    r"(?:(?P<reduction>mean|average|max|min|scatter) )?(?P<metric>\w+)(?: at (?P<at>\d+|end))? "
    r"(?P<operator><=|>=|<|>|=) (?P<number>[-+.e\d]+)(?: \+- (?P<tolerance>[-+.e\d]+))?(?: (?P<unit>peak|start))?"
)


@dataclass(frozen=True, kw_only=True)
class Raises:
    """`finding KIND`."""

    kind: str


@dataclass(frozen=True, kw_only=True)
class Compares:
    """`METRIC OPERATOR NUMBER`, with what may stand around them."""

    metric: str
    operator: str
    number: float
    reduction: str = ""
    at: str = ""
    tolerance: float = 0.0
    unit: str = ""


Condition = tuple[Raises | Compares, ...]
"""All of them must hold."""


@cache
def parse_condition(text: str) -> Condition:
    """ConfigError where it is none; the message names the part and the forms that there are."""
    return tuple(_test(part.strip()) for part in text.split(" and "))


def _test(part: str) -> Raises | Compares:
    word, _, kind = part.partition(" ")
    if word == "finding":
        if kind not in get_args(FindingKind):
            raise ConfigError(f"{part!r}: there is no finding {kind!r}; they are {', '.join(get_args(FindingKind))}")
        return Raises(kind=kind)
    found = _FORM.fullmatch(part)
    if found is None:
        raise ConfigError(f"{part!r} is no condition; write such as 'mean loss < 2.6' or 'finding divergence'")
    if found["metric"] not in METRICS_TESTED:
        raise ConfigError(f"{part!r}: there is no metric {found['metric']!r}; they are {', '.join(METRICS_TESTED)}")
    if (found["operator"] == "=") != (found["tolerance"] is not None):
        raise ConfigError(f"{part!r}: '=' needs a tolerance, such as '= 2.15 +- 0.1', and only '=' has one")
    return Compares(
        metric=found["metric"],
        operator=found["operator"],
        number=_number(found["number"], part),
        reduction=found["reduction"] or "",
        at=found["at"] or "",
        tolerance=_number(found["tolerance"] or "0", part),
        unit=found["unit"] or "",
    )


def _number(text: str, part: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{part!r}: {text!r} is no number") from None
