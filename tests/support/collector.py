"""A collector of OpenTelemetry on loopback, which decodes what it is sent with OpenTelemetry's own definitions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(NamedTuple):
    trace: str
    id: str
    parent: str
    name: str
    begin: int  # nanoseconds
    end: int
    attributes: Mapping[str, Any]
    events: list[str]
    links: list[tuple[str, str]]  # trace, span
    error: str


class Collector:
    """What was received."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.resource: dict[str, Any] = {}
        self.spans: list[Span] = []
        self.metrics: dict[str, list[tuple[Mapping[str, Any], float]]] = {}
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.released = Event()  # while it is not set, a collector that hangs does not answer

    def named(self, name: str) -> Span:
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource = _attributes(part.resource)
                self.spans += [_span(span) for scope in part.scope_spans for span in scope.spans]
        else:
            assert path == "/v1/metrics", path
            for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
                    data = metric.histogram if metric.HasField("histogram") else metric.sum
                    points = [(_attributes(one), getattr(one, "sum", None) or one.as_int) for one in data.data_points]
                    self.metrics[metric.name] = points


def _attributes(message: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in message.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def _span(span: Any) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span),
        [event.name for event in span.events],
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        span.status.message if span.status.code == 2 else "",
    )


@contextmanager
def collecting(status: int = 200, *, hangs: bool = False) -> Iterator[Collector]:
    """A collector that answers with this status, or not before the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.headers.append(dict(self.headers))
            if hangs:
                here.released.wait(60)
            elif status == 200:
                here.take(self.path, body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{here.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield here
        finally:
            here.released.set()
            server.shutdown()
            thread.join()
