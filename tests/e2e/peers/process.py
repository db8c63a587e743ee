"""Child processes: started with a log file, waited for, and stopped for certain."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx


GIVEN: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on: each once, and none that a connection could get before
    the server that it is for has taken it."""
    while True:
        port = random.randint(10_000, 32_000)
        if port in GIVEN:
            continue
        GIVEN.add(port)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return port


def answers(url: str, status: int, method: str = "GET") -> Callable[[], bool]:
    """A condition: `url` answers with `status`."""

    def probe() -> bool:
        try:
            return httpx.request(method, url, timeout=2).status_code == status
        except httpx.TransportError:
            return False

    return probe


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Polls `condition` until it holds; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout:g} s")
        time.sleep(0.05)


class Process:
    """One child in a process group of its own."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = Path(argv[0]).name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                [str(argument) for argument in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )

    def wait_ready(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        """Waits for `condition`; a child that ended before fails the test with its last words."""

        def ready() -> bool:
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            return condition()

        wait_until(ready, timeout, f"{self.name} ready (log: {self.log})")

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, timeout: float = 15) -> int:
        """SIGTERM, then SIGKILL; returns the exit code of the child."""
        self._signal(signal.SIGTERM)
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.child.wait()
        return self.child.returncode

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)
