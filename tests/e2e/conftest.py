"""Fixtures: every test gets a server of its own, on SQLite and again on PostgreSQL."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from peers.authserver import ADMIN_KEY, REPOSITORY, AuthServer, merge
from peers.browser import Browser
from peers.cimd import Authority
from peers.demo import READ, WRITE, Demo, seed
from peers.examples import ExampleServer
from peers.leaks import LEAKS, watch_httpx
from peers.loopback import Loopback
from peers.oauth import OAuthClient
from peers.postgres import Postgres
from peers.process import free_port
from peers.user import HttpUser


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "config(**sections): configuration laid over the tests' own")
    watch_httpx()
    config.addinivalue_line("markers", "instances(n): how many instances of the server share the database")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def output(request: pytest.FixtureRequest) -> Path:
    """Where this test leaves logs and screenshots."""
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    folder = REPOSITORY / "test-output" / "e2e" / request.node.path.stem / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    cluster = Postgres()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The `storage` section of the configuration, for an empty database."""
    if request.param == "sqlite":
        return {"driver": "sqlite", "sqlite": {"path": str(tmp_path / "authserver.db")}}
    cluster: Postgres = request.getfixturevalue("postgres")
    return {"driver": "postgres", "postgres": {"dsn": cluster.create_database()}}


@pytest.fixture
def instances(
    request: pytest.FixtureRequest, storage: dict[str, Any], tmp_path: Path, output: Path, authority: Authority
) -> Iterator[list[AuthServer]]:
    """Instances with one issuer, one key folder and one database; one unless the test is marked otherwise."""
    marked = request.node.get_closest_marker("instances")
    changes = request.node.get_closest_marker("config")
    ports = [free_port() for _ in range(marked.args[0] if marked else 1)]
    shared = {
        "server": {"issuer": f"http://localhost:{ports[0]}"},
        "storage": storage,
        "signing": {"key_path": str(tmp_path / "keys")},
        "session": {"secret": secrets.token_hex(32)},
        "admin": {"api_key": ADMIN_KEY},
        "observability": {"logging": {"level": "debug", "format": "json"}},
    }
    with ExitStack() as stack:
        servers = []
        for number, port in enumerate(ports, 1):
            own = {
                "server": {"address": f"127.0.0.1:{port}"},
                "admin": {"address": f"127.0.0.1:{free_port()}"},
            }
            config = merge(merge(shared, own), changes.kwargs if changes else {})
            trust = {"SSL_CERT_FILE": str(authority.certificate)}
            server = AuthServer(tmp_path, output, config, trust, f"authserver-{number}")
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        yield servers


@pytest.fixture
def authserver(instances: list[AuthServer]) -> AuthServer:
    return instances[0]


@pytest.fixture
def demo(authserver: AuthServer) -> Demo:
    demo = seed(authserver)
    LEAKS.remember(demo.password)
    return demo


@pytest.fixture
def runtime_client(authserver: AuthServer, demo: Demo) -> dict[str, str]:
    """The environment of an MCP server that introspects: a runtime client of the demo resource."""
    options = ("--grant-type", "client_credentials", "--auth-method", "client_secret_basic")
    created = authserver.admin("client", "create", "--name", "notes-server", *options)
    authserver.cli("admin", "resource", "runtime-client", "add", demo.slug, created["client_id"])
    return {
        "AUTHPLANE_CLIENT_ID": created["client_id"],
        "AUTHPLANE_CLIENT_SECRET": created["client_secret"],
    }


@pytest.fixture
def mcp_server(
    authserver: AuthServer, demo: Demo, runtime_client: dict[str, str], output: Path
) -> Iterator[Callable[..., ExampleServer]]:
    """Starts an example MCP server: `mcp_server("python")`. The Python one introspects every token."""
    with ExitStack() as stack:

        def start(language: str, scopes: str = f"{READ} {WRITE}") -> ExampleServer:
            env = {**runtime_client, "AUTHPLANE_ISSUER": authserver.issuer, "MCP_SCOPES": scopes}
            return stack.enter_context(ExampleServer(language, demo.resource, env, output))

        yield start


@pytest.fixture
def new_browser(demo: Demo, tmp_path: Path, output: Path) -> Iterator[Callable[..., Browser]]:
    with ExitStack() as stack:

        def start(javascript: bool = True, network: bool = False) -> Browser:
            profile = tmp_path / f"profile-{secrets.token_hex(4)}"
            browser = Browser(profile, output, demo.email, demo.password, javascript, network)
            stack.callback(browser.quit)
            return browser

        yield start


@pytest.fixture
def browser(new_browser: Callable[..., Browser]) -> Browser:
    return new_browser()


@pytest.fixture
def user(demo: Demo) -> HttpUser:
    return HttpUser(demo.email, demo.password)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as listener:
        yield listener


@pytest.fixture
def client(authserver: AuthServer) -> OAuthClient:
    """A raw client, not registered yet."""
    return OAuthClient(authserver.issuer)
