"""A PostgreSQL cluster of the test run's own, from Debian's package."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .process import free_port


def newest_installation() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise RuntimeError("PostgreSQL is not installed; run tests/e2e/setup.sh")
    return found[-1]


class Postgres:
    """Durable settings are left at their defaults (fsync on): the server is tested as it is run."""

    def __init__(self) -> None:
        self.bin = newest_installation()
        self.folder = Path(tempfile.mkdtemp(prefix="authplane-postgres-"))
        self.port = free_port()
        self.names = (f"authplane_{number}" for number in itertools.count(1))
        # PostgreSQL refuses to run as root.
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.as_user:
            shutil.chown(self.folder, "postgres", "postgres")
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C")
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=300"
        self._run("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def create_database(self) -> str:
        """The DSN of a new, empty database."""
        name = next(self.names)
        self._run("createdb", "-h", self.folder, "-p", self.port, "-U", "postgres", name)
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: object) -> None:
        argv = [*self.as_user, str(self.bin / program), *map(str, arguments)]
        done = subprocess.run(argv, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}")
