"""Nothing secret is in a log, at any level: every server's log is searched when the server stops.

What the tests send and receive by HTTP is remembered, as far as its name says that it is secret. What browsers and
clients in other languages get is found by its shape: everything that the server makes up is a JWT, or 256 bits in
base64url.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import httpx

SECRET_NAMES = re.compile(r"(^|_)(token|secret|password|code|verifier|assertion|csrf)$")
# Thumbprints of public keys have the shape of secrets.
PUBLIC_FIELDS = {"kid", "active", "pending", "new_active", "new_pending", "retired", "removed", "jkt", "dpop_jkt"}
JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")
KEY_IN_PATH = re.compile(r"(?<=/admin/keys/)[\w-]{43}(?=/retire)")
RANDOM = re.compile(r"(?<![\w.-])[\w-]{43,128}(?![\w.-])")
SHORTEST = 12


def is_random(text: str) -> bool:
    return all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


class Leaks:
    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def remember(self, *values: str) -> None:
        self.secrets.update(value for value in values if len(value) >= SHORTEST)

    def remember_pairs(self, pairs: list[tuple[str, str]]) -> None:
        self.remember(*(value for name, value in pairs if SECRET_NAMES.search(name)))

    def remember_json(self, value: Any) -> None:
        match value:
            case dict():
                self.remember_pairs([(name, own) for name, own in value.items() if isinstance(own, str)])
                for own in value.values():
                    self.remember_json(own)
            case list():
                for own in value:
                    self.remember_json(own)

    def see_request(self, request: httpx.Request) -> None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            _, _, password = base64.b64decode(credentials).decode(errors="replace").partition(":")
            self.remember(password, unquote_plus(password))
        self.remember(credentials, request.headers.get("dpop", ""))
        for cookie in request.headers.get("cookie", "").split("; "):
            self.remember(cookie.partition("=")[2])
        self.remember_pairs(parse_qsl(urlsplit(str(request.url)).query))
        try:
            body = request.content.decode()
        except (httpx.RequestNotRead, UnicodeDecodeError):
            return
        self.remember_pairs(parse_qsl(body))
        self._remember_body(body)

    def see_response(self, response: httpx.Response) -> None:
        for cookie in response.headers.get_list("set-cookie"):
            self.remember(cookie.partition(";")[0].partition("=")[2])
        self.remember_pairs(parse_qsl(urlsplit(response.headers.get("location", "")).query))
        if response.is_stream_consumed and not response.is_error:
            self._remember_body(response.text)

    def _remember_body(self, body: str) -> None:
        try:
            self.remember_json(json.loads(body))
        except ValueError:
            pass

    def find(self, log: str) -> Iterator[str]:
        """What in a log is secret, and the line it stands in."""
        for line in log.splitlines():
            for secret in self.secrets:
                if secret in line:
                    yield f"{secret} in {line}"
            shown = KEY_IN_PATH.sub("{kid}", self._without_public_fields(line))
            for found in JWT.findall(shown):
                yield f"{found} in {line}"
            for found in RANDOM.findall(shown):
                if is_random(found):
                    yield f"{found} in {line}"

    @staticmethod
    def _without_public_fields(line: str) -> str:
        try:
            fields = json.loads(line)
        except ValueError:
            return line
        return json.dumps({name: value for name, value in fields.items() if name not in PUBLIC_FIELDS})

    def check(self, log: Path) -> None:
        found = list(self.find(log.read_text(errors="replace")))
        assert not found, f"{len(found)} secrets in {log}:\n" + "\n".join(found[:5])


LEAKS = Leaks()


def watch_httpx() -> None:
    """Sees whatever a client of this process sends and receives."""
    send, asend = httpx.Client.send, httpx.AsyncClient.send

    def seeing(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        response = send(self, request, **options)
        for own in [*response.history, response]:
            LEAKS.see_request(own.request)
            LEAKS.see_response(own)
        return response

    async def aseeing(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        response = await asend(self, request, **options)
        for own in [*response.history, response]:
            LEAKS.see_request(own.request)
            LEAKS.see_response(own)
        return response

    httpx.Client.send, httpx.AsyncClient.send = seeing, aseeing  # type: ignore[method-assign]
