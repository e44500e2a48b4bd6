"""A diagnosed run as a document: one HTML page that needs nothing else, or Markdown for an issue or a pull request."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from ..diagnostics.report import Finding, by_importance, verdict_of
from ..events import json_number
from .run_series import RunSeries, Series
from .svg_chart import svg_chart

_POINTS = 2000
"""Most points of a series on a page."""
_TONES = {"failing": "failure", "needs attention": "warning", "recovered": "warning", "no alarm": "good"}
"""The page's classes for verdicts."""
_SAMPLES = 3
"""The last ones are shown."""


def html_report(runs: Sequence[RunSeries]) -> bytes:
    """Verdict, curves, findings, changes, settings and samples; no part of it is fetched from elsewhere."""
    page = Template(files("tinygpt_tui.engine.export").joinpath("report.html").read_text(encoding="utf-8"))
    title = ", ".join(run.title or run.name for run in runs)
    body = "\n".join([*_verdicts(runs), f'<div id="charts">{svg_chart(runs)}</div>', *_details(runs)])
    # "</script>" within a string would end the element that holds it
    data = json.dumps([_data(run) for run in runs], allow_nan=False).replace("<", "\\u003c")
    return page.substitute(title=_text(title), body=body, data=data).encode()


def markdown_report(runs: Sequence[RunSeries], plots: Sequence[str]) -> bytes:
    """`plots` are drawn in characters, one for each run."""
    lines: list[str] = []
    for run, plot in zip(runs, plots, strict=True):
        lines += [
            f"## {_plain(run.title or run.name)}",
            "",
            f"**{_verdict(run)}**",
            "",
            "```text",
            plot.rstrip(),
            "```",
            "",
        ]
        for finding in by_importance(run.report.findings):
            lines += [f"- **{_plain(finding.title or finding.kind)}** ({finding.severity}) {_extent(finding)}"]
            lines += [f"  - seen: {_plain(finding.evidence)}"]
            lines += [f"  - why: {_plain(cause)}" for cause in finding.causes[:3]]
            lines += [f"  - next: {_plain(fix.title)}" for fix in finding.fixes[:3]]
        lines += [""]
    return "\n".join(lines).encode()


def _verdict(run: RunSeries) -> str:
    """With the most important open finding, if there is one."""
    alarms = [each for each in run.report.findings if each.closed is None and each.severity != "info"]
    words = verdict_of(run.report.findings)
    return f"{words}: {worst.title or worst.kind}" if (worst := next(iter(by_importance(alarms)), None)) else words


def _extent(finding: Finding) -> str:
    ended = f", over at step {finding.closed}" if finding.closed is not None else ""
    return f"since step {finding.onset}, known at step {finding.detected}{ended}"


def _plain(text: str) -> str:
    """Text from outside as one line of Markdown without markup."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|!" else letter for letter in text)


def _verdicts(runs: Sequence[RunSeries]) -> Iterator[str]:
    for run in runs:
        tone = _TONES[verdict_of(run.report.findings)]
        name = f"{_text(run.name)}: " if len(runs) > 1 else ""
        yield f'<p class="verdict {tone}">{name}{_text(_verdict(run))}</p>'
        losses = [(name, run.series[name]) for name in ("loss", "val_loss") if name in run.series]
        latest = ", ".join(f"{name} {series.values[-1]:.4g}" for name, series in losses)
        yield f'<p class="small">{run.report.rows} rows; last {latest or "values unknown"}</p>'


def _details(runs: Sequence[RunSeries]) -> Iterator[str]:
    for run in runs:
        head = f" of {_text(run.name)}" if len(runs) > 1 else ""
        yield f"<h2>Findings{head}</h2>" if run.report.findings else f"<h2>No findings{head}</h2>"
        for finding in by_importance(run.report.findings):
            yield from _finding(finding)
        yield "".join(f'<p class="small">Blind to {_text(reason)}.</p>' for reason in run.report.blind)
        if run.changes:
            yield f"<h2>Live changes{head}</h2>" + _table((str(step), what) for step, what in run.changes)
        if run.settings:
            yield f"<h2>Settings{head}</h2>" + _table((name, str(value)) for name, value in run.settings.items())
        for step, text in run.samples[-_SAMPLES:]:
            yield f"<h2>Sample at step {step}{head}</h2><pre>{_text(text)}</pre>"


def _finding(finding: Finding) -> Iterator[str]:
    yield f'<div class="finding {finding.severity}"><strong>{_text(finding.title or finding.kind)}</strong>'
    yield f" ({finding.severity}) {_text(_extent(finding))}<dl><dt>Seen</dt><dd>{_text(finding.evidence)}</dd>"
    yield "".join(f"<dt>Why</dt><dd>{_text(cause)}</dd>" for cause in finding.causes[:3])
    for fix in finding.fixes[:3]:
        changes = ", ".join(f"{key} = {value}" for key, value in fix.changes.items())
        yield f"<dt>Next</dt><dd>{_text(fix.title)}{f' <code>{_text(changes)}</code>' if changes else ''}</dd>"
    if finding.confidence is not None:
        yield f"<dt>Sure</dt><dd>{finding.confidence:.0%} of such findings were right when measured</dd>"
    yield "</dl></div>"


def _table(rows: Iterator[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><th>{_text(a)}</th><td>{_text(b)}</td></tr>" for a, b in rows) + "</table>"


def _text(text: str) -> str:
    """Text from outside as text of a page: without markup and control characters."""
    return escape("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text))


def _data(run: RunSeries) -> dict[str, object]:
    marks = [(finding.onset, finding.title) for finding in run.report.findings if finding.severity != "info"]
    series = {name: _points(run.series[name].reduced(_POINTS)) for name in run.metrics}
    return {"name": run.name, "marks": marks, "series": series}


def _points(series: Series) -> dict[str, list[object]]:
    return {
        "steps": series.steps.tolist(),
        "values": [json_number(float(f"{value:.6g}")) for value in series.values.tolist()],
    }
