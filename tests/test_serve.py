"""The screens in a browser: who may see them is checked first. Some tests run where textual-serve is installed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinygpt_tui.tui.cli.browser_page import served_page
from tinygpt_tui.tui.cli.main import run_command

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "192.0.2.1"], "give a --token"),
        (["--host", "0.0.0.0", "--token", TOKEN], "name with --url"),
        (["--token", "short"], "at least 16 characters"),
    ],
)
def test_another_address_is_not_served_to_everybody(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["serve", *options]) == 2
    assert words in capsys.readouterr().err


def test_without_the_extra_one_line_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "tinygpt_tui.tui.cli.browser_server", raising=False)
    assert run_command(["serve"]) == 2
    error = capsys.readouterr().err
    assert "pip install 'tinygpt-tui[serve]'" in error and error.count("\n") == 1


def test_nothing_of_it_is_imported_by_the_command_itself() -> None:
    code = "import sys; from tinygpt_tui.tui.cli.commands import command; print('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


async def answers(token: str | None, requests: list[tuple[str, dict[str, str]]]) -> list[int]:
    """The status of each request to a server of this token; a cookie that is set stays."""
    return [status for status, _ in await responses(token, requests)]


async def pages(requests: list[tuple[str, dict[str, str]]]) -> list[str]:
    return [text for _, text in await responses(None, requests)]


async def responses(token: str | None, requests: list[tuple[str, dict[str, str]]]) -> list[tuple[int, str]]:
    pytest.importorskip("textual_serve")
    client: Any = pytest.importorskip("aiohttp.test_utils")
    from aiohttp import CookieJar  # pyright: ignore[reportMissingImports]

    from tinygpt_tui.tui.cli.browser_server import BrowserServer

    server = BrowserServer(("--version",), host="127.0.0.1", port=8000, token=token, url=None)
    found: list[tuple[int, str]] = []
    async with client.TestClient(client.TestServer(await server._make_app()), cookie_jar=CookieJar(unsafe=True)) as c:
        for path, headers in requests:
            answer = await c.get(path, headers={"Host": "127.0.0.1:8000", **headers}, allow_redirects=False)
            found.append((answer.status, await answer.text()))
    return found


PAGE = """<html><head>
    <link
      rel="stylesheet"
      href="https://fonts.googleapis.com/css?family=Roboto%20Mono"
    /><script src="/static/js/textual.js"></script></head><body></body></html>"""


def test_the_page_asks_no_other_site_and_takes_keys_without_a_click() -> None:
    page = served_page(PAGE)
    assert "googleapis" not in page and "://" not in page
    assert 'url("static/fonts/RobotoMono-VariableFont_wght.ttf")' in page
    assert page.index("keyboard.focus()") < page.index("</head>") and "js/textual.js" in page


async def test_the_page_that_is_served_is_this_one() -> None:
    serve: Any = pytest.importorskip("textual_serve.server")
    template = (Path(serve.__file__).parent / "templates" / "app_index.html").read_text()
    assert "googleapis" in template and "</head>" in template
    (page,) = await pages([("/", {})])
    assert "googleapis" not in page and "keyboard.focus()" in page
    font = Path(serve.__file__).parent / "static" / "fonts" / "RobotoMono-VariableFont_wght.ttf"
    assert font.exists()


async def test_a_page_of_another_site_reaches_nothing() -> None:
    own, other = {"Origin": "http://localhost:8000"}, {"Origin": "http://evil.example"}
    requests = [("/", {}), ("/", own), ("/", other), ("/ws", other), ("/", {"Host": "evil.example:8000"})]
    assert await answers(None, requests) == [200, 200, 403, 403, 403]


async def test_the_token_is_asked_for_once_and_for_everything() -> None:
    paths = ["/", "/ws", "/static/js/textual.js", "/download/x", "/?token=0123456789abcdeX", f"/?token={TOKEN}", "/"]
    found = await answers(TOKEN, [(path, {}) for path in paths])
    assert found == [401, 401, 401, 401, 401, 303, 200]
    assert await answers(TOKEN, [("/", {"Cookie": "tinygpt_tui_token=é"})]) == [401]
