"""`/metrics` as scrapers read it: Prometheus, promtool and the parsers of the Python client."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from peers.authserver import ADMIN_KEY, REPOSITORY, AuthServer
from peers.demo import READ, add_resource
from peers.machine import MachineClient
from peers.monitoring import Prometheus, guide_job
from peers.oauth import OAuthClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text_format

pytestmark = pytest.mark.parametrize("storage", ["sqlite"], indirect=True)

KEY_NEEDED = pytest.mark.config(observability={"metrics": {"require_auth": True}})


def credentials(password: str) -> dict[str, Any]:
    return {"basic_auth": {**guide_job()["basic_auth"], "password": password}}


@pytest.fixture
def scraped(authserver: AuthServer, tmp_path: Path, output: Path) -> Iterator[Any]:
    """`scraped(job)`: a Prometheus that scrapes the server by the shipped job with `job` laid over it."""
    with ExitStack() as stack:

        def start(job: dict[str, Any] | None = None) -> Prometheus:
            address = authserver.admin_url.removeprefix("http://")
            prometheus = Prometheus(tmp_path, output, address, job=job)
            stack.callback(prometheus.process.stop)
            return prometheus

        yield start


def test_prometheus_needs_no_credentials_and_reads_open_metrics(scraped: Any) -> None:
    prometheus = scraped()
    assert prometheus.target()["health"] == "up"
    assert prometheus.value("authserver_build_info") == 1
    assert len(prometheus.query("authserver_refresh_token_reuse_total == 0")) == 1
    # Only OpenMetrics carries units.
    metadata = prometheus.get("metadata", metric="authserver_key_last_rotation_timestamp_seconds")
    assert metadata["authserver_key_last_rotation_timestamp_seconds"][0]["unit"] == "seconds"


def test_credentials_of_the_guide_are_accepted_where_none_are_needed(scraped: Any) -> None:
    assert scraped(guide_job()).target()["health"] == "up"


@KEY_NEEDED
def test_with_require_auth_the_key_opens(scraped: Any) -> None:
    assert scraped(credentials(ADMIN_KEY)).target()["health"] == "up"


@KEY_NEEDED
@pytest.mark.parametrize("job", [{}, credentials("${AUTHPLANE_ADMIN_API_KEY}")], ids=["none", "not-expanded"])
def test_with_require_auth_anything_else_is_refused(scraped: Any, job: dict[str, Any]) -> None:
    target = scraped(job).target()
    assert (target["health"], "401" in target["lastError"]) == ("down", True)


def test_promtool_finds_nothing_to_mend(authserver: AuthServer) -> None:
    page = httpx.get(f"{authserver.admin_url}/metrics").raise_for_status().text
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_formats_say_the_same(authserver: AuthServer) -> None:
    httpx.get(f"{authserver.admin_url}/metrics")  # so that both pages count a scrape
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(f"{authserver.admin_url}/metrics", headers=accept).raise_for_status()
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    plain = httpx.get(f"{authserver.admin_url}/metrics").raise_for_status()
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")

    def series(families: Any) -> set[tuple[str, tuple[tuple[str, Any], ...]]]:
        # A bound is 1 in one format and 1.0 in the other.
        return {
            (one.name, tuple((name, float(value) if name == "le" else value) for name, value in sorted(one.labels.items())))
            for family in families
            for one in family.samples
        }

    assert series(open_metrics(answer.text)) == series(text_format(plain.text))


TRUSTED = pytest.mark.config(
    server={"trusted_proxies": ["127.0.0.1/32"]}, dcr={"mode": "open", "rate_limit": 0}, cimd={"enabled": False}
)


@TRUSTED
def test_number_of_series_is_bounded(authserver: AuthServer) -> None:
    """It does not grow with clients, users, resources, addresses, or paths that were tried."""

    page = (REPOSITORY / "docs/reference/metrics.md").read_text()
    (operations,) = re.findall(r"`authserver_db_operation_duration_seconds`\n.*?Label `op`: ([^\n]*)", page, re.DOTALL)
    known = set(re.findall(r"`(\w+)`", operations))

    def count() -> int:
        families = list(text_format(httpx.get(f"{authserver.admin_url}/metrics").raise_for_status().text))
        own = [sample for family in families if "_db_operation_" in family.name for sample in family.samples]
        # The series of a kind of database operation appear when it is met for the first time; there are so many
        # kinds, and no others.
        assert {sample.labels["op"] for sample in own} <= known
        return sum(len(family.samples) for family in families) - len(own)

    def visit() -> None:
        unique = secrets.token_hex(4)
        account = ("--email", f"{unique}@example.com", "--name", unique, "--password", "-")
        authserver.admin("user", "create", *account, stdin=secrets.token_urlsafe(12) + "\n")
        add_resource(authserver, f"r{unique}", f"https://{unique}.example/mcp", READ)
        machine = MachineClient.create(authserver)
        machine.introspect(machine.token().json()["access_token"])
        client = OAuthClient(authserver.url)
        client.register(client_name=unique)
        address = ".".join(str(byte) for byte in bytes.fromhex(unique))
        client.http.headers["X-Forwarded-For"] = address
        client.refresh(unique)
        client.token_request(grant_type=unique)
        client.http.get(f"/{unique}")
        client.http.get(f"/oauth/{unique}/{unique}?{unique}={unique}")
        client.http.get(f"/.well-known/oauth-protected-resource/unknown-{unique}")
        client.http.request(unique.upper(), "/oauth/token")
        httpx.get(f"{authserver.admin_url}/admin/{unique}", headers={"Authorization": f"Bearer {unique}"})

    fresh = count()
    assert 400 < fresh < 2500
    visit()
    seen = count()
    assert fresh < seen < 2500
    for _ in range(5):
        visit()
    assert count() == seen
