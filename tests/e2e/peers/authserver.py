"""The server under test: its configuration, its process and its command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from .leaks import LEAKS
from .process import Process, answers

REPOSITORY = Path(__file__).resolve().parents[3]
ADMIN_KEY = "e2e-6f0d2c1b9a4e7358"


def find_binary() -> Path:
    """`AUTHSERVER_BIN`, or the newest build of this repository."""
    if named := os.environ.get("AUTHSERVER_BIN"):
        return Path(named).resolve(strict=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    builds = [path for path in (target / "release/authserver", target / "debug/authserver") if path.exists()]
    if not builds:
        raise RuntimeError(f"no authserver under {target}: build it, or set AUTHSERVER_BIN")
    return max(builds, key=lambda path: path.stat().st_mtime)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


class AuthServer:
    def __init__(
        self,
        folder: Path,
        output: Path,
        config: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
        name: str = "authserver",
    ) -> None:
        self.binary = find_binary()
        self.folder = folder
        self.config = config
        self.env = {"NO_PROXY": "*", **(env or {})}
        self.file = folder / f"{name}.yaml"
        self.log = output / f"{name}.log"
        self.url = f"http://{config['server']['address']}"
        self.issuer: str = config["server"]["issuer"]
        self.admin_url = f"http://{config['admin']['address']}"
        self.process: Process | None = None

    def start(self) -> None:
        LEAKS.remember_json(self.config)
        LEAKS.remember(self.config["admin"]["api_key"])
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(yaml.safe_dump(dict(self.config)))
        argv = [self.binary, "serve", "--config", self.file]
        self.process = Process(argv, self.log, self.env, cwd=self.folder)
        self.process.wait_ready(answers(f"{self.url}/ready", 200))

    def stop(self) -> None:
        if self.process:
            code = self.process.stop()
            self.process = None
            assert code == 0, f"authserver ended with {code}; see {self.log}"
            LEAKS.check(self.log)

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Runs a subcommand of the binary on this server's configuration; returns its standard output."""
        done = subprocess.run(
            [self.binary, *arguments, "--config", self.file],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=30,
        )
        assert done.returncode == 0, f"authserver {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def admin(self, *arguments: str, stdin: str = "") -> Any:
        """Runs `authserver admin … --json`; returns what it prints."""
        printed = json.loads(self.cli("admin", *arguments, "--json", stdin=stdin))
        LEAKS.remember_json(printed)
        return printed

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a series of `/metrics` over the labels that are not given."""
        text = httpx.get(f"{self.admin_url}/metrics").raise_for_status().text
        values = []
        for found in re.finditer(rf"^{name}(?:{{(.*)}})? ([0-9.e+-]+)$", text, re.MULTILINE):
            carried = dict(re.findall(r'(\w+)="([^"]*)"', found[1] or ""))
            if labels.items() <= carried.items():
                values.append(float(found[2]))
        assert values, f"/metrics has no {name} with {labels}"
        return sum(values)
