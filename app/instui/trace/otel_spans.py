"""A trace as spans of OpenTelemetry. The ids follow from the session's: a link to another session finds its trace.

Needs the extra `otlp`; imported only by `otlp.py`.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from heapq import nlargest
from itertools import count

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from instui.monitor.names import holder_name
from instui_engine.errors import printable

from .lock_tracks import holder_facts
from .tracks import Instant, Slice, Trace, Track, Value, nested

_WHOLE = "session"  # the name of the span of the whole session
_MOVED = "session within another trace"  # the same, if a parent was given
_EVENTS = 128  # of one span, as many as OpenTelemetry keeps
_WHEELS = 2000  # that have spans: more take seconds to make and to send, and no backend shows them


def context_of(session: str) -> SpanContext:
    """Where the spans of a session are, unless a parent was given: its trace, and the span of the whole session."""
    digest = sha256(f"instui {session}".encode()).digest()
    trace, span = int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def spans(trace: Trace, resource: Resource, environ: Mapping[str, str]) -> Sequence[ReadableSpan]:
    """All spans of a session. TRACEPARENT in `environ` names the span that it is a part of, as W3C describes it."""
    session = str(trace.facts.get("session", ""))
    memory, ids = InMemorySpanExporter(), _Ids(session)
    provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    given = {name: environ[name.upper()] for name in ("traceparent", "tracestate") if name.upper() in environ}
    parent = TraceContextTextMapPropagator().extract(given, Context()) if given else Context()
    _Writer(provider.get_tracer("instui", str(trace.facts["version"])), ids, trace).write(parent)
    return memory.get_finished_spans()


def _of_note(tracks: Sequence[Track]) -> Sequence[Track]:
    """The tracks of wheels that have spans, in their order: of too many those of note.

    They failed, waited or were waited for, or took longest.
    """
    if len(tracks) <= _WHEELS:
        return tracks
    notable = nlargest(_WHEELS, range(len(tracks)), key=lambda place: _note(tracks[place].slices[0]))
    return [tracks[place] for place in sorted(notable)]


def _note(wheel: Slice) -> tuple[bool, float, float]:
    waits = sum(float(wheel.facts.get(fact, 0.0)) for fact in ("waited_seconds", "blocked_others_seconds"))
    return bool(wheel.facts.get("error")), waits, wheel.end - wheel.begin


class _Ids(IdGenerator):
    """Ids that follow from the session, so that what is sent twice is the same."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._names = (f"part {number}" for number in count())
        self.name = ""  # of the next span; "" if nothing has to find it

    def generate_trace_id(self) -> int:
        return context_of(self._session).trace_id

    def generate_span_id(self) -> int:
        name, self.name = self.name or next(self._names), ""
        return context_of(self._session).span_id if name == _WHOLE else _span_id(self._session, name)


def _span_id(session: str, name: str) -> int:
    return int.from_bytes(sha256(f"instui {session} {name}".encode()).digest()[:8], "big")


class _Writer:
    """Makes the spans of a trace."""

    def __init__(self, tracer: Tracer, ids: _Ids, trace: Trace) -> None:
        self._tracer = tracer
        self._ids = ids
        self._trace = trace
        self._session = str(trace.facts.get("session", ""))
        self._began = float(trace.facts.get("began", 0.0))
        self._let_go = {
            id(flow.wait): str(flow.hold.facts["wheel"]) for flow in trace.flows if flow.hold.kind == "lock"
        }
        self._trace_id = 0

    def write(self, parent: Context) -> None:
        """Make the span of the session, and within it all others."""
        trace = self._trace
        name = " ".join(str(trace.facts.get("command", "instui")).split()[:2])  # a program names no command
        happened = [one for track in trace.session.tracks for one in track.instants]
        facts = {**trace.facts, "error": "killed"} if trace.facts["outcome"] == "killed" else trace.facts
        shown = _of_note(trace.wheels.tracks)
        if left_out := len(trace.wheels.tracks) - len(shown):
            facts = {**facts, "wheels_without_spans": left_out}
        # who expects the session in a trace of its own finds what `_forward` leaves there
        self._ids.name = _MOVED if get_current_span(parent).get_span_context().is_valid else _WHOLE
        whole = self._span(Slice(trace.begin, trace.end, name, "session", facts), parent, happened)
        here, expected = whole.get_span_context(), context_of(self._session)
        self._trace_id = here.trace_id
        inside = set_span_in_context(whole)
        # a wait, or a sync, is a part of the stage that it lies within
        self._parts([one for track in trace.session.tracks for one in track.slices], inside)
        for track in shown:
            self._parts(track.slices, inside, track.instants)
        if here.trace_id != expected.trace_id and here.trace_flags.sampled:
            self._forward(here, expected)

    def _parts(self, slices: Sequence[Slice], inside: Context, instants: Sequence[Instant] = ()) -> None:
        made: dict[int, Span] = {}
        for one, parent, _ in nested(slices):
            context = inside if parent is None else set_span_in_context(made[id(parent)])
            if one.kind == "wheel":
                self._ids.name = f"wheel {one.facts['wheel']}"
            made[id(one)] = self._span(one, context, instants if one.kind == "wheel" else ())

    def _span(self, one: Slice, context: Context, instants: Sequence[Instant] = ()) -> Span:
        facts: dict[str, Value | list[str]] = {"kind": one.kind, **one.facts}
        if one.holders:
            facts["holders"] = [holder_name(holder, None, str) for holder in one.holders]
            facts |= {f"holder.{name}": value for name, value in holder_facts(one.holders[0]).items()}
        span = self._tracer.start_span(
            one.name, context, attributes=_attributes(facts), links=self._links(one), start_time=self._at(one.begin)
        )
        if error := one.facts.get("error"):
            span.set_status(Status(StatusCode.ERROR, str(error)))
        for instant in instants[:_EVENTS]:
            span.add_event(instant.name, _attributes({"kind": instant.kind, **instant.facts}), self._at(instant.t))
        span.end(self._at(one.end))
        return span

    def _at(self, t: float) -> int:
        """Nanoseconds of Unix time."""
        return round((self._began + t) * 1e6) * 1000

    def _links(self, one: Slice) -> Sequence[Link]:
        """From a wait to the sessions that were waited for, and to the wheel that has let it go on."""
        others = dict.fromkeys(one.session for one in one.holders if one.session not in ("", self._session))
        links = [Link(context_of(session), {"instui.session": printable(session)}) for session in others]
        if wheel := self._let_go.get(id(one), ""):
            span = SpanContext(self._trace_id, _span_id(self._session, f"wheel {wheel}"), is_remote=False)
            links.append(Link(span, {"instui.wheel": wheel}))
        return links

    def _forward(self, here: SpanContext, expected: SpanContext) -> None:
        """Leave a span where other sessions expect this one, which is in the trace of its parent."""
        self._ids.name = _WHOLE
        span = self._tracer.start_span(
            "instui, as a part of another trace", Context(), links=[Link(here)], start_time=self._at(self._trace.begin)
        )
        span.end(self._at(self._trace.end))
        assert span.get_span_context().span_id == expected.span_id


def _attributes(facts: Mapping[str, Value | list[str]]) -> Mapping[str, Value | list[str]]:
    return {f"instui.{name}": value for name, value in facts.items()}
