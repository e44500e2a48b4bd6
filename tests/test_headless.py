"""Logs that are watched without a screen: alarms are posted once an episode, and a folder's logs are told apart."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tinygpt_tui.tui.cli import headless_folder
from tinygpt_tui.tui.cli.alarms import Wanted
from tinygpt_tui.tui.cli.headless_folder import HeadlessFolder
from tinygpt_tui.tui.cli.main import run_command

LONG_AGO = (1e9, 1e9)


def write_log(path: Path, *, nan_from: int = 1000, column: str = "loss") -> Path:
    rows = (f"{step},{3 - step / 100 if step < nan_from else 'nan'}" for step in range(1, 100))
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"step,{column}\n" + "\n".join(rows) + "\n")
    os.utime(path, LONG_AGO)
    return path


class Hook:
    """A web server of this machine that keeps what is posted to it."""

    def __init__(self) -> None:
        self.status = 200
        self.posted: list[tuple[str, str | None, dict[str, Any]]] = []
        hook = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(hook.status)
                if hook.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    hook = Hook()
    yield hook
    hook.close()


def watch(*arguments: str) -> int:
    return run_command(["watch", "--headless", "--until-end", *arguments])


def test_a_finding_is_posted_once_as_json_with_its_log_and_a_line_of_text(hook: Hook, tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.csv", nan_from=60)
    assert watch(str(log), "--on", "nan", "--webhook", hook.url) == 1
    ((path, kind, posted),) = hook.posted
    assert (path, kind) == ("/hook", "application/json")
    assert (posted["event"], posted["kind"], posted["onset"], posted["log"]) == ("finding", "nan", 60, str(log))
    assert posted["text"].startswith(f"{log}: failure: ") and "since step 60" in posted["text"]


@pytest.mark.parametrize(("kinds", "posts"), [("warning", 1), ("failure", 1), ("plateau", 0)])
def test_only_findings_of_the_kinds_that_were_asked_for_are_posted(
    kinds: str, posts: int, hook: Hook, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "a.csv", nan_from=60)
    assert watch(str(log), "--on", kinds, "--webhook", hook.url) == posts
    assert len(hook.posted) == posts


@pytest.mark.parametrize(
    ("status", "why"), [(500, "answered with status 500"), (302, "answered with status 302"), (0, "Connection refused")]
)
def test_a_webhook_that_fails_is_one_line_of_warning(
    status: int, why: str, hook: Hook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A redirect is not followed: what is posted goes to the address that was given alone."""
    url, hook.status = hook.url, status
    if not status:
        hook.close()
    log = write_log(tmp_path / "a.csv", nan_from=60)
    assert watch(str(log), "--webhook", f"{url}/secret") == 1
    warnings = [line for line in capsys.readouterr().err.splitlines() if "webhook" in line]
    assert warnings == [f"tinygpt-tui: warning: the webhook at 127.0.0.1: {why}"]
    assert [path for path, *_ in hook.posted] == ["/hook/secret"] * bool(status)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "host/x", "http://", "https://[x", ""])
def test_a_webhook_that_is_no_web_address_is_refused(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(str(write_log(tmp_path / "a.csv")), "--webhook", url) == 2
    assert "must be an address that begins with https:// or http://" in capsys.readouterr().err


def test_the_screen_has_no_webhook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path / "a.csv")
    assert run_command(["watch", str(log), "--webhook", "https://example.org"]) == 2
    assert "--webhook, --until-end and a COMMAND are for --headless" in capsys.readouterr().err


def test_all_logs_of_a_folder_are_told_apart_by_their_names(
    hook: Hook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path / "good.csv")
    write_log(tmp_path / "deep" / "bad[red].csv", nan_from=60)
    kept = tmp_path / "alarms"
    assert watch(str(tmp_path), "--webhook", hook.url, f"cat >> {kept}") == 1
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith(("tinygpt-tui: good.csv: ", "tinygpt-tui: deep/bad[red].csv: ")) for line in lines)
    assert any(line.startswith("tinygpt-tui: deep/bad[red].csv: failure: ") for line in lines)
    assert [posted["log"] for *_, posted in hook.posted] == ["deep/bad[red].csv"]
    assert [json.loads(line)["log"] for line in kept.read_text().splitlines()] == ["deep/bad[red].csv"]


def test_the_status_of_a_folder_is_that_of_its_worst_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path / "bad.csv", nan_from=60)
    write_log(tmp_path / "odd.csv", column="colour").write_text("no numbers\nat all\n")
    os.utime(tmp_path / "odd.csv", LONG_AGO)
    assert watch(str(tmp_path)) == 2
    told = capsys.readouterr().err
    assert "tinygpt-tui: odd.csv: nothing in it was recognised" in told and "tinygpt-tui: bad.csv: failure: " in told


def test_a_log_that_appears_later_is_followed_too_and_an_empty_folder_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headless_folder, "_LIST_S", 0.0)
    raised: list[str] = []
    monkeypatch.setattr(Wanted, "_raise", lambda self, log, finding: raised.append(f"{log} {finding.kind}"))
    logs = HeadlessFolder(tmp_path, {}, Wanted(kinds=frozenset({"failure"})))
    assert not logs.turn() and not logs.is_still
    write_log(tmp_path / "first.csv")
    while logs.turn():
        pass
    assert logs.is_still and logs.status == 0
    os.utime(write_log(tmp_path / "second.csv", nan_from=60))
    while logs.turn():
        pass
    assert not logs.is_still, "the second may go on"
    assert logs.status == 1 and raised == ["second.csv nan"]
    logs.close()


def test_a_run_of_a_folder_of_logs_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.csv", "b.csv"):
        write_log(tmp_path / name)
    assert watch(str(tmp_path), "--run", "x") == 2
    assert "is a folder of logs; name one of them" in capsys.readouterr().err
