"""What a shell is to run so that it completes words: Click's scripts, mended where they lose what they were told."""

from click import Command
from click.shell_completion import get_completion_class

from .options import PROGRAM

_MENDS = {
    # no space follows a key, but its value
    "bash": ("COMPREPLY+=($value)", "COMPREPLY+=($value); [[ $value == *= ]] && compopt -o nospace"),
    # a line may be empty, as the word to complete is, and still counts
    "zsh": ("in ${response}", 'in "${response[@]}"'),
    # a description may have commas of its own
    "fish": ('string split ","', 'string split -m 1 ","'),
}


def completion_script(shell: str, command: Command) -> str:
    script = get_completion_class(shell)
    assert script is not None
    return script(command, {}, PROGRAM, "_TINYGPT_TUI_COMPLETE").source().replace(*_MENDS[shell])
