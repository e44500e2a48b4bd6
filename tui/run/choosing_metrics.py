"""Which metrics a person wants to see: asked for in a dialog, and remembered for the folder of the log."""

from collections.abc import Mapping

from textual.widget import Widget

from ..dialogs.prompt import Field, Prompt, Texts
from ..panels.grid import RunPanels
from ..panels.metrics import MetricsPanel
from ..settings import Remember, Settings
from ..view.metric_choice import MetricChoice
from ..view.run_view import RunView

_MOST_FOLDERS = 50


def metric_choice(settings: Settings, view: RunView) -> MetricChoice:
    """The one that is remembered; patterns that mean nothing any more are no error."""
    folder = _folder(view)
    try:
        return MetricChoice(shown=settings.metrics_shown.get(folder, ""), first=settings.metrics_first.get(folder, ""))
    except ValueError:
        return MetricChoice()


async def choose_metrics(screen: Widget, panels: RunPanels, settings: Settings, view: RunView) -> None:
    panel = panels.panel(MetricsPanel)
    now = panel.choice
    fields = (
        Field(name="shown", label="Show", value=now.shown, hint="all; such as  eval/* loss /^gpu.[01]/"),
        Field(name="first", label="First", value=now.first, hint="in the file's order"),
    )
    wanted = await screen.app.push_screen_wait(Prompt("Metrics", fields, _read))
    if wanted is None:
        return
    panel.choice = wanted
    if folder := _folder(view):
        screen.post_message(
            Remember(
                metrics_shown=_with(settings.metrics_shown, folder, wanted.shown),
                metrics_first=_with(settings.metrics_first, folder, wanted.first),
            )
        )


def _read(texts: Texts) -> MetricChoice:
    return MetricChoice(shown=texts["shown"].strip(), first=texts["first"].strip())


def _folder(view: RunView) -> str:
    return view.log.folder if view.log else ""


def _with(remembered: Mapping[str, str], folder: str, patterns: str) -> dict[str, str]:
    """The folder last, and the oldest folders forgotten."""
    others = {name: value for name, value in remembered.items() if name != folder}
    kept = dict([*others.items()][-_MOST_FOLDERS + 1 :])
    return kept | ({folder: patterns} if patterns else {})
