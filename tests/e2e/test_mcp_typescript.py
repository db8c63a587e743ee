"""The official TypeScript SDK: the example client against the example server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from peers.authserver import AuthServer
from peers.browser import Browser
from peers.demo import READ, Demo
from peers.examples import ExampleServer, run_client

StartServer = Callable[..., ExampleServer]


def test_example_client_registers_signs_in_and_calls_both_tools(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, browser: Browser, output: Path
) -> None:
    mcp_server("typescript")
    printed = run_client("typescript", demo.resource, browser, output)
    assert "Tools: add_note, read_notes\n" in printed
    assert "add_note: ok: Saved note 2." in printed
    assert "read_notes: ok: AuthPlane let you in.\nHello from TypeScript." in printed
    assert browser.pages == ["login", "consent"]
    assert authserver.metric("authserver_clients_registered_total", source="dcr") == 1


@pytest.mark.config(dcr={"default_token_expiry": "2s"})
def test_client_refreshes_an_expired_token(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, browser: Browser, output: Path
) -> None:
    mcp_server("typescript")
    printed = run_client("typescript", demo.resource, browser, output, ["--pause", "3"])
    assert "read_notes: ok: AuthPlane let you in.\nHello from TypeScript." in printed
    assert printed.count("Sign in here:") == 1, "the user was not asked again"
    assert authserver.metric("authserver_tokens_refreshed_total") >= 1


def test_tool_without_its_scope_is_refused(demo: Demo, mcp_server: StartServer, browser: Browser, output: Path) -> None:
    mcp_server("typescript", scopes=READ)
    printed = run_client("typescript", demo.resource, browser, output)
    assert "Tools: read_notes\n" in printed
    assert "add_note: refused:" in printed
    assert "read_notes: ok: AuthPlane let you in.\n" in printed
    assert "Hello from TypeScript." not in printed


@pytest.mark.parametrize(("server", "client"), [("python", "typescript"), ("typescript", "python")])
def test_clients_and_servers_of_both_sdks_mix(
    demo: Demo, mcp_server: StartServer, browser: Browser, output: Path, server: str, client: str
) -> None:
    mcp_server(server)
    printed = run_client(client, demo.resource, browser, output)
    assert "add_note: ok: Saved note 2." in printed
