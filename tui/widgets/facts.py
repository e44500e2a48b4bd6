"""A fact with its name, on one line of a preview."""

from textual.content import Content

_NAME = 10


def fact(name: str, text: str) -> Content:
    return Content.assemble((f"{name:<{_NAME}}", "$curve-plan"), (text, "$foreground"))
