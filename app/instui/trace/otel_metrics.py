"""What sums up over many sessions, as metrics of OpenTelemetry: seconds of sessions and of waits, bytes, wheels.

Attributes have few values, so that a fleet's installs make few time series. Needs the extra `otlp`; imported only by
`otlp.py`.
"""

from collections.abc import Mapping

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource

from instui.monitor.model import SETTLED, Snapshot
from instui.monitor.names import is_foreign
from instui_engine.journal.events import Holder, SessionStarted

_TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def metrics(snapshot: Snapshot, outcome: str, resource: Resource, environ: Mapping[str, str]) -> MetricsData | None:
    """The metrics of a session that is over.

    Each session counts from zero, so these are what it has added, unless `environ` asks for cumulative ones.
    """
    added: dict[type, AggregationTemporality] | None = None
    if environ.get(_TEMPORALITY, "").strip().lower() != "cumulative":
        added = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
    reader = InMemoryMetricReader(preferred_temporality=added)
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    _record(provider.get_meter("instui"), snapshot, outcome)
    return reader.get_metrics_data()


def _record(meter: Meter, snapshot: Snapshot, outcome: str) -> None:
    session = snapshot.session
    command = session.command[1] if session is not None and len(session.command) > 1 else ""
    about = {"instui.command": command, "instui.outcome": outcome}

    whole = meter.create_histogram(
        "instui.session.duration", "s", "from the start of the program to the end of the session",
        explicit_bucket_boundaries_advisory=_SECONDS,
    )  # fmt: skip
    whole.record(snapshot.t + (session.ran if session is not None else 0.0), about)
    waits = meter.create_histogram(
        "instui.lock.wait", "s", "waits for locks and other processes, by who was waited for",
        explicit_bucket_boundaries_advisory=_SECONDS,
    )  # fmt: skip
    for claim in snapshot.waits:
        waits.record(claim.seconds, {"instui.lock": "claim", "instui.holder": _who(claim.holders, session)})
    for wait in snapshot.session_waits:
        end = snapshot.t if wait.end is None else wait.end
        waits.record(end - wait.begin, {"instui.lock": wait.what, "instui.holder": _who(wait.holders, session)})
    last = snapshot.samples[-1] if snapshot.samples else None
    if last is not None:
        io = meter.create_counter("instui.bytes", "By", "bytes of wheels")
        io.add(last.fetched_bytes, {"instui.phase": "fetch"})
        io.add(last.unpacked_bytes, {"instui.phase": "unpack"})
    wheels = meter.create_counter("instui.wheels", "{wheel}", "wheels by how they ended")
    for phase in SETTLED:
        number = sum(wheel.phase is phase for wheel in snapshot.wheels)
        if number:
            wheels.add(number, {"instui.outcome": phase.value})


def _who(holders: tuple[Holder, ...], session: SessionStarted | None) -> str:
    """Who was waited for, in one of a few words."""
    others = [holder for holder in holders if is_foreign(holder, session)]
    if not others:
        return "own wheel" if holders else "unknown"
    return "other session" if any(holder.session for holder in others) else "other program"
