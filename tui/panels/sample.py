"""What the model writes, and how that has changed since its first step."""

from typing import ClassVar

from textual.content import Content
from textual.reactive import var

from ...engine.events import SampleGenerated
from ..formatting import setting
from ..text import visible
from ..view.run_view import RunView
from .text_panel import TextPanel


class SamplePanel(TextPanel):
    NAME = "sample"
    TITLE = "Sample"
    SHOWN_FROM = (72, 20)
    HEIGHT = "2fr"
    COLUMN_ORDER = 4
    GIVES_WAY = True
    EXPLANATION: ClassVar[str] = """\
What it shows: text that the model has written, byte by byte, after a prompt (underlined). Below it is the first \
sample of the run, from before it had learned anything. b goes back to earlier samples, n forward; g asks for one \
with a prompt of yours.

How to read it: control characters are shown as symbols such as ␀, bytes that are no text as �.

Healthy: noise at first; then common letters and spaces, then short words and indentation, then whole lines of \
plausible text. Endless repetition is usual at a low temperature, or a sign of a learning rate that was too high."""

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        return view.described is None or bool(view.samples.items)

    back: var[int] = var(0)
    """How many samples before the latest is shown."""

    def watch_back(self) -> None:
        if self.is_mounted:
            self.write()
            self.scroll_home(animate=False)

    def older(self) -> None:
        if self.view is not None:
            self.back = min(self.back + 1, max(len(self.view.samples.items) - 1, 0))

    def newer(self) -> None:
        self.back = max(self.back - 1, 0)

    @property
    def shown(self) -> SampleGenerated | None:
        return None if self.view is None else self._shown_of(self.view)

    def _shown_of(self, view: RunView) -> SampleGenerated | None:
        return view.samples.items[max(len(view.samples.items) - 1 - self.back, 0)] if view.samples.items else None

    @property
    def copied(self) -> str:
        shown = self.shown
        return self.text if shown is None else visible(shown.prompt + shown.text, keep_lines=True)

    def words(self, view: RunView) -> tuple[Content, Content]:
        shown = self._shown_of(view)
        if shown is None:
            every = view.described is None and view.config.instruments.sample_every
            when = "The first comes before the first step." if every else "g asks for one."
            return Content("Sample"), Content.styled(f"No text yet. {when}", "$foreground 60%")
        place = "" if self.back == 0 else f", {self.back} before the latest"
        parts = [_text(shown), _unusual(shown, view)]
        first = view.samples.items[0]
        if first is not shown:
            parts += [Content.styled(f"\n── at step {first.step} ──\n", "$foreground 60%"), _text(first).stylize("dim")]
        return Content(f"Sample at step {shown.step}{place}"), Content("").join(parts)


def _text(sample: SampleGenerated) -> Content:
    prompt, text = visible(sample.prompt, keep_lines=True), visible(sample.text, keep_lines=True)
    return Content.assemble((prompt, "bold underline"), text)


def _unusual(sample: SampleGenerated, view: RunView) -> Content:
    """How it was drawn, where that is not how the run usually does."""
    usual = view.config.instruments
    if view.described is not None or (sample.temperature, sample.top_k) == (usual.temperature, usual.top_k):
        return Content("")
    return Content.styled(f"\ntemperature {setting(sample.temperature)}, top-k {sample.top_k}", "$foreground 60%")
