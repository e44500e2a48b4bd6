"""A chart of the loss as an SVG picture: axes, curves, the level of guessing, findings and a legend."""

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from .run_series import RunSeries, Series

WIDTH, HEIGHT = 900, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 40, 44
_POINTS = 1600
"""Most points of a curve: about two a pixel."""
_COLORS = ("#2f6fb0", "#d9822b", "#3a9a5c", "#a0459b", "#b03a3a", "#5a6b7b", "#8a6d1f", "#1f8a8a")
"""Of the runs; the training loss has it faint, its mean and val_loss in full."""
_LARGEST = 1e100
"""What lies beyond is not drawn: the axis would have no room for anything else."""
_ORDERS = 50.0
"""Highest over lowest value from which the axis is logarithmic."""


def svg_chart(runs: Sequence[RunSeries], *, metric: str = "loss", log_y: bool | None = None) -> str:
    """`log_y` None chooses by the span of the values."""
    drawn = [(run, name, run.series[name].reduced(_POINTS)) for run in runs for name in _names(run, metric)]
    values = np.concatenate([series.values for *_, series in drawn] or [np.empty(0)])
    values = values[np.abs(np.nan_to_num(values, nan=np.inf)) <= _LARGEST]
    steps = np.concatenate([series.steps for *_, series in drawn] or [np.zeros(1)])
    if log_y is None:
        log_y = len(values) > 0 and bool(values.min() > 0 and values.max() > _ORDERS * values.min())
    axes = _Axes(steps, values, log_y=log_y)
    title = ", ".join(run.title or run.name for run in runs)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" fill="#222">{_text(title)}: {_text(metric)}</text>',
        *axes.lines(),
    ]
    if metric == "loss" and len({run.chance_loss for run in runs}) == 1 and runs[0].chance_loss:
        parts += axes.level(runs[0].chance_loss, "guessing")
    for index, (run, name, series) in enumerate(drawn):
        color = _COLORS[runs.index(run) % len(_COLORS)]
        parts += axes.curve(series, color, is_val=name.startswith("val_"))
        parts += axes.legend(index, f"{run.name} {name}" if len(runs) > 1 else name, color, name.startswith("val_"))
    for run in runs:
        for finding in run.report.findings:
            if finding.severity != "info":
                parts += axes.mark(finding.onset, finding.title or finding.kind)
    return "\n".join([*parts, "</svg>", ""])


def _text(text: str) -> str:
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _names(run: RunSeries, metric: str) -> Iterator[str]:
    return (name for name in (metric, f"val_{metric}") if name in run.series)


class _Axes:
    def __init__(self, steps: np.ndarray, values: np.ndarray, *, log_y: bool) -> None:
        self._log = log_y
        values = values[values > 0] if log_y else values
        self._first = float(steps.min()) if len(steps) else 0.0
        self._last = max(float(steps.max()), self._first + 1) if len(steps) else 1.0
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        low, high = (math.log10(low), math.log10(high)) if log_y and len(values) else (low, high)
        margin = (high / 2 - low / 2) * 0.1 or max(abs(high) * 0.05, 0.05)
        self._low, self._high = low - margin, high + margin

    def x(self, step: float) -> float:
        return _LEFT + (step - self._first) / (self._last - self._first) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """NaN for what cannot be drawn."""
        if not abs(value) <= _LARGEST or (self._log and value <= 0):
            return math.nan
        place = math.log10(value) if self._log else value
        return HEIGHT - _BOTTOM - (place - self._low) / (self._high - self._low) * (HEIGHT - _TOP - _BOTTOM)

    def lines(self) -> Iterator[str]:
        for place in np.linspace(self._low, self._high, 6)[1:-1]:
            value = 10.0 ** float(place) if self._log else float(place)
            y = self.y(value)
            yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:.3g}</text>'
        for step in np.linspace(self._first, self._last, 6):
            text = f'<text x="{self.x(step):.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle" fill="#555">'
            yield f"{text}{step:.0f}</text>"
        foot = HEIGHT - _BOTTOM
        yield f'<path d="M{_LEFT} {_TOP}V{foot}H{WIDTH - _RIGHT}" fill="none" stroke="#999"/>'
        yield f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 8}" text-anchor="end" fill="#555">step</text>'

    def level(self, value: float, name: str) -> Iterator[str]:
        y = self.y(value)
        if _TOP <= y <= HEIGHT - _BOTTOM:
            yield f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#999" stroke-dasharray="4"/>'
            yield f'<text x="{WIDTH - _RIGHT - 4}" y="{y - 4:.1f}" text-anchor="end" fill="#777">{name}</text>'

    def curve(self, series: Series, color: str, *, is_val: bool) -> Iterator[str]:
        path, pen = [], "M"
        for step, value in zip(series.steps, series.values, strict=True):
            y = self.y(float(value))
            if math.isnan(y):
                pen = "M"  # a gap
                continue
            path.append(f"{pen}{self.x(float(step)):.1f} {y:.1f}")
            pen = "L"
        style = 'stroke-width="2" stroke-dasharray="6 3"' if is_val else 'stroke-width="1.2"'
        yield f'<path d="{"".join(path)}" fill="none" stroke="{color}" {style}/>'

    def legend(self, index: int, name: str, color: str, is_val: bool) -> Iterator[str]:
        y = _TOP + 8 + 16 * index
        dash = ' stroke-dasharray="6 3"' if is_val else ""
        yield f'<path d="M{WIDTH - 190} {y}h24" stroke="{color}" stroke-width="2"{dash}/>'
        yield f'<text x="{WIDTH - 160}" y="{y + 4}" fill="#333">{_text(name[:24])}</text>'

    def mark(self, step: int, name: str) -> Iterator[str]:
        x = min(max(self.x(step), _LEFT), WIDTH - _RIGHT)
        yield f'<path d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="#b03a3a" stroke-dasharray="2 3"/>'
        yield f'<text x="{x + 4:.1f}" y="{HEIGHT - _BOTTOM - 6}" fill="#b03a3a">{_text(name[:40])}</text>'
