"""Clients that people bring: generations of the MCP SDK, mcp-remote, the Inspector's command line, and two OAuth
libraries. Each is installed as it is published, in a folder of its own under `node/`, or from `requirements.txt`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from peers.authserver import AuthServer
from peers.demo import READ, WRITE, Demo
from peers.examples import ExampleServer, run_interactive
from peers.leaks import LEAKS
from peers.node import SCRIPTS
from peers.oauth import claims
from peers.process import free_port
from peers.stub_browser import StubBrowser
from peers.user import HttpUser

StartServer = Callable[..., ExampleServer]

CALLBACK = "http://127.0.0.1:7788/callback"
REFRESHED_SOON = pytest.mark.config(dcr={"default_token_expiry": "2s"})


def node() -> str:
    found = shutil.which("node")
    assert found, "Node.js is not installed; run tests/e2e/setup.sh"
    return found


class Visitor(HttpUser):
    """Opens an address, and lets the client's own listener have the answer."""

    def authorize(self, url: str, decision: str = "allow") -> dict[str, str]:
        self.visit(url, decision)
        return {}


@pytest.fixture
def visitor(demo: Demo) -> Visitor:
    return Visitor(demo.email, demo.password)


@REFRESHED_SOON
@pytest.mark.parametrize("generation", ["sdk-1.10", "sdk-v1", "sdk-v2"])
def test_each_generation_of_the_mcp_sdk_registers_signs_in_calls_and_refreshes(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, visitor: Visitor, output: Path, generation: str
) -> None:
    mcp_server("typescript")
    argv = [node(), SCRIPTS / generation / "client.mjs"]
    env = {"MCP_RESOURCE": demo.resource, "PAUSE": "2.5"}
    printed = run_interactive(argv, visitor, output / f"{generation}.log", env)
    assert "Tools: add_note, read_notes\n" in printed
    assert "add_note: ok: Saved note 2." in printed
    assert "read_notes: ok: AuthPlane let you in." in printed
    assert visitor.pages == ["login", "consent"], "the user was asked once"
    assert authserver.metric("authserver_clients_registered_total", source="dcr") == 1
    assert authserver.metric("authserver_tokens_refreshed_total") >= 1


@pytest.fixture
def stub_browser(tmp_path: Path, user: HttpUser) -> StubBrowser:
    return StubBrowser(tmp_path, user)


@pytest.mark.anyio
async def test_mcp_remote_signs_in_and_carries_a_stdio_client_to_the_server(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, user: HttpUser, stub_browser: StubBrowser, output: Path
) -> None:
    mcp_server("typescript")
    proxy = SCRIPTS / "mcp-remote/node_modules/mcp-remote/dist/proxy.js"
    parameters = StdioServerParameters(command=node(), args=[str(proxy), demo.resource], env=stub_browser.env)
    for attempt in range(2):
        with stub_browser, (output / f"mcp-remote-{attempt}.log").open("w") as log, anyio.fail_after(60):
            async with stdio_client(parameters, errlog=log) as (read, write), ClientSession(read, write) as session:
                await session.initialize()
                tools = await session.list_tools()
                assert sorted(tool.name for tool in tools.tools) == ["add_note", "read_notes"]
                called = await session.call_tool("read_notes", {})
                assert called.content[0].text == "AuthPlane let you in."
    assert len(stub_browser.visited) == 1, "the second start uses what the first one kept"
    assert user.pages == ["login", "consent"]


def inspect(stub_browser: StubBrowser, log: Path, *arguments: str) -> dict[str, Any]:
    """Runs the Inspector's command line; returns the result that it prints."""
    folder = SCRIPTS / "inspector/node_modules"
    launcher = folder / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    argv = [folder / "node/bin/node", launcher, "--cli", "--format", "json", *arguments]
    # A browser although there is no terminal, and tokens kept although there is no keychain.
    own = {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}
    env = {**os.environ, **stub_browser.env, **own}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=60)
    log.write_text(f"{done.stdout}\n{done.stderr}")
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_inspector_command_line_signs_in_once_and_calls_tools(
    demo: Demo, mcp_server: StartServer, user: HttpUser, stub_browser: StubBrowser, output: Path
) -> None:
    mcp_server("typescript")
    callback = f"http://127.0.0.1:{free_port()}/oauth/callback"
    target = ("--transport", "http", "--server-url", demo.resource, "--callback-url", callback)
    with stub_browser:
        listed = inspect(stub_browser, output / "list.log", *target, "--method", "tools/list")
        assert "read_notes" in json.dumps(listed)
        kept = (*target, "--stored-auth-only", "--method", "tools/call", "--tool-name", "read_notes")
        called = inspect(stub_browser, output / "call.log", *kept)
        assert "AuthPlane let you in." in json.dumps(called)
    assert user.pages == ["login", "consent"]


