"""The command `serve`: the screens in a browser."""

from __future__ import annotations

import click

from .options import PROGRAM

_LOOPBACK = "127.0.0.1"
_SHORTEST = 16
"""Characters of a token: one that can be guessed is none."""


@click.command("serve", context_settings={"allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND]...")
@click.option("--host", default=_LOOPBACK, show_default=True, help="Another address needs --token.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--token", default=None, envvar="TINYGPT_TUI_TOKEN", help="Asked for before anything is shown.")
@click.option("--url", default=None, help="As browsers reach it; http://HOST:PORT without.")
def serve_screens(arguments: tuple[str, ...], host: str, port: int, token: str | None, url: str | None) -> int:
    """Show the screens in a browser, each visitor with screens of their own.

    \b
    tinygpt-tui serve                              the list of presets and runs
    tinygpt-tui serve watch runs/                  what another command shows; options of serve come first
    ssh -L 8000:127.0.0.1:8000 MACHINE             from elsewhere, without another address

    Whoever reaches it can do what you can do on the screen. It answers on this machine alone; with --host and --token
    it answers elsewhere, to browsers that open http://HOST:PORT/?token=TOKEN. The connection is not encrypted.

    Needs `pip install 'tinygpt-tui[serve]'`.
    """
    if host not in (_LOOPBACK, "::1", "localhost") and not token:
        raise click.UsageError(f"--host {host}: anyone who reaches it could use the screens; give a --token")
    if host in ("0.0.0.0", "::") and not url:
        raise click.UsageError(
            f"--host {host}: name with --url the address that browsers open, such as http://NAME:{port}"
        )
    if token and (len(token) < _SHORTEST or not token.isascii()):
        raise click.UsageError(f"--token: must have at least {_SHORTEST} characters, all of them ASCII")
    try:
        from .browser_server import BrowserServer
    except ImportError as error:
        if (error.name or "").startswith("tinygpt_tui"):
            raise
        message = f"serve needs textual-serve: pip install '{PROGRAM}[serve]' ({error})"
        raise click.UsageError(message) from None
    try:
        BrowserServer(arguments, host=host, port=port, token=token, url=url).serve()
    except OSError as error:
        raise click.UsageError(f"--host {host} --port {port}: cannot be served: {error.strerror or error}") from None
    return 0
