"""The layers over time: where in the model the learning happens, and where it does not."""

import numpy as np
from textual.reactive import var

from ...engine.healthy import HEALTHY, LAYER_SPREAD, STANDING_STILL, THROWN_ABOUT
from ..plots.canvas import Canvas
from ..plots.heatmap import Heat, Quantity, draw_heat, gutter
from ..view.figures import cursor, markers
from ..view.plot_titles import TitlePiece, layers_reading, legend_reading
from ..view.run_view import RunView
from .plot_panel import PlotPanel


class LayersPanel(PlotPanel):
    NAME = "layers"
    TITLE = "Layers"
    HEIGHT = "3fr"
    INTERVAL = 1.0
    UNAFFECTED_BY = frozenset({"smoothing", "perplexity"})
    EXPLANATION = (
        "Every layer has a row, or more where there is room, from the embeddings at the top to the output; time goes "
        "from left to right. The brighter and the denser a cell, the larger the value; the scale below is logarithmic. "
        "✕ (x) is a value that was not a number.\n\n"
        "The update ratio is how far one step moves a layer's weights, relative to their size: healthy is "
        f"{HEALTHY['update_ratio'].words}; above {THROWN_ABOUT:g} a layer is being thrown about, below "
        f"{STANDING_STILL:g} it stands still. The gradient norm says how much of the error reaches a layer. Healthy is "
        f"layers within a factor of {LAYER_SPREAD:g} of each other that fade together as the learning rate decays; "
        "embeddings and head may differ, as the head of tied embeddings is a norm alone. A dark row is a layer that "
        "does not learn; rows that get darker from the head up to the embeddings are a vanishing gradient."
    )

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None or bool(view.layers.items)

    quantity: var[Quantity] = var("update_ratio")

    def watch_quantity(self) -> None:
        self.redraw()

    def toggle_quantity(self) -> None:
        self.quantity = "grad_norm" if self.quantity == "update_ratio" else "update_ratio"

    def draw(self, view: RunView, width: int, height: int) -> Canvas:
        heat, at = self._heat(view), cursor(view, self.viewport)
        return draw_heat(
            heat,
            self.scale_of(view),
            width,
            height,
            markers=markers(view, self.viewport),
            cursor=at,
            ascii_only=self.ascii,
        )

    def left_of(self, view: RunView, width: int) -> int:
        return gutter(self._heat(view), width)

    def title_of(self, view: RunView) -> list[TitlePiece]:
        heat, at = self._heat(view), cursor(view, self.viewport)
        return layers_reading(heat, heat.at(self.scale_of(view).high if at is None else at), self.quantity)

    def subtitle_of(self, view: RunView) -> list[TitlePiece]:
        return legend_reading(self._heat(view), ascii_only=self.ascii)

    def _heat(self, view: RunView) -> Heat:
        layers = view.layers.items
        steps = np.array([layer.step for layer in layers], "f8")
        return Heat.of(layers, view.curves.x_of(steps, self.viewport.x_axis), self.quantity)
