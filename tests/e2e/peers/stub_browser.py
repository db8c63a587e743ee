"""A stand-in for the browser that programs open: it writes down the addresses, and a user visits them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from .user import HttpUser

# What programs call to open a browser on Linux.
NAMES = ("xdg-open", "x-www-browser", "sensible-browser")


class StubBrowser:
    """Within the context, addresses that a program with `env` opens are visited by `user`."""

    def __init__(self, folder: Path, user: HttpUser) -> None:
        self.user = user
        self.opened = folder / "opened-addresses"
        self.opened.touch()
        commands = folder / "stub-browser"
        commands.mkdir()
        for name in NAMES:
            command = commands / name
            command.write_text(f'#!/bin/sh\nfor address; do echo "$address" >>{self.opened}; done\n')
            command.chmod(0o755)
        # HOME is where the programs keep tokens. Without DISPLAY xdg-open runs $BROWSER instead of the desktop's.
        self.env = {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "BROWSER": str(commands / "xdg-open"),
            "DISPLAY": "",
            "HOME": str(folder),
        }
        self.visited: list[str] = []
        self.fault: BaseException | None = None

    def __enter__(self) -> StubBrowser:
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        if self.fault:
            raise self.fault

    def _watch(self) -> None:
        while not self.ended.is_set() and not self.fault:
            for url in self.opened.read_text().splitlines()[len(self.visited) :]:
                self.visited.append(url)
                try:
                    self.user.visit(url)
                except BaseException as fault:
                    self.fault = fault
            time.sleep(0.1)
