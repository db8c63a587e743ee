"""The code blocks of a documentation page, taken one after the other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .authserver import REPOSITORY

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    text: str


class Page:
    """Every block has to be taken, in order, or passed over for a reason: `finish` says which are left."""

    def __init__(self, name: str) -> None:
        self.name = name
        source = (REPOSITORY / "docs/start" / name).read_text()
        self.left = [Block(*found) for found in FENCE.findall(source)]

    def take(self, language: str, word: str = "") -> str:
        """The next block, which is in `language` and has `word` in it."""
        assert self.left, f"{self.name} has no more blocks, and {language} with {word!r} was expected"
        block = self.left.pop(0)
        assert (block.language, word in block.text) == (language, True), (
            f"{self.name}: this block was expected to be {language} with {word!r}:\n{block.language}\n{block.text}"
        )
        return block.text

    def pass_over(self, language: str, word: str, *, because: str) -> None:
        """The next block, which cannot be run here."""
        assert because
        self.take(language, word)

    def finish(self) -> None:
        assert not self.left, f"{self.name} has blocks that no test runs: {self.left}"


class Shell:
    """A newcomer's terminal: a folder and an environment that commands run in as they are printed."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = dict(env)

    def run(self, block: str, stdin: str = "", timeout: float = 240) -> str:
        """Runs a block; returns what it prints."""
        argv = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, cwd=self.folder, env=self.env, timeout=timeout
        )
        assert done.returncode == 0, f"{block}\n{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def argv(self, line: str) -> list[str]:
        """For a command that goes on until it is stopped."""
        return ["bash", "-c", f"exec {line.strip()}"]
