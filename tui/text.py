"""Text from outside, made harmless for a terminal: what would control it becomes visible."""

_NEWLINE_AND_TAB = "\n\t"
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Marks that reorder the text around them, so that what is read is not what is there (CVE-2021-42574)."""
_INVISIBLE = "\u200b\u2028\u2029\u2060\ufeff"

_symbols = {code: chr(0x2400 + code) for code in range(0x20)}
_symbols[0x7F] = "␡"
_symbols |= {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
_symbols |= {ord(mark): f"\\u{ord(mark):04x}" for mark in _BIDI + _INVISIBLE}
# a lone surrogate, as in a file name that is not UTF-8, cannot be written to a terminal at all
_symbols |= {code: f"\\x{code & 0xFF:02x}" if 0xDC80 <= code <= 0xDCFF else "�" for code in range(0xD800, 0xE000)}
_symbols_in_lines = {code: symbol for code, symbol in _symbols.items() if chr(code) not in _NEWLINE_AND_TAB}


_json_escapes = {code: f"\\u{code:04x}" for code in _symbols if code >= 0x7F}


def visible(text: str, *, keep_lines: bool = False) -> str:
    """The text with control characters as symbols (␛, ␊) or escapes (\\x9b); `keep_lines` spares \\n and \\t."""
    return text.translate(_symbols_in_lines if keep_lines else _symbols)


def visible_json(line: str) -> str:
    """A line of JSON in which what would control a terminal is escaped as \\uXXXX; a parser reads the same from it."""
    return line.translate(_json_escapes)
