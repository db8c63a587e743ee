"""A collector: it receives traces by OTLP over gRPC, and keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, port: int) -> None:
        self.spans: list[Span] = []
        self.address = f"127.0.0.1:{port}"
        self.server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        assert self.server.add_insecure_port(self.address) == port
        self.server.start()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        for one in request.resource_spans:
            resource = {own.key: own.value.string_value for own in one.resource.attributes}
            for scope in one.scope_spans:
                for span in scope.spans:
                    attributes = {own.key: own.value.string_value for own in span.attributes}
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self.spans.append(Span(resource["service.name"], span.name, *ids, attributes))
        return trace_service_pb2.ExportTraceServiceResponse()

    def up_from(self, span: Span) -> Iterator[Span]:
        """The span, its parent, and so on, as far as they have come."""
        by_id = {own.span_id: own for own in list(self.spans)}
        found: Span | None = span
        while found:
            yield found
            found = by_id.get(found.parent_id)

    def stop(self) -> None:
        self.server.stop(1).wait()
