"""Completion of typed words in a shell: Click's scripts, corrected where they lose words."""

import os

from click import Command
from click.shell_completion import BashComplete, add_completion_class, get_completion_class, split_arg_string

from .options import PROGRAM

COMPLETE_VARIABLE = "_TINYGPT_TUI_COMPLETE"
"""Set by the scripts when they run the command to ask for completions."""

_CORRECTIONS = {
    "bash": (
        # bash splits a word at each =, so the whole line is passed as well, and only what follows the = is replaced
        ('COMP_WORDS="${COMP_WORDS[*]}"', 'COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDS="${COMP_WORDS[*]}"'),
        (
            "COMPREPLY+=($value)",
            '[[ $value == *=?* && $COMP_WORDBREAKS == *=* ]] && value="${value#*=}"; COMPREPLY+=($value); '
            # no space follows a key, but its value
            "[[ $value == *= ]] && compopt -o nospace",
        ),
    ),
    # a line may be empty, as the word to complete is, and still counts
    "zsh": (("in ${response}", 'in "${response[@]}"'),),
    # a description may have commas of its own
    "fish": (('string split ","', 'string split -m 1 ","'),),
}


def completion_script(shell: str, command: Command) -> str:
    script = get_completion_class(shell)
    assert script is not None
    text = script(command, {}, PROGRAM, COMPLETE_VARIABLE).source()
    for lost, kept in _CORRECTIONS[shell]:
        assert lost in text
        text = text.replace(lost, kept)
    return text


def complete_whole_words() -> None:
    """Makes Click complete `schedule.kind=co` in bash as one word."""
    add_completion_class(_WholeWords, "bash")


class _WholeWords(BashComplete):
    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        words = split_arg_string(line)
        if line[-1:].isspace():
            words.append("")
        return words[1:-1], words[-1]
