"""A chain of MCP servers that call one another for a user, each a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .authserver import AuthServer
from .machine import MachineClient
from .process import Process, answers

PROGRAM = Path(__file__).parent.parent / "agent" / "server.py"


@dataclass(frozen=True)
class Agent:
    """An MCP server's resource, and the client as which it runs."""

    slug: str
    resource: str
    client: MachineClient

    @classmethod
    def create(cls, server: AuthServer, slug: str, resource: str, *options: str) -> Agent:
        """The resource is there already; its server may introspect what is sent to it."""
        client = MachineClient.exchanger(server, *options)
        server.cli("admin", "resource", "runtime-client", "add", slug, client.client_id)
        return cls(slug, resource, client)

    def calls(self, other: Agent) -> None:
        """Lets this one exchange its callers' tokens for those of the other's resource."""
        server = self.client.server
        server.cli("admin", "resource", "exchange-client", "add", other.slug, self.client.client_id)


class AgentServer:
    """The running process; with a next one, it hands its callers' requests on."""

    def __init__(
        self,
        agent: Agent,
        scope: str,
        output: Path,
        next_resource: str = "",
        launcher: Sequence[str | Path] = (sys.executable,),
        env: Mapping[str, str] | None = None,
    ) -> None:
        whole: Mapping[str, str] = {
            "AUTHPLANE_ISSUER": agent.client.server.issuer,
            "AUTHPLANE_CLIENT_ID": agent.client.client_id,
            "AUTHPLANE_CLIENT_SECRET": agent.client.client_secret,
            "MCP_RESOURCE": agent.resource,
            "MCP_SCOPES": scope,
            "NEXT_RESOURCE": next_resource,
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
        }
        self.resource = agent.resource
        self.process = Process([*launcher, PROGRAM], output / f"{agent.slug}.log", whole)

    def wait_ready(self) -> None:
        self.process.wait_ready(answers(self.resource, 401, "POST"), timeout=40)
