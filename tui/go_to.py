"""The request to go somewhere."""

from textual.message import Message

from .navigation import Place, RunDestination


class GoTo(Message):
    """To the app."""

    def __init__(self, where: RunDestination | Place) -> None:
        super().__init__()
        self.where = where
