"""Sending a session to a collector, by OTLP over HTTP. OpenTelemetry is the extra `otlp`, and loaded only here.

What is sent is made of the journal, in which passwords are hidden. Where it goes is said by an endpoint that is given,
or by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and so on.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from instui.monitor.model import Snapshot
from instui.program import adding
from instui_engine.errors import InstuiError

from .session_tracks import Timed
from .trace import trace

_NEEDED = "opentelemetry-exporter-otlp-proto-http"  # needs the rest of it
_BATCH = 2000  # spans in one request


class NotSent(InstuiError):
    """A session could not be sent; the text says why, and `where` to what address, "" if that is unknown."""

    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(why)
        self.where: Final = where

    @property
    def line(self) -> str:
        """The line for a user."""
        return f"the session was not sent to the collector{f' at {self.where}' if self.where else ''}: {self}"


class Message:
    """What a session tells a collector: made without a connection, then sent."""

    def __init__(
        self, snapshot: Snapshot, timed: Iterable[Timed], host: str = "", environ: Mapping[str, str] = os.environ
    ) -> None:
        """The session must be over. `host` is the name of its machine, if that is known. Raises NotSent."""
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            raise NotSent("OTEL_SDK_DISABLED is set")
        try:
            from opentelemetry.sdk.resources import Resource

            from .otel_metrics import metrics
            from .otel_spans import spans
        except ImportError as error:
            raise NotSent(f"OpenTelemetry is not installed; install it: {adding(_NEEDED)}") from error
        about = {"service.name": "instui", "service.version": snapshot.session.version if snapshot.session else ""}
        resource = Resource.create({**about, **({"host.name": host} if host else {})})
        made = trace(snapshot, timed)
        with _Complaints():
            self._spans = spans(made, resource, environ)
            self._metrics = metrics(snapshot, str(made.facts["outcome"]), resource, environ)

    def send(self, endpoint: str, seconds: float = 5.0) -> int:
        """Send it to the collector at this URL, or "" for that of the variables; return the number of spans.

        The URL may be that of its traces, as some backends show it. Each request may take so many `seconds`, and is
        tried once. A collector that takes only spans is no error.
        Raises NotSent.
        """
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult

        from .otel_session import Failed, once

        base = endpoint.rstrip("/").removesuffix("/v1/traces")
        with _Complaints() as complaints:
            session = once(os.environ)
            exporter = OTLPSpanExporter(f"{base}/v1/traces" if base else None, timeout=seconds, session=session)
            for first in range(0, len(self._spans), _BATCH):
                with suppress(Failed):
                    if exporter.export(self._spans[first : first + _BATCH]) is SpanExportResult.SUCCESS:
                        continue
                why, where = (session.why, session.where) if session is not None else ("", "")
                raise NotSent(why or complaints.why or "the collector did not take it", where)
            if self._metrics is not None:
                url = f"{base}/v1/metrics" if base else None
                with suppress(Failed):
                    OTLPMetricExporter(url, timeout=seconds, session=once(os.environ)).export(self._metrics)
        return len(self._spans)


class _Complaints(logging.Handler):
    """What OpenTelemetry logs, instead of on the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.why = ""

    def emit(self, record: logging.LogRecord) -> None:
        # The first one names the cause; a later one only says that it was tried again.
        from .otel_session import brief

        self.why = self.why or brief(record.getMessage())

    def __enter__(self) -> "_Complaints":
        logger = logging.getLogger("opentelemetry")
        self._before = logger.propagate
        logger.propagate = False
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("opentelemetry")
        logger.removeHandler(self)
        logger.propagate = self._before
