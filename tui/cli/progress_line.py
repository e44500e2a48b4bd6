"""One line that is redrawn while a command works, where standard error is a terminal."""

import sys

import click

_BEGIN = "\r\x1b[K"


def show_progress(words: str) -> None:
    if sys.stderr.isatty():
        click.echo(_BEGIN + words, nl=False, err=True)


def clear_progress() -> None:
    show_progress("")
