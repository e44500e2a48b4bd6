"""Every other number of a run that is not the tiny GPT: a small plot for each, as many as there is room for."""

import numpy as np
from textual.reactive import var

from ..plots.canvas import Canvas, ColorRole
from ..plots.draw import PlotArea
from ..text import visible
from ..view.metric_choice import MetricChoice
from ..view.metric_tiles import Tiling, draw_tiles, tile_metrics
from ..view.plot_titles import TitlePiece, viewport_reading
from ..view.run_view import RunView
from .plot_panel import PlotPanel


class MetricsPanel(PlotPanel):
    NAME = "metrics"
    TITLE = "Metrics"
    SHOWN_FROM = (72, 20)
    HEIGHT = "4fr"
    KEY = "M"
    INTERVAL = 0.6
    UNAFFECTED_BY = frozenset({"perplexity"})
    EXPLANATION = (
        "Every number of the log that has no panel of its own, a small plot each: the faint band is every value, the "
        "line its mean. They share the axis, the cursor and the window of the other plots.\n\n"
        "/ chooses which are shown, by words, globs such as eval/* or /regular expressions/, and which come first; the "
        "choice holds for the logs of this folder. , and . turn the pages.\n\n"
        "What is healthy depends on the metric; compare with a run of yours that went well."
    )

    choice: var[MetricChoice] = var(MetricChoice())
    page: var[int] = var(0)

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is not None and bool(tile_metrics(view))

    def watch_choice(self) -> None:
        self.page = 0
        self.redraw()

    def watch_page(self) -> None:
        self.redraw()

    def turn(self, pages: int) -> None:
        if self.view is not None:
            last = max(-(-len(self._chosen(self.view)) // self._tiling(self.view).tiles) - 1, 0)
            self.page = min(max(self.page + pages, 0), last)

    def _chosen(self, view: RunView) -> list[str]:
        return self.choice.chosen(tile_metrics(view))

    def _tiling(self, view: RunView) -> Tiling:
        return Tiling.of(self.size.width, self.size.height, len(self._chosen(view)))

    def _first(self, view: RunView) -> int:
        return self.page * self._tiling(view).tiles

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        names = self._chosen(view)[self._first(view) :]
        return draw_tiles(view, self.viewport, names, Canvas.blank(width, height), ascii_only=self.ascii)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        chosen, all_of_them = len(self._chosen(view)), len(tile_metrics(view))
        first, tiles = self._first(view), self._tiling(view).tiles
        place = f"{first + 1}-{min(first + tiles, chosen)} of {chosen}" if chosen > tiles else f"{chosen}"
        pieces = [TitlePiece(place, ColorRole.CURVE_AXIS)]
        if chosen < all_of_them:
            pieces.append(TitlePiece(f"({all_of_them} in all)", ColorRole.CURVE_AXIS))
        return pieces

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        filters = [visible(words) for words in (self.choice.shown, self.choice.first) if words]
        pieces = [TitlePiece("/ " + ", first ".join(filters), ColorRole.CURVE_AXIS)] if filters else []
        return [*pieces, *viewport_reading(self.viewport, smoothed=True, log_y=self.viewport.y_log)]

    def step_at(self, column: int) -> float | None:
        view = self.view
        if view is None or not len(view.curves):
            return None
        width = self._tiling(view).width
        left = PlotArea.of(width - 1, 1).left
        position = ((column - self.gutter.left) % width - left + 0.5) / max(width - 1 - left, 1)
        x = self.scale_of(view).value(np.array([min(max(position, 0.0), 1.0)]))
        return float(view.curves.steps_of(x, self.viewport.x_axis)[0])
