"""A server that is set up by its command line alone, here and from afar, issues tokens that hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from peers.authserver import ADMIN_KEY, REPOSITORY, AuthServer, find_binary

SCRIPT = REPOSITORY / "tests/e2e/cli_only.sh"


def test_the_reference_of_commands_is_the_generated_one() -> None:
    script = [sys.executable, REPOSITORY / "tests/docs/cli.py", find_binary()]
    written = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert written == (REPOSITORY / "docs/reference/cli.md").read_text(), "run tests/docs/cli.py"


@pytest.mark.parametrize("where", ["at hand", "from afar"])
def test_the_command_line_is_enough(authserver: AuthServer, tmp_path: Path, where: str) -> None:
    if where == "at hand":
        place = [authserver.binary, "--config", authserver.file, "admin"]
    else:
        key = tmp_path / "key"
        key.write_text(ADMIN_KEY)
        place = [authserver.binary, "admin", "--server", authserver.admin_url, "--api-key-file", key]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [SCRIPT, authserver.url, *place]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = map(json.loads, done.stdout.splitlines()[-2:])
    assert first["active"] and first["scope"] == "notes:read"
    assert second["active"] and second["aud"] == ["https://search.example/mcp"] and second["scope"] == "find"
    assert list(elsewhere.iterdir()) == [], "nothing is left where the commands ran"
    assert authserver.admin("dcr", "get")["mode"] == "admin_only"
    assert authserver.admin("user", "get", "ada@example.com")["name"] == "Ada Lovelace"
