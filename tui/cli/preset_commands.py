"""`tinygpt-tui presets`: what there is to train, whether it is sound, and a copy of one to start from."""

from __future__ import annotations

from pathlib import Path

import click

from ..text import visible
from .options import PROGRAM, PresetName


@click.group(invoke_without_command=True)
@click.pass_context
def presets(context: click.Context) -> int:
    """List the presets; show, check or copy one.

    Your own lie in a folder beside the settings, or where TINYGPT_TUI_PRESETS says.
    """
    if context.invoked_subcommand is None:
        from ...engine.presets import own_folder, read_presets
        from .preset_text import overview

        click.echo(overview(read_presets(own_folder())))
    return 0


@presets.command()
@click.argument("preset", type=PresetName(), metavar="PRESET|FILE.toml")
def show(preset: str) -> int:
    """Tell what a preset shows, what to watch, and what mends it."""
    from ...engine.presets import find_preset
    from .preset_text import description

    id, config = find_preset(preset)
    click.echo(description(id, config))
    return 0


@presets.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE...]")
def check(files: tuple[Path, ...]) -> int:
    """Say in a line each what is wrong with preset files: all there are, if none is named."""
    from ...engine.preset_check import faulty_files
    from ...engine.presets import own_folder

    count, complaints = faulty_files(files, own_folder())
    for line in complaints:
        click.echo(visible(line), err=True)
    if not complaints:
        click.echo(f"{count} preset{'' if count == 1 else 's'} checked, nothing wrong")
    return 2 if complaints else 0


@presets.command()
@click.argument("preset", type=PresetName())
@click.argument("name", required=False)
def copy(preset: str, name: str | None) -> int:
    """Copy a preset into your own folder, as `my-PRESET` or under another NAME, to change it there."""
    from ...engine.presets import copy_preset, own_folder

    path = copy_preset(preset, name or f"my-{preset}", own_folder())
    click.echo(f"{visible(str(path))}\nchange it, then `{PROGRAM} presets check` and `{PROGRAM} {visible(path.stem)}`")
    return 0
