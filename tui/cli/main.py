"""The `tinygpt-tui` command: runs a command line, and turns an error into one line and an exit status."""

import os
import sys

import click

from .. import gc_control
from ..text import visible
from . import completion, streams
from .commands import command
from .options import PROGRAM

BAD_INPUT = 2
_FRAMES_PER_S = "120"
"""Twice as many as Textual's own: what a key has changed waits half as long. What comes by itself is drawn seldom."""


def main() -> None:
    gc_control.hold()
    os.environ.setdefault("TEXTUAL_FPS", _FRAMES_PER_S)  # which is read when Textual is imported
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """The exit status of a command line. A user's error is one line on stderr."""
    streams.prepare()
    if completion.COMPLETE_VARIABLE in os.environ:
        completion.complete_whole_words()
    try:
        status = command.main(arguments, PROGRAM, standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except BrokenPipeError:
        streams.give_up()
        return 0
    except (click.Abort, KeyboardInterrupt):
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT
    except click.ClickException as error:
        return _fail(" ".join(error.format_message().split()))
    except Exception as error:
        if not _is_for_people(error):
            raise
        return _fail("; ".join([_words(error), *getattr(error, "__notes__", ())]))


def _is_for_people(error: Exception) -> bool:
    from ...engine.client.run import ClientError
    from ...engine.config import ConfigError
    from ...engine.export.tables import ExportError
    from ...engine.readers.source import ReadError
    from ...engine.storage.run_folder import StoreError

    return isinstance(error, ConfigError | StoreError | ClientError | ReadError | ExportError | OSError)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename == streams.STDOUT:
        streams.give_up()
        return f"{streams.STDOUT} cannot be written: {error.strerror}"
    return str(error)


def _fail(message: str) -> int:
    click.echo(f"{PROGRAM}: {visible(message)}", err=True)
    return BAD_INPUT
