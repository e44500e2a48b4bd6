"""What a chat, a forum or a build server adds to a log and to its lines."""

import re

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z?\s")
"""Put before every line by build servers and containers."""
_KAGGLE = re.compile(r"\d+\.\d+s\s+(?:\|\s+)?\d+\s+(?:\|\s+)?")
"""The time and the number that Kaggle's console puts before every line: `13129.7s | 202 | `, `41.5s  7  `."""
_BRACKETED = re.compile(r"\[([A-Za-z][\w ]{0,30})\](?::|(?=\s{1,10}[-+]?(?:\d|nan\b|inf\b)))")
"""`[epoch]: 3, [loss]: 2.5`, `[loss] 2.5`."""
_QUOTED = re.compile(r"'([A-Za-z][\w /.-]{0,30})\s?:?\s?'\s?,\s?(?=[-+\d.]|nan|inf)", re.IGNORECASE)
"""What Python 2 makes of `print("epoch:", 3, "loss:", 2.5)`: `('epoch:', 3, 'loss:', 2.5)`."""

PROSE = {
    "my", "your", "our", "we", "you", "this", "that", "which", "where", "when", "why", "how", "but", "until", "then",
    "got", "get", "getting", "goes", "going", "went", "become", "becomes", "became", "becoming", "drops", "dropped",
    "reaches", "reached", "starts", "started", "stays", "stuck", "about", "around", "approximately", "always", "still",
    "decreases", "decreased", "increases", "increased", "between", "does", "see",
}  # fmt: skip
"""Words of a sentence around a log: what it says of a loss counts only where no line of a trainer has one."""


def unpasted(line: str) -> str:
    """The line as the trainer printed it."""
    if line.startswith(">"):
        line = line.lstrip("> ")
    if "**" in line:
        line = line.replace("**", "")
    if "]:" in line or "] " in line:
        line = _BRACKETED.sub(r"\1:", line)
    if line.startswith("('"):
        line = _QUOTED.sub(r"\1: ", line)
    if line[:1].isdigit() and (console := _KAGGLE.match(line)):
        line = line[console.end() :]
    if line[10:11] == "T" and line[4:5] == "-":
        line = _STAMP.sub("", line, count=1)
    return line
