"""`authserver quickstart` and the examples with their defaults: what the README tells a newcomer to do.

Needs the default ports: 9000 and 9001 for the server, 8080 for the MCP server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.authserver import find_binary
from peers.browser import Browser
from peers.examples import ExampleServer, run_client
from peers.process import Process, answers

RESOURCE = "http://localhost:8080/mcp"


@pytest.fixture
def printed_password(tmp_path: Path, output: Path) -> Iterator[str]:
    """What quickstart prints, while its server runs."""
    ready = answers("http://localhost:9000/ready", 200)
    assert not ready(), "something else answers on port 9000"
    quickstart = Process([find_binary(), "quickstart"], output / "quickstart.log", cwd=tmp_path)
    try:
        quickstart.wait_ready(ready)
        printed = quickstart.log.read_text()
        assert "demo@example.com" in printed
        assert "http://localhost:9000" in printed
        assert "http://localhost:9001/metrics" in printed
        found = re.search(r"password[:\s]+(\S+)", printed, re.IGNORECASE)
        assert found, f"no password in:\n{printed}"
        yield found[1]
    finally:
        quickstart.stop()


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_newcomer_calls_a_protected_tool(printed_password: str, tmp_path: Path, output: Path, language: str) -> None:
    browser = Browser(tmp_path / "profile", output, "demo@example.com", printed_password)
    try:
        with ExampleServer(language, RESOURCE, {}, output):
            printed = run_client(language, RESOURCE, browser, output)
    finally:
        browser.quit()
    assert "add_note: ok: Saved note 2." in printed
    assert "read_notes: ok: AuthPlane let you in." in printed
