"""The page of textual-serve, made so that the keyboard works at once and no other site is asked for anything."""

import re

_OF_OTHERS = re.compile(r"<link\b[^>]*https?://fonts\.googleapis\.com[^>]*>")
_FONT = """<style>
@font-face { font-family: "Roboto Mono"; src: url("static/fonts/RobotoMono-VariableFont_wght.ttf"); }
</style>"""
_KEYBOARD = """<script>
new MutationObserver((_, observer) => {
  const keyboard = document.querySelector(".xterm-helper-textarea");
  if (keyboard && document.body.classList.contains("-first-byte")) {
    observer.disconnect();
    keyboard.focus();
  }
}).observe(document, {attributes: true, childList: true, subtree: true});
</script>"""
"""The terminal has the focus with its first output; by itself it has none before a click."""


def served_page(html: str) -> str:
    """The font is the one that textual-serve brings along, in place of a link to the same one elsewhere."""
    return _OF_OTHERS.sub(_FONT, html).replace("</head>", f"{_KEYBOARD}</head>", 1)
