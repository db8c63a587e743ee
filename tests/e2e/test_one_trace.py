"""One trace through three parties: a traced MCP client, AuthPlane, and a traced MCP server that introspects
what it is called with. The other two are instrumented by OpenTelemetry's own packages, not by these tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from peers.agents import Agent, AgentServer
from peers.authserver import AuthServer
from peers.collector import Collector, Span
from peers.demo import READ, Demo
from peers.loopback import Loopback
from peers.mcp_client import McpClient
from peers.process import free_port, wait_until
from peers.user import HttpUser

pytestmark = pytest.mark.anyio

PORT = free_port()
TRACED = pytest.mark.config(
    observability={"tracing": {"enabled": True, "endpoint": f"127.0.0.1:{PORT}", "insecure": True}}
)
CLIENT, SERVER = "mcp-client", "mcp-server"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector(PORT)
    yield collector
    collector.stop()


@pytest.fixture
def tools(collector: Collector, authserver: AuthServer, demo: Demo, output: Path) -> Iterator[AgentServer]:
    agent = Agent.create(authserver, demo.slug, demo.resource)
    launcher = (Path(sys.executable).parent / "opentelemetry-instrument", sys.executable)
    server = AgentServer(agent, READ, output, launcher=launcher, env={
        "OTEL_SERVICE_NAME": SERVER,
        "OTEL_PROPAGATORS": "tracecontext",
        "OTEL_TRACES_EXPORTER": "otlp_proto_grpc",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    })
    server.wait_ready()
    yield server
    server.process.stop()


@pytest.fixture
def traced(collector: Collector) -> Iterator[TracerProvider]:
    """While it lasts, HTTP clients of this process are traced."""
    provider = TracerProvider(resource=Resource.create({"service.name": CLIENT}))
    exporter = OTLPSpanExporter(endpoint=collector.address, insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    yield provider
    HTTPXClientInstrumentor().uninstrument()
    provider.shutdown()


@TRACED
async def test_one_trace_leads_from_the_client_through_authplane_to_the_introspection(
    collector: Collector, tools: AgentServer, user: HttpUser, loopback: Loopback, demo: Demo, traced: TracerProvider
) -> None:
    app = McpClient(demo.resource, user, loopback.redirect_uri)
    with traced.get_tracer(__name__).start_as_current_span("a user calls a tool") as root:
        async with app.session() as session:
            answer = await session.call_tool("trace", {})
    assert not answer.isError, answer.content
    trace_id = f"{root.get_span_context().trace_id:032x}"

    def ways(route: str) -> list[list[Span]]:
        """From each answer of AuthPlane on this route up to the first cause, within this trace."""
        ends = [span for span in list(collector.spans) if span.name == route and span.service == "authserver"]
        return [list(collector.up_from(span)) for span in ends if span.trace_id == trace_id]

    def services(way: list[Span]) -> list[str]:
        """Who is on the way, each once."""
        return [span.service for at, span in enumerate(way) if at == 0 or way[at - 1].service != span.service]

    def complete(route: str, parties: list[str]) -> bool:
        found = ways(route)
        return any(way[-1].name == "a user calls a tool" and services(way) == parties for way in found)

    for route, parties in (
        ("POST /oauth/register", ["authserver", CLIENT]),
        ("POST /oauth/token", ["authserver", CLIENT]),
        ("POST /oauth/introspect", ["authserver", SERVER, CLIENT]),
    ):
        wait_until(lambda r=route, p=parties: complete(r, p), 10, f"{route} below {parties[1:]}")

    # What AuthPlane did for the introspection is below it.
    inspected = [span for way in ways("POST /oauth/introspect") for span in way[:1]]
    below = {span.name for span in collector.spans if span.parent_id in {own.span_id for own in inspected}}
    assert "IntrospectionService.Introspect" in below
