"""What `authserver quickstart` seeds: a user, and a resource with two scopes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from .authserver import AuthServer
from .process import answers, free_port, wait_until

READ, WRITE = "tools/read", "tools/write"


@dataclass(frozen=True)
class Demo:
    user_id: str
    email: str
    password: str
    resource: str
    slug: str = "demo"


def seed(authserver: AuthServer) -> Demo:
    email, password = "demo@example.com", secrets.token_urlsafe(12)
    account = ("--email", email, "--name", "Demo User", "--password", "-")
    user = authserver.admin("user", "create", *account, stdin=password + "\n")
    demo = Demo(user["id"], email, password, f"http://localhost:{free_port()}/mcp")
    add_resource(authserver, demo.slug, demo.resource, READ, WRITE)
    return demo


def add_resource(authserver: AuthServer, slug: str, uri: str, *scopes: str) -> None:
    """Registers a resource by the CLI, and waits for the running server to know it: a second at most."""
    catalog = [flag for scope in scopes for flag in ("--scopes", f"{scope}||May use {scope}")]
    identity = ("--slug", slug, "--uri", uri, "--display-name", f"The {slug} server")
    authserver.admin("resource", "create", *identity, *catalog)
    known = answers(f"{authserver.url}/.well-known/oauth-protected-resource/{slug}", 200)
    wait_until(known, 1.5, f"resource {slug} served")
