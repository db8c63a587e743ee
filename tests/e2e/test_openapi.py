"""The description of both listeners, held against them by a client that makes its requests from it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import validate
from peers.authserver import ADMIN_KEY, REPOSITORY, AuthServer
from peers.demo import Demo

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)
# An answer without end is nothing for a client that waits for whole ones.
ENDLESS = "/admin/audit/stream"
# A version that nobody gave is told before what else is wrong: 412.
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422"]
"""
CALM = {"rate_limit": {"enabled": False}, "dcr": {"rate_limit": 0}}


def description(authserver: AuthServer) -> dict:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    return httpx.get(f"{authserver.admin_url}/admin/openapi.json", headers=headers).raise_for_status().json()


def test_the_description_is_valid_and_is_the_one_in_the_reference(authserver: AuthServer) -> None:
    served = description(authserver)
    assert served["openapi"].startswith("3.1")
    validate(served)
    kept = json.loads((REPOSITORY / "docs/reference/openapi.json").read_text())
    assert served == kept
    refused = httpx.get(f"{authserver.admin_url}/admin/openapi.json")
    assert refused.status_code == 401


def test_the_page_of_the_reference_is_the_generated_one() -> None:
    script = [sys.executable, REPOSITORY / "tests/docs/http_api.py"]
    written = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert written == (REPOSITORY / "docs/reference/http-api.md").read_text(), "run tests/docs/http_api.py"


@pytest.mark.config(**CALM)
@pytest.mark.parametrize("listener", ["admin", "public"])
def test_schemathesis_finds_nothing(
    authserver: AuthServer, demo: Demo, listener: str, tmp_path: Path, output: Path
) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(description(authserver)))
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    base, paths, key = {
        "admin": (authserver.admin_url, "^/(admin/|metrics)", ["--header", f"Authorization: Bearer {ADMIN_KEY}"]),
        "public": (authserver.url, "^/(?!admin/|metrics)", []),
    }[listener]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", settings, "run", file, "--url", base, *key),
        *("--include-path-regex", paths, "--exclude-path", ENDLESS),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "15", "--generation-deterministic"),
        *("--request-timeout", "20", "--workers", "2", "--no-color", "--continue-on-failure"),
    ]
    environment = {**os.environ, "NO_PROXY": "*"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=400, env=environment)
    (output / "schemathesis.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested and int(tested[1]) >= {"admin": 53, "public": 13}[listener], done.stdout[-2000:]