def test_inspector_command_line_sends_a_token_that_it_is_given(
    authserver: AuthServer, demo: Demo, mcp_server: StartServer, stub_browser: StubBrowser, output: Path
) -> None:
    mcp_server("typescript")
    made = web_client(authserver, "client_secret_basic")
    form = {"grant_type": "client_credentials", "scope": READ, "resource": demo.resource}
    answer = httpx.post(f"{authserver.url}/oauth/token", data=form, auth=(made["client_id"], made["client_secret"]))
    token = answer.raise_for_status().json()["access_token"]
    target = ("--transport", "http", "--server-url", demo.resource)
    bearer = ("--header", f"Authorization: Bearer {token}")
    listed = inspect(stub_browser, output / "list.log", *target, *bearer, "--method", "tools/list")
    assert "read_notes" in json.dumps(listed) and "add_note" not in json.dumps(listed)


def web_client(authserver: AuthServer, method: str) -> dict[str, Any]:
    """A confidential client with every grant that these libraries use."""
    grants = ("authorization_code", "refresh_token", "client_credentials")
    options = [option for grant in grants for option in ("--grant-type", grant)]
    identity = ("--name", "Web application", "--redirect-uri", CALLBACK, "--auth-method", method)
    made = authserver.admin("client", "create", *identity, "--scope", f"{READ} {WRITE}", *options)
    LEAKS.remember(made["client_secret"])
    return made


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_openid_client_does_everything_that_a_web_application_does(
    authserver: AuthServer, demo: Demo, user: HttpUser, method: str
) -> None:
    made = web_client(authserver, method)
    config = {
        "issuer": authserver.issuer,
        "clientId": made["client_id"],
        "clientSecret": made["client_secret"],
        "method": method,
        "redirectUri": CALLBACK,
        "resource": demo.resource,
        "scope": READ,
    }
    argv = [node(), SCRIPTS / "openid-client/client.mjs", json.dumps(config)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, text=True, **pipes) as child:
        assert child.stdout and child.stdin and child.stderr
        assert child.stdout.readline() == "Sign in here:\n", child.stderr.read()
        back = user.walk(child.stdout.readline().strip())
        printed, errors = child.communicate(back + "\n", timeout=30)
    assert child.returncode == 0, errors
    result = json.loads(printed)
    granted, refreshed, own = result["granted"], result["refreshed"], result["own"]
    for answer in (granted, refreshed):
        LEAKS.remember_json(answer)
        assert claims(answer["access_token"])["aud"] == [demo.resource]
        assert claims(answer["access_token"])["sub"] == demo.user_id
        assert answer["scope"] == READ
    assert granted["refresh_token"] != refreshed["refresh_token"]
    assert result["introspected"]["active"] and result["introspected"]["sub"] == demo.user_id
    assert result["ended"] == {"active": False}, "the revoked refresh token took its access tokens with it"
    assert result["reuse"] == "400 invalid_grant"
    assert claims(own["access_token"])["sub"] == made["client_id"]
    assert "refresh_token" not in own


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_session_does_everything_that_a_web_application_does(
    authserver: AuthServer, demo: Demo, user: HttpUser, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # plain HTTP, on localhost
    made = web_client(authserver, method)
    metadata = httpx.get(f"{authserver.url}/.well-known/oauth-authorization-server").raise_for_status().json()

    def session(scope: str) -> OAuth2Session:
        return OAuth2Session(
            made["client_id"],
            made["client_secret"],
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            scope=scope,
            redirect_uri=CALLBACK,
            code_challenge_method="S256",
        )

    web = session(READ)
    verifier = "v" * 64
    url, state = web.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, resource=demo.resource
    )
    back = user.walk(url)
    granted = web.fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    LEAKS.remember_json(granted)
    assert granted["scope"] == READ
    assert claims(granted["access_token"])["aud"] == [demo.resource]

    known = web.introspect_token(metadata["introspection_endpoint"], token=granted["access_token"]).json()
    assert known["active"] and known["sub"] == demo.user_id
    spent = granted["refresh_token"]
    refreshed = web.refresh_token(metadata["token_endpoint"], refresh_token=spent)
    LEAKS.remember_json(refreshed)
    assert refreshed["refresh_token"] != spent
    assert claims(refreshed["access_token"])["aud"] == [demo.resource]
    web.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"]).raise_for_status()
    ended = web.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()
    assert ended == {"active": False}

    machine = session(f"{READ} {WRITE}")
    own = machine.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", resource=demo.resource)
    LEAKS.remember_json(own)
    assert claims(own["access_token"])["sub"] == made["client_id"]
    assert set(own["scope"].split()) == {READ, WRITE}
