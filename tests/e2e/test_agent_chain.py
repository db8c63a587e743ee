"""Three agents one behind the other: the user signs in to the first, and each exchanges the token it
was called with for the next. All are processes of their own, on FastMCP with `authplane-fastmcp`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.shared.exceptions import McpError
from mcp.types import URL_ELICITATION_REQUIRED
from peers.agents import Agent, AgentServer
from peers.authserver import AuthServer
from peers.demo import READ, Demo, add_resource
from peers.loopback import Loopback
from peers.mcp_client import McpClient
from peers.oauth import claims
from peers.process import free_port, wait_until
from peers.user import HttpUser

pytestmark = [pytest.mark.anyio, pytest.mark.instances(2)]

Chain = tuple[Agent, Agent, Agent]


@pytest.fixture
def chain(authserver: AuthServer, demo: Demo, output: Path) -> Iterator[Chain]:
    """The orchestrator (which runs the demo resource) calls the planner, the planner the tool server."""
    places = {demo.slug: demo.resource}
    for slug in ("planner", "tools"):
        places[slug] = f"http://localhost:{free_port()}/mcp"
        add_resource(authserver, slug, places[slug], READ)
    orchestrator = Agent.create(authserver, demo.slug, demo.resource, "--agent")
    planner = Agent.create(authserver, "planner", places["planner"], "--agent")
    tools = Agent.create(authserver, "tools", places["tools"])
    orchestrator.calls(planner)
    planner.calls(tools)
    with ExitStack() as stack:
        servers = []
        for agent, following in ((orchestrator, planner.resource), (planner, tools.resource), (tools, "")):
            server = AgentServer(agent, READ, output, following)
            stack.callback(server.process.stop)
            servers.append(server)
        for server in servers:
            server.wait_ready()
        yield orchestrator, planner, tools


async def asked(session: ClientSession) -> str:
    """Calls the first agent; returns the address at which somebody on the way wants an answer."""
    with pytest.raises(McpError) as refused:
        await session.call_tool("trace", {})
    assert refused.value.error.code == URL_ELICITATION_REQUIRED
    (elicitation,) = refused.value.error.data["elicitations"]
    assert "consent_missing" in elicitation["message"]
    return elicitation["url"]


async def traced(session: ClientSession) -> list[dict[str, Any]]:
    answer = await session.call_tool("trace", {})
    assert not answer.isError, answer.content
    return json.loads(answer.content[0].text)


def revoke_consent(authserver: AuthServer, demo: Demo, client_id: str) -> None:
    """The consent on which the planner's token rests, and the tool server's in turn."""
    given = authserver.admin("grant", "list-user-grants", demo.user_id)["consent_grants"]
    planner = authserver.admin("resource", "get", "planner")["id"]
    (consent,) = [one["id"] for one in given if (one["client_id"], one["resource_id"]) == (client_id, planner)]
    authserver.admin("grant", "revoke-consent", consent)


def force_logout(authserver: AuthServer, demo: Demo, client_id: str) -> None:
    authserver.cli("admin", "user", "force-logout", demo.user_id)


@pytest.mark.parametrize(("end", "left"), [(revoke_consent, True), (force_logout, False)])
async def test_user_is_known_three_hops_away_until_the_ground_is_taken_away(
    instances: list[AuthServer],
    demo: Demo,
    chain: Chain,
    user: HttpUser,
    loopback: Loopback,
    end: Callable[[AuthServer, Demo, str], None],
    left: bool,
) -> None:
    """`left`: whether the token of the user's own app outlives that."""
    _, planner, tools = chain
    app = McpClient(demo.resource, user, loopback.redirect_uri)
    async with app.session() as session:
        for waiting in (planner, tools):
            page = user.answer(await asked(session))
            assert "You allowed it" in page, waiting.slug
        hops = await traced(session)
    assert user.pages == ["login", "consent", "consent", "consent"]

    for hop in hops:
        assert claims(hop["token"]) == hop["claims"], "what was verified is what was sent"
        assert (hop["claims"]["sub"], hop["claims"]["scope"]) == (demo.user_id, READ)
    first, second, third = (hop["claims"] for hop in hops)
    app_id = app.registration.client_id
    ids = [agent.client.client_id for agent in chain]
    assert [hop["aud"] for hop in (first, second, third)] == [[agent.resource] for agent in chain]
    assert [hop["client_id"] for hop in (first, second, third)] == [app_id, *ids[:2]]
    by_orchestrator = {"sub": ids[0], "actor_type": "agent"}
    by_planner = {"sub": ids[1], "actor_type": "agent", "act": by_orchestrator}
    assert [hop.get("act") for hop in (first, second, third)] == [None, by_orchestrator, by_planner]
    assert [hop.get("agent_id") for hop in (first, second, third)] == [None, *ids[:2]]
    assert [hop.get("agent_chain") for hop in (first, second, third)] == [None, ids[:1], ids[:2]]
    assert third["exp"] <= second["exp"] <= first["exp"]

    tokens = [hop["token"] for hop in hops]

    def active(server: AuthServer) -> list[bool]:
        """What each agent's own client is told there of the token that the agent was called with."""
        asked = zip(chain, tokens, strict=True)
        return [agent.client.at(server).introspect(token)["active"] for agent, token in asked]

    def welcome() -> list[bool]:
        """Whether the agents still let these tokens in; an empty request is wrong, but for later."""
        for_them = zip(chain, tokens, strict=True)
        answers = (
            httpx.post(agent.resource, headers={"Authorization": f"Bearer {token}"}, json={})
            for agent, token in for_them
        )
        return [answer.status_code != 401 for answer in answers]

    assert [active(server) for server in instances] == [[True] * 3] * 2
    assert welcome() == [True] * 3
    end(instances[0], demo, app_id)
    after = [left, False, False]
    wait_until(lambda: all(active(server) == after for server in instances), 1, "the end noticed by every instance")
    assert welcome() == after
