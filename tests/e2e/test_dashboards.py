"""Every query of the shipped Grafana dashboards has data after some traffic; the pictures of the documentation are
drawn the same way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from peers.authserver import REPOSITORY, AuthServer
from peers.demo import READ, Demo
from peers.dpop import ProofKey
from peers.machine import MachineClient
from peers.monitoring import Prometheus
from peers.oauth import OAuthClient
from peers.process import wait_until
from peers.user import HttpUser

pytestmark = pytest.mark.config(rate_limit={"auth_fail_max": 1000})

ROUNDS = int(os.environ.get("DASHBOARD_ROUNDS", "3"))


def authorize_refresh_and_replay(authserver: AuthServer, demo: Demo) -> None:
    client, user = OAuthClient(authserver.url), HttpUser(demo.email, demo.password)
    client.register()
    url = client.authorization_url(resource=demo.resource, scope=READ)
    answer = client.redeem(user.authorize(url)["code"], resource=demo.resource)
    first = answer.json()["refresh_token"]
    second = client.refresh(first).json()["refresh_token"]
    client.refresh(first)
    client.refresh(second)
    client.refresh(first)
    client.redeem("unknown", resource=demo.resource)


def work_as_machine(machine: MachineClient) -> None:
    key = ProofKey()
    token = machine.token(key.proof(machine.token_endpoint)).json()["access_token"]
    machine.introspect(token)
    machine.revoke(token)
    machine.introspect(token)
    machine.token(key.proof("https://elsewhere.example/oauth/token"))
    machine.token(scope="unknown")
    httpx.get(f"{machine.server.admin_url}/admin/keys")


def test_every_query_of_the_dashboards_has_data(
    authserver: AuthServer, demo: Demo, tmp_path: Path, output: Path
) -> None:
    prometheus = Prometheus(tmp_path, output, authserver.admin_url.removeprefix("http://"))
    with ExitStack() as stack:
        stack.callback(prometheus.process.stop)
        prometheus.wait_scrapes(2)
        machine = MachineClient.create(authserver)
        for _ in range(ROUNDS):
            authorize_refresh_and_replay(authserver, demo)
            work_as_machine(machine)
            prometheus.wait_scrapes(1)
        assert authserver.process
        os.kill(authserver.process.child.pid, signal.SIGHUP)
        reloads = "authserver_key_reload_duration_seconds_count"
        wait_until(lambda: prometheus.value(f"increase({reloads}[1h])") > 0, 10, "a reload scraped")
        prometheus.wait_scrapes(3)
        draw = [sys.executable, str(REPOSITORY / "tests/docs/dashboards.py"), prometheus.url, str(output)]
        done = subprocess.run(draw, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
