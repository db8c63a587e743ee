"""The MCP servers and clients of `examples/`, run as they are."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .authserver import REPOSITORY
from .mcp_client import User
from .process import Process, answers

EXAMPLES = REPOSITORY / "examples"
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
PRINTED_ADDRESS = re.compile(r"^(http://\S+/oauth/authorize\?\S+)\n", re.MULTILINE)


def command(language: str, program: str) -> list[str]:
    if language == "python":
        return [sys.executable, f"{program}.py"]
    npm = shutil.which("npm")
    assert npm, "npm is not installed; run tests/e2e/setup.sh"
    return [npm, "run", "--silent", program, "--"]


class ExampleServer:
    def __init__(self, language: str, resource: str, env: Mapping[str, str], output: Path) -> None:
        self.resource = resource
        self.process = Process(
            command(language, "server"),
            output / f"mcp-server-{language}.log",
            {**UNBUFFERED, **env, "MCP_RESOURCE": resource},
            cwd=EXAMPLES / language,
        )

    def __enter__(self) -> ExampleServer:
        try:
            self.process.wait_ready(answers(self.resource, 401, "POST"), timeout=40)
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()


def run_client(
    language: str,
    resource: str,
    user: User,
    output: Path,
    arguments: Sequence[str] = (),
    timeout: float = 60,
) -> str:
    """Runs an example client; `user` opens each address that it prints. Returns its whole output."""
    argv = [*command(language, "client"), "--no-browser", *arguments]
    log = output / f"mcp-client-{language}.log"
    return run_interactive(argv, user, log, {"MCP_RESOURCE": resource}, EXAMPLES / language, timeout)


def run_interactive(
    argv: Sequence[str | Path],
    user: User,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout: float = 60,
) -> str:
    """Runs a client that prints addresses on lines of their own; `user` opens each. Returns its whole output."""
    log.unlink(missing_ok=True)
    process = Process(argv, log, {**UNBUFFERED, **env}, cwd=cwd)
    deadline = time.monotonic() + timeout
    opened = 0
    try:
        while process.child.poll() is None:
            assert time.monotonic() < deadline, f"the client still runs after {timeout:g} s:\n{process.tail()}"
            for url in PRINTED_ADDRESS.findall(log.read_text())[opened:]:
                opened += 1
                user.authorize(url)
            time.sleep(0.1)
    finally:
        process.stop()
    return log.read_text()
