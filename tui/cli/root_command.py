"""The command itself, which takes the name of a preset where others take that of a subcommand."""

from __future__ import annotations

from typing import Any

import click

from .options import PresetName
from .suggestions import command_for_file, require_preset

SCREEN = "screen"
"""The subcommand that opens the screen; it is not typed."""


class CommandOrPreset(click.Group):
    """A first word that is no subcommand is a preset, or an option of the screen."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_for_group = args[:1] in (["--help"], ["-h"], ["--version"]) or (not args and ctx.resilient_parsing)
        if not is_for_group and args[:1] not in [[name] for name in self.commands]:
            instead = SCREEN
            if args and not args[0].startswith("-") and not ctx.resilient_parsing:
                instead = command_for_file(args[0]) or SCREEN
                if instead == SCREEN:
                    require_preset(args[0], args[1:], [name for name in self.commands if name != SCREEN])
            args = [instead, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        presets = PresetName().shell_complete(ctx, self.params[0], incomplete)
        return presets + super().shell_complete(ctx, incomplete)


class _ScreenContext(click.Context):
    @property
    def command_path(self) -> str:
        """As it is typed: help and errors do not name a subcommand that is not in the list."""
        return self.parent.command_path if self.parent else super().command_path


class ScreenCommand(click.Command):
    context_class = _ScreenContext
