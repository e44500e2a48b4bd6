"""What every dialog has in common: keys that come in one burst may dismiss it twice, or before it is mounted."""

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType


class Dialog(ModalScreen[ScreenResultType]):
    """A modal screen that can be dismissed at any time, and whose later dismissals do nothing."""

    @property
    def is_open(self) -> bool:
        """False once it was dismissed, when its widgets may be gone, or were never made."""
        return self in self.app.screen_stack

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Textual takes the uppermost screen away, which is another one if this was dismissed already or is covered."""
        return super().dismiss(result) if self.is_active else AwaitComplete.nothing()
