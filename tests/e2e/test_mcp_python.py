"""The official Python SDK's client against FastMCP protected by authplane-fastmcp, which introspects."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import fastmcp
import httpx
import pytest
from peers.authserver import AuthServer
from peers.browser import Browser
from peers.cimd import Authority, ClientSite
from peers.demo import READ, WRITE, Demo
from peers.examples import ExampleServer, run_client
from peers.loopback import Loopback
from peers.mcp_client import McpClient
from peers.oauth import claims
from peers.process import answers, wait_until
from peers.user import HttpUser

pytestmark = pytest.mark.anyio
StartServer = Callable[..., ExampleServer]


async def test_client_registers_signs_in_and_calls_protected_tools(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, browser: Browser, loopback: Loopback
) -> None:
    mcp_server("python")
    browser.screenshots = True
    client = McpClient(demo.resource, browser, loopback.redirect_uri)
    async with client.session() as session:
        tools = {tool.name for tool in (await session.list_tools()).tools}
        saved = await session.call_tool("add_note", {"text": "from the test"})
        notes = await session.call_tool("read_notes", {})

    assert tools == {"read_notes", "add_note"}
    assert not saved.isError
    assert "from the test" in notes.content[0].text
    assert browser.pages == ["login", "consent"]
    for shown in ("SDK client", READ, WRITE, "127.0.0.1"):
        assert shown in browser.texts["consent"]

    discovery = [path for path in client.paths() if path != "/mcp"]
    assert discovery == [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/oauth/register",
        "/oauth/token",
    ]
    assert authserver.metric("authserver_clients_registered_total", source="dcr") == 1
    assert client.response["iss"] == authserver.issuer
    assert client.tokens.refresh_token
    token = claims(client.tokens.access_token)
    assert token["aud"] == [demo.resource]
    assert token["client_id"] == client.registration.client_id
    assert set(token["scope"].split()) == {READ, WRITE}


@pytest.mark.config(cimd={"allow_private_addresses": True})
async def test_client_is_known_by_its_metadata_document(
    authserver: AuthServer,
    demo: Demo,
    mcp_server: StartServer,
    browser: Browser,
    loopback: Loopback,
    authority: Authority,
) -> None:
    mcp_server("python")
    with ClientSite(loopback.redirect_uri, authority) as site:
        client = McpClient(demo.resource, browser, loopback.redirect_uri, site.client_id)
        async with client.session() as session:
            notes = await session.call_tool("read_notes", {})

    assert not notes.isError
    assert site.fetches == 1, "the document is fetched once, then cached"
    assert "/oauth/register" not in client.paths()
    assert claims(client.tokens.access_token)["client_id"] == site.client_id
    assert urlsplit(site.client_id).hostname in browser.texts["consent"]


@pytest.mark.config(dcr={"default_token_expiry": "2s"})
async def test_client_refreshes_an_expired_token(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, user: HttpUser, loopback: Loopback
) -> None:
    mcp_server("python")
    client = McpClient(demo.resource, user, loopback.redirect_uri)
    async with client.session() as session:
        first = client.tokens
        await asyncio.sleep(2.5)
        notes = await session.call_tool("read_notes", {})

    assert not notes.isError
    assert len(client.authorization_urls) == 1, "the user was not asked again"
    assert client.grants()[0] == "authorization_code"
    assert set(client.grants()[1:]) == {"refresh_token"}
    assert client.tokens.access_token != first.access_token
    assert client.tokens.refresh_token != first.refresh_token
    assert authserver.metric("authserver_tokens_refreshed_total") == len(client.grants()) - 1


async def test_tool_without_its_scope_is_refused(
    demo: Demo, mcp_server: StartServer, user: HttpUser, loopback: Loopback
) -> None:
    mcp_server("python", scopes=READ)
    client = McpClient(demo.resource, user, loopback.redirect_uri)
    async with client.session() as session:
        tools = {tool.name for tool in (await session.list_tools()).tools}
        allowed = await session.call_tool("read_notes", {})
        refused = await session.call_tool("add_note", {"text": "must not appear"})
        notes = await session.call_tool("read_notes", {})

    assert claims(client.tokens.access_token)["scope"] == READ
    assert tools == {"read_notes"}
    assert not allowed.isError
    assert refused.isError
    assert "must not appear" not in notes.content[0].text


async def test_revoked_token_is_refused_at_once(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, user: HttpUser, loopback: Loopback
) -> None:
    """The MCP server notices by introspection: the signature is good and the token has not expired."""
    mcp_server("python")
    client = McpClient(demo.resource, user, loopback.redirect_uri)
    async with client.session() as session:
        assert not (await session.call_tool("read_notes", {})).isError
        form = {"token": client.tokens.refresh_token, "client_id": client.registration.client_id}
        revoked = httpx.post(f"{authserver.issuer}/oauth/revoke", data=form)
        assert revoked.status_code == 200
        headers = {"Authorization": f"Bearer {client.tokens.access_token}"}
        assert httpx.post(demo.resource, headers=headers, json={}).status_code == 401

        # The SDK starts again; session and consent are remembered, so nobody has to do anything.
        assert not (await session.call_tool("read_notes", {})).isError
    assert len(client.authorization_urls) == 2
    assert user.pages == ["login", "consent"]


async def test_user_who_denies_sends_the_client_an_error(
    demo: Demo, mcp_server: StartServer, browser: Browser, loopback: Loopback
) -> None:
    mcp_server("python")

    class Denying:
        def authorize(self, url: str) -> dict[str, str]:
            return browser.authorize(url, decision="deny")

    client = McpClient(demo.resource, Denying(), loopback.redirect_uri)
    with pytest.raises(BaseException) as failure:
        async with client.session():
            pass
    assert failure.group_contains(Exception, match="No authorization code received")
    assert client.response["error"] == "access_denied"
    assert client.response["state"] == parse_qs(urlsplit(client.authorization_urls[0]).query)["state"][0]
    assert client.tokens is None


@pytest.mark.filterwarnings("ignore:Using in-memory token storage")
async def test_fastmcp_client_probes_the_authorization_endpoint_and_signs_in(
    demo: Demo, mcp_server: StartServer, user: HttpUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastMCP's own client requests the authorization URL itself before it opens the browser with it."""
    mcp_server("python")
    opened: list[str] = []

    def open_in_background(url: str) -> None:
        def sign_in() -> None:
            landed = user.walk(url)
            wait_until(answers(landed, 200), 10, "FastMCP's callback listener")

        opened.append(url)
        threading.Thread(target=sign_in, daemon=True).start()

    monkeypatch.setattr("webbrowser.open", open_in_background)
    async with asyncio.timeout(40), fastmcp.Client(demo.resource, auth="oauth") as client:
        notes = await client.call_tool("read_notes", {})
    assert "AuthPlane let you in." in notes.content[0].text
    assert len(opened) == 1
    assert user.pages == ["login", "consent"]


def test_example_client_calls_both_tools(demo: Demo, mcp_server: StartServer, browser: Browser, output: Path) -> None:
    mcp_server("python")
    printed = run_client("python", demo.resource, browser, output)
    assert "Tools: add_note, read_notes\n" in printed
    assert "add_note: ok: Saved note 2." in printed
    assert "read_notes: ok: AuthPlane let you in.\nHello from Python." in printed
    assert browser.pages == ["login", "consent"]


def test_sign_in_and_consent_work_without_javascript(
    demo: Demo, mcp_server: StartServer, new_browser: Callable[..., Browser], output: Path
) -> None:
    mcp_server("python")
    browser = new_browser(javascript=False)
    browser.driver.get("data:text/html,<title>off</title><script>document.title = 'on'</script>")
    assert browser.driver.title == "off", "this browser runs scripts"
    printed = run_client("python", demo.resource, browser, output)
    assert "add_note: ok: Saved note 2." in printed
    assert browser.pages == ["login", "consent"]
