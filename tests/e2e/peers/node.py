"""Scripts of `node/`: they read JSON from their first argument and print JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent.parent / "node"


def run_script(name: str, config: dict[str, Any]) -> dict[str, Any]:
    node = shutil.which("node")
    assert node, "Node.js is not installed; run tests/e2e/setup.sh"
    argv = [node, SCRIPTS / f"{name}.mjs", json.dumps(config)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
