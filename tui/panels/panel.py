"""What every panel of the run screen declares about itself; the grid, the keys and the help are derived from it."""

from typing import ClassVar, Literal

from ..view.run_view import RunView

Group = Literal["curves", "words"]


class Panel:
    """A mixin for widgets. A new panel sets NAME, TITLE and EXPLANATION and is added to `layout.PANELS`."""

    NAME: ClassVar[str] = ""
    """In settings files, action parameters and CSS ids."""
    OLD_NAME: ClassVar[str] = ""
    """What settings files of earlier versions call it."""
    TITLE: ClassVar[str] = ""
    EXPLANATION: ClassVar[str] = ""
    """What it shows, how to read it, and what healthy looks like."""
    KEY: ClassVar[str] = ""
    """A key for full screen; the first nine panels also have the number of their place."""
    GROUP: ClassVar[Group] = "words"
    """The column that it stands in."""
    SHOWN_FROM: ClassVar[tuple[int, int]] = (100, 30)
    """Columns and rows of the screen from which it is shown; on a smaller one it is a key away."""
    HEIGHT: ClassVar[str] = "1fr"
    """In its column, as CSS; a row of two has 3fr, and each of them all of it."""
    HALF_WIDTH: ClassVar[bool] = False
    """It shares a row with its neighbour, if that has half the width too."""
    COLUMN_ORDER: ClassVar[int] = 9
    """Its place in the column, the lowest at the top; equal ones stand in the order of PANELS."""
    GIVES_WAY: ClassVar[bool] = False
    """It is not shown beside a lesson, unless the screen is spacious."""

    ascii: bool = False
    """Draw neither braille nor box characters."""

    @classmethod
    def has_content(cls, view: RunView) -> bool:
        """Whether a run has anything of what it shows; a panel that has nothing is not there."""
        return True

    @property
    def heading(self) -> str:
        """The name of what is shown."""
        return self.TITLE

    @property
    def text(self) -> str:
        """What it shows, or of a plot what its title reads, as plain text."""
        raise NotImplementedError

    @property
    def copied(self) -> str:
        """What the copy key puts on the clipboard."""
        return self.text
