"""Parts of a README that a command writes, between `<!-- name -->` and `<!-- end of name -->`."""


def part(text: str, name: str) -> str:
    """What stands between the two marks; ValueError if they are not there."""
    return _split(text, name)[1]


def replaced(text: str, name: str, content: str) -> str:
    """The text with something else between the two marks; ValueError if they are not there."""
    before, _, after = _split(text, name)
    return f"{before}\n{content.strip()}\n{after}"


def _split(text: str, name: str) -> tuple[str, str, str]:
    """Up to and with the first mark, between, from the second on."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    between, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"there must be a line {begin!r} and after it a line {end!r}")
    return before + begin, between, end + after
