"""The official Python SDK's MCP client, with every request it sends written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

import httpx
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class User(Protocol):
    def authorize(self, url: str) -> dict[str, str]: ...


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    form: dict[str, str]


class McpClient:
    """One client application; it is also the token storage of its SDK."""

    def __init__(self, resource: str, user: User, redirect_uri: str, client_id_url: str | None = None) -> None:
        self.resource = resource
        self.user = user
        self.sent: list[Sent] = []
        self.authorization_urls: list[str] = []
        self.tokens: OAuthToken | None = None
        self.registration: OAuthClientInformationFull | None = None
        self.response: dict[str, str] = {}
        self.oauth = OAuthClientProvider(
            server_url=resource,
            client_metadata=OAuthClientMetadata(
                client_name="SDK client",
                redirect_uris=[redirect_uri],
                token_endpoint_auth_method="none",
            ),
            storage=self,
            redirect_handler=self._redirect,
            callback_handler=self._callback,
            client_metadata_url=client_id_url,
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ClientSession]:
        async with (
            httpx.AsyncClient(
                auth=self.oauth,
                timeout=httpx.Timeout(15, read=60),
                event_hooks={"request": [self._write_down]},
            ) as http,
            streamable_http_client(self.resource, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session

    def grants(self) -> list[str]:
        """The grant types of the token requests so far, in order."""
        return [sent.form["grant_type"] for sent in self.sent if sent.path == "/oauth/token"]

    def paths(self) -> list[str]:
        return [sent.path for sent in self.sent]

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.registration

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.registration = client_info

    async def _redirect(self, url: str) -> None:
        self.authorization_urls.append(url)
        self.response = await asyncio.to_thread(self.user.authorize, url)

    async def _callback(self) -> tuple[str, str | None]:
        return self.response.get("code", ""), self.response.get("state")

    async def _write_down(self, request: httpx.Request) -> None:
        form = {}
        if request.headers.get("content-type") == "application/x-www-form-urlencoded":
            form = dict(parse_qsl(request.content.decode()))
        self.sent.append(Sent(request.method, request.url.path, form))
