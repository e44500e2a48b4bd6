"""The screens in a browser, by textual-serve; who may see them is checked before anything else is done.

A page of any web site can open a connection to this machine from its visitor's browser. So what a browser asks for must
name this server as its host, and as the origin of the page that asks, with a token or without.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest
from urllib.parse import urlsplit

import click
from aiohttp import web  # pyright: ignore[reportMissingImports]
from textual_serve.server import Server  # pyright: ignore[reportMissingImports]

from ..own_command import OWN_COMMAND
from .browser_page import served_page

COOKIE = "tinygpt_tui_token"
_LOCAL = ("127.0.0.1", "localhost", "::1")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BrowserServer(Server):
    def __init__(self, arguments: Sequence[str], *, host: str, port: int, token: str | None, url: str | None) -> None:
        name = f"[{host}]" if ":" in host else host
        command = shlex.join([*OWN_COMMAND, *arguments])
        super().__init__(command, host=host, port=port, title="tinygpt-tui", public_url=url or f"http://{name}:{port}")
        self._token = token

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(_checked(self.public_url, self.port, self._token))
        return app

    async def handle_index(self, request: web.Request) -> web.Response:
        page = await super().handle_index(request)
        page.text = served_page(page.text)
        return page

    async def on_startup(self, app: web.Application) -> None:
        click.echo(
            f"the screens are at {self.public_url}/{'?token=…' if self._token else ''}; Ctrl-C ends it", err=True
        )

    def initialize_logging(self) -> None:
        """Requests are not logged: the token is part of the first one."""


def _checked(url: str, port: int, token: str | None) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    own = {urlsplit(url).netloc.lower()}
    if urlsplit(url).hostname in _LOCAL:
        own |= {f"{'[::1]' if name == '::1' else name}:{port}" for name in _LOCAL}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.lower() not in own or not _is_from(own, request.headers.get("Origin")):
            raise web.HTTPForbidden(text=f"this server answers at {url} alone\n")
        if token is None:
            return await handler(request)
        if _is_equal(request.query.get("token", ""), token):
            # the address without the token, so that it does not stay in the browser's history
            answer = web.HTTPSeeOther(request.path)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=url.startswith("https"))
            raise answer
        if not _is_equal(request.cookies.get(COOKIE, ""), token):
            raise web.HTTPUnauthorized(text="open it with ?token=TOKEN\n")
        return await handler(request)

    return check


def _is_equal(given: str, token: str) -> bool:
    return compare_digest(given.encode(errors="replace"), token.encode())


def _is_from(own: set[str], origin: str | None) -> bool:
    """Whether a page of this server asks; a client that is no browser names no origin."""
    return origin is None or urlsplit(origin).netloc.lower() in own
