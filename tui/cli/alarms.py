"""What becomes of a finding that a person wants to hear of: a command is run, and it is posted to a web address."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import click

from ...engine.arrivals import Arrival
from ...engine.events import FindingOpened, encode
from ..text import visible
from .options import PROGRAM

_COMMAND_S = 600.0
"""Seconds that the person's command may take."""
_ANSWER_S = 10.0
"""Seconds in which a web address has to answer."""

Raise = Callable[[FindingOpened], None]


class Alarms:
    """What was found of the kinds that a person asked for; each episode counts once, also when a log is read anew."""

    def __init__(self, wanted: frozenset[str], raise_alarm: Raise) -> None:
        self._wanted = wanted
        self._raise = raise_alarm
        self._known: set[tuple[str, int]] = set()

    @property
    def any(self) -> bool:
        return bool(self._known)

    def look_at(self, arrival: Arrival) -> None:
        if not isinstance(arrival, FindingOpened) or (arrival.kind, arrival.onset) in self._known:
            return
        severities = {arrival.severity} | ({"warning"} if arrival.severity == "failure" else set())
        if self._wanted & {arrival.kind, *severities}:
            self._known.add((arrival.kind, arrival.onset))
            self._raise(arrival)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Of which findings a person wants to hear, and how."""

    kinds: frozenset[str]
    """Kinds of findings and severities."""
    command: str | None = None
    webhook: str | None = None

    def alarms(self, log: str) -> Alarms:
        """Those of one log, which is called so."""
        return Alarms(self.kinds, lambda finding: self._raise(log, finding))

    def _raise(self, log: str, finding: FindingOpened) -> None:
        body = alarm_json(log, finding)
        if self.command is not None:
            _run(self.command, body + b"\n")
        if self.webhook is not None:
            _post(self.webhook, body)


def finding_words(finding: FindingOpened) -> str:
    words = f"{finding.title or finding.kind} since step {finding.onset}: {finding.evidence}"
    return f"{finding.severity}: {visible(words)}"


def alarm_json(log: str, finding: FindingOpened) -> bytes:
    """The event with the name of its log, and as a line of plain text, which is what chat programs show."""
    log = visible(log)
    fields = {**json.loads(encode(finding)), "log": log, "text": f"{log}: {finding_words(finding)}"}
    return json.dumps(fields, allow_nan=False).encode()


def _run(command: str, body: bytes) -> None:
    try:
        ended = subprocess.run(command, shell=True, input=body, timeout=_COMMAND_S, check=False)
        if ended.returncode:
            click.echo(f"{PROGRAM}: {visible(command)}: ended with status {ended.returncode}", err=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        click.echo(f"{PROGRAM}: {visible(command)}: {error}", err=True)


class _NoRedirects(HTTPRedirectHandler):
    """What is posted goes to the address that was given and to no other."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


def _post(url: str, body: bytes) -> None:
    """One line where it fails, with the host alone: such addresses hold secrets."""
    headers = {"Content-Type": "application/json", "User-Agent": PROGRAM}
    try:
        with build_opener(_NoRedirects).open(Request(url, body, headers), timeout=_ANSWER_S):
            pass
    except (OSError, HTTPException, ValueError) as error:
        host = urlsplit(url).hostname or ""
        click.echo(f"{PROGRAM}: warning: the webhook at {visible(host)}: {visible(_why(error))}", err=True)


def _why(error: Exception) -> str:
    match error:
        case HTTPError(code=code):
            return f"answered with status {code}"
        case URLError(reason=reason):
            cause: Any = reason
            return str(getattr(cause, "strerror", None) or cause)
        case TimeoutError():
            return f"did not answer within {_ANSWER_S:g} s"
        case _:
            return str(error) or type(error).__name__
