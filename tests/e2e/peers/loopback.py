"""The listener of a native application on 127.0.0.1 (RFC 8252 section 7.3)."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Landing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.visited.append(self.path)
        onward = self.server.onward if self.path.startswith("/callback") else None
        body = b"You can close this tab."
        self.send_response(302 if onward else 200)
        if onward:
            self.send_header("Location", onward)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Loopback:
    """Remembers what it was asked for; with `onward`, its callback leads on to there."""

    def __init__(self, onward: str | None = None) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Landing)
        self.server.onward = onward
        self.server.visited = []
        self.redirect_uri = f"http://127.0.0.1:{self.server.server_address[1]}/callback"

    @property
    def callbacks(self) -> list[str]:
        return [path for path in self.server.visited if path.startswith("/callback")]

    def __enter__(self) -> Loopback:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
