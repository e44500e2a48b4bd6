"""A plot whose lines plotext draws."""

from textual import work

from ..plots import plotext_curves
from .plot_panel import PlotPanel


class PlotextPanel(PlotPanel):
    def on_mount(self) -> None:
        super().on_mount()
        if not plotext_curves.is_loaded():
            self.call_after_refresh(self.load_plotext)

    @work(thread=True)
    def load_plotext(self) -> None:
        """After the first frame, which does not wait for it."""
        if plotext_curves.load_plotext():
            self.app.call_from_thread(self.redraw)
