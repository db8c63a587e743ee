"""The shipped rules in a real Prometheus with a real Alertmanager: what they are made for fires them, and quiet
traffic does not. `peers/monitoring.py` says how time is scaled."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from peers.authserver import AuthServer
from peers.demo import READ, Demo
from peers.dpop import ProofKey
from peers.machine import MachineClient
from peers.monitoring import Alertmanager, Prometheus
from peers.oauth import OAuthClient
from peers.postgres import Postgres
from peers.process import wait_until
from peers.user import HttpUser

class Watch:
    def __init__(self, prometheus: Prometheus, alertmanager: Alertmanager) -> None:
        self.prometheus = prometheus
        self.alertmanager = alertmanager

    def only(self, alert: str, timeout: float = 60) -> None:
        """Waits until Alertmanager has `alert`; no other has fired by then."""
        wait_until(lambda: self.alertmanager.firing() != set(), timeout, f"{alert} in Alertmanager")
        assert self.alertmanager.firing() == {alert}
        assert self.prometheus.alerts_ever() == {alert}


@pytest.fixture
def watch(authserver: AuthServer, tmp_path: Path, output: Path) -> Iterator[Watch]:
    """Prometheus has seen the server, with its counters at 0, before the test begins."""
    with ExitStack() as stack:
        alertmanager = Alertmanager(tmp_path, output)
        stack.callback(alertmanager.process.stop)
        address = authserver.admin_url.removeprefix("http://")
        prometheus = Prometheus(tmp_path, output, address, alertmanager)
        stack.callback(prometheus.process.stop)
        prometheus.wait_scrapes(2)
        yield Watch(prometheus, alertmanager)


@pytest.fixture
def repeat() -> Iterator[Callable[[Callable[[], Any], float], None]]:
    """`repeat(act, pause)`: acts in the background until the test ends."""
    ended = Event()
    threads: list[Thread] = []

    def start(act: Callable[[], Any], pause: float) -> None:
        def run() -> None:
            while not ended.wait(pause):
                act()

        threads.append(Thread(target=run))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def test_one_reuse_of_a_refresh_token_fires(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser, watch: Watch
) -> None:
    client.register()
    code = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))["code"]
    spent = client.redeem(code, resource=demo.resource).json()["refresh_token"]
    successor = client.refresh(spent).json()["refresh_token"]
    assert client.refresh(successor).status_code == 200
    assert client.refresh(spent).json()["error"] == "invalid_grant"
    watch.only("AuthPlaneRefreshTokenReuse")
    assert authserver.metric("authserver_refresh_token_reuse_total") == 1


def test_burst_of_denials_fires(client: OAuthClient, watch: Watch, repeat: Callable[..., None]) -> None:
    client.client_id = "nobody"
    repeat(lambda: client.refresh("none"), 0.03)
    watch.only("AuthPlaneAuthDeniedSpike")


def test_burst_of_bad_proofs_fires(authserver: AuthServer, watch: Watch, repeat: Callable[..., None]) -> None:
    machine, key = MachineClient.create(authserver), ProofKey()
    # Eight a second are over the limit for proofs and under that for denials.
    repeat(lambda: machine.token(key.proof("https://elsewhere.example/oauth/token")), 0.12)
    watch.only("AuthPlaneDPoPRejectionSpike")


@pytest.fixture
def lock(storage: dict[str, Any], postgres: Postgres) -> Callable[[], None]:
    """Keeps writers out of the database for most of a second."""
    if storage["driver"] == "sqlite":

        def hold() -> None:
            with closing(sqlite3.connect(storage["sqlite"]["path"], isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")
                time.sleep(0.9)
                database.execute("ROLLBACK")

        return hold
    statements = "BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE; SELECT pg_sleep(0.9); ROLLBACK"
    argv = [str(postgres.bin / "psql"), "-q", storage["postgres"]["dsn"], "-c", statements]
    return lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def test_slow_database_fires(
    authserver: AuthServer, watch: Watch, lock: Callable[[], None], repeat: Callable[..., None]
) -> None:
    machine = MachineClient.create(authserver)
    repeat(lock, 0.1)
    repeat(machine.token, 0.01)
    watch.only("AuthPlaneTokenIssuanceSlow")


def test_quiet_traffic_fires_nothing(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser, watch: Watch, repeat: Callable[..., None]
) -> None:
    machine = MachineClient.create(authserver)
    client.register()
    code = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))["code"]
    tokens = [client.redeem(code, resource=demo.resource).json()["refresh_token"]]

    def work() -> None:
        tokens.append(client.refresh(tokens[-1]).json()["refresh_token"])
        machine.token(ProofKey().proof(machine.token_endpoint))
        client.refresh("mistaken")

    repeat(work, 0.5)
    # Longer than the longest `for` of a rule about traffic, 15 s.
    watch.prometheus.wait_scrapes(34)
    assert watch.prometheus.value("increase(authserver_tokens_refreshed_total[15s])") > 5
    assert watch.prometheus.value("increase(authserver_auth_denied_total[15s])") > 5
    assert watch.prometheus.alerts_ever() == watch.alertmanager.firing() == set()
