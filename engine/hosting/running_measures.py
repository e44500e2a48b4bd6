"""What a run has measured so far, for the conditions of its lesson, in memory that does not grow with the run.

The same as `measured.first_step`, step by step.
"""

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from ..conditions import METRICS_TESTED, STEP_METRICS, Compares, Condition, Raises
from ..events import Evaluated, Event, FindingOpened, LayersMeasured, StepFinished
from ..measured import SCATTER_WINDOW, WINDOW, compared


@dataclass(slots=True)
class _Metric:
    """NaN before the first measurement."""

    latest: float = math.nan
    first: float = math.nan
    largest: float = math.nan
    smallest: float = math.nan
    total: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque[float](maxlen=WINDOW))
    differences: deque[float] = field(default_factory=lambda: deque[float](maxlen=SCATTER_WINDOW))
    """Of neighbouring steps."""

    def end_step(self) -> None:
        value = self.latest
        self.total += value
        if self.recent:
            self.differences.append(abs(value - self.recent[-1]))
        self.recent.append(value)
        if math.isnan(value):
            return
        self.first = value if math.isnan(self.first) else self.first
        self.largest = value if math.isnan(self.largest) else max(value, self.largest)
        self.smallest = value if math.isnan(self.smallest) else min(value, self.smallest)


class RunningMeasures:
    """Observes the events of a run; after `end_step` it is asked which conditions hold at that step."""

    def __init__(self) -> None:
        self._steps = 0
        self._metrics = {name: _Metric() for name in METRICS_TESTED}
        self._found: set[str] = set()

    def observe(self, event: Event) -> None:
        match event:
            case StepFinished():
                for name in STEP_METRICS:
                    value = getattr(event, name)
                    self._metrics[name].latest = math.nan if value is None else float(value)
            case Evaluated(val_loss=value):
                self._metrics["val_loss"].latest = value
            case LayersMeasured(max_attention_logit=value):
                self._metrics["max_attention_logit"].latest = value
            case FindingOpened(kind=kind):
                self._found.add(kind)
            case _:
                pass

    def end_step(self) -> None:
        """All that is measured at a step has been observed."""
        self._steps += 1
        for metric in self._metrics.values():
            metric.end_step()

    def knows(self, condition: Condition) -> bool:
        """Whether all that a condition asks for has been measured."""
        asked = [test.metric for test in condition if isinstance(test, Compares)]
        return not any(math.isnan(self._metrics[name].latest) for name in asked)

    def holds(self, condition: Condition) -> bool:
        return all(self._holds(test) for test in condition)

    def _holds(self, test: Raises | Compares) -> bool:
        if isinstance(test, Raises):
            return test.kind in self._found
        if test.at and float(test.at) != self._metrics["step"].latest:
            return False
        metric = self._metrics[test.metric]
        unit = {"peak": metric.largest, "start": metric.first}.get(test.unit, 1.0)
        value = np.array([self._reduced(metric, test.reduction)])
        return bool(compared(value, test.operator, test.number * unit, test.tolerance)[0])

    def _reduced(self, metric: _Metric, reduction: str) -> float:
        match reduction:
            case "max":
                return metric.largest
            case "min":
                return metric.smallest
            case "average":
                return metric.total / self._steps
            case "mean":
                return _mean(metric.recent)
            case "scatter":
                return _mean(metric.differences)
            case _:
                return metric.latest


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values) if values and all(map(math.isfinite, values)) else math.nan
