"""Columns called `generator` and `discriminator` and no more: together the losses of a game, and alone anything."""

from collections.abc import Mapping

from .content import Content
from .names import is_bare_player, words_of


def no_players(found: Mapping[str, Content]) -> set[str]:
    """Those columns where one is alone, or holds whole numbers: these would be counts, as of parameters or machines."""
    bare = {name for name in found if is_bare_player(name)}
    playing = {words_of(name) for name in bare if found[name].integers < found[name].values}
    return bare if len(playing) < 2 else set()
