"""An MCP server that is called for a user: it answers itself, or exchanges the token it was called
with for one of the next server's and calls that one. Everyone on the way adds what it was called with."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any
from urllib.parse import urlsplit

import httpx
from authplane import ASCredentials, IntrospectionRevocation
from authplane.oauth import TokenExchangeOptions
from authplane_fastmcp import authplane_auth
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token
from fastmcp.server.middleware import Middleware
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError, UrlElicitationRequiredError
from mcp.types import URL_ELICITATION_REQUIRED

ISSUER = os.environ["AUTHPLANE_ISSUER"]
RESOURCE = os.environ["MCP_RESOURCE"]
SCOPE = os.environ["MCP_SCOPES"]
NEXT = os.environ["NEXT_RESOURCE"]


class Elicitation(Middleware):
    """FastMCP makes a failed tool of whatever a tool raises; that a user has to be asked must reach
    the user's client as what it is."""

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        try:
            return await call_next(context)
        except ToolError as error:
            if isinstance(error.__cause__, UrlElicitationRequiredError):
                raise error.__cause__ from None
            raise


async def call_next_server(token: str) -> list[dict[str, Any]]:
    refused: McpError | None = None
    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http,
        streamable_http_client(NEXT, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        try:
            answer = await session.call_tool("trace", {})
        except McpError as error:
            refused = error
    if refused:
        asks = refused.error.code == URL_ELICITATION_REQUIRED
        raise UrlElicitationRequiredError.from_error(refused.error) if asks else refused
    if answer.isError:
        raise ToolError(answer.content[0].text)
    return json.loads(answer.content[0].text)


async def main() -> None:
    url = urlsplit(RESOURCE)
    auth = await authplane_auth(
        issuer=ISSUER,
        base_url=f"{url.scheme}://{url.netloc}",
        mcp_path=url.path,
        scopes=[SCOPE],
        dev_mode=True,
        as_credentials=ASCredentials(os.environ["AUTHPLANE_CLIENT_ID"], os.environ["AUTHPLANE_CLIENT_SECRET"]),
        revocation_checker=IntrospectionRevocation(),
        fail_closed=True,
    )
    mcp = FastMCP("Agent", **auth, middleware=[Elicitation()])

    @mcp.tool(auth=require_scopes(SCOPE))
    async def trace() -> str:
        """What everyone from here on was called with, and what its verifier made of it: a JSON list."""
        called = get_access_token()
        here = {"token": called.token, "claims": dict(called.claims)}
        beyond = []
        if NEXT:
            options = TokenExchangeOptions(called.token, scope=SCOPE, resources=(NEXT,))
            exchanged = await auth.client.exchange(options)
            beyond = await call_next_server(exchanged.access_token)
        # The SDK freezes claims: nested ones are mappings that are no dict.
        return json.dumps([here, *beyond], default=dict)

    try:
        await mcp.run_async(transport="http", host="127.0.0.1", port=url.port, path=url.path, show_banner=False)
    finally:
        await auth.aclose()


asyncio.run(main())
