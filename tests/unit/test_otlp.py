"""Sessions as spans and metrics of OpenTelemetry, as a collector decodes them."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from instui.monitor.fold import Fold
from instui.monitor.reader import read
from instui.trace import otel_spans
from instui.trace.otel_spans import context_of
from instui.trace.otlp import Message, NotSent
from instui_engine.journal import events
from instui_engine.journal.events import Holder
from support.collector import Collector, Span, collecting
from support.made_up import Timed, span

RECORDINGS = Path(__file__).parents[2] / "screenshots" / "recordings"
START = events.SessionStarted(
    2, "20261101-1", 42, 1000.0, 100.0, "0.1", ["instui", "install", "a"], "/v", "py", {"purelib": "lib"}, 2, ran=0.25
)
OTHER = Holder("b", "20261101-9", 99, "instui install b", "")
PARENT = {"TRACEPARENT": "00-11112222333344445555666677778888-aaaabbbbccccdddd-01"}


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SDK_DISABLED", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def sent(timed: Sequence[Timed], collector: Collector, environ: dict[str, str] | None = None, path: str = "") -> None:
    fold = Fold()
    for t, event in timed:
        fold.feed(t, event)
    fold.abandon()
    message = Message(fold.snapshot(0.0), timed, "h", environ or {})
    assert message.send(collector.url + path) == len(collector.spans)


def waiting(error: str = "") -> list[Timed]:
    """A wheel that waits for one of another session."""
    return [
        (0.0, START),
        span("commit", 0.0, 4.0)[0],
        (0.5, events.PlanWheel("a", 0, 3, 3, ["lib/x"], [], "")),
        (1.0, events.LockWaiting("a", "lib/x", "X", [OTHER])),
        (2.0, events.LockGranted("a", 1.0)),
        (2.0, events.CommitStarted("a", 3, 1)),
        (2.5, events.Overwrite("a", "lib/x/y.py", "b 1", "a 1", False)),
        (3.0, events.WheelFailed("a", error) if error else events.CommitFinished("a", 3)),
        (3.0, events.LockReleased("a", 1.0)),
        span("commit", 0.0, 4.0)[1],
        (4.0, events.SessionFinished(1 if error else 0, error, 0 if error else 1, 4.0)),
    ]


def tree(spans: Sequence[Span]) -> set[tuple[str, str]]:
    """The name of each span, and that of its parent."""
    names = {one.id: one.name for one in spans}
    return {(one.name, names.get(one.parent, "")) for one in spans}


def test_a_session_is_a_trace_of_its_stages_and_wheels_with_their_times() -> None:
    with collecting() as collector:
        sent(waiting(), collector)
    assert tree(collector.spans) == {
        ("instui install", ""),
        ("start", "instui install"),
        ("commit", "instui install"),  # the stage
        ("a", "instui install"),
        ("wait", "a"),
        ("waits for lib/x", "wait"),
        ("commit", "a"),
    }
    whole = collector.named("instui install")
    assert (whole.begin, whole.end) == (999_750_000_000, 1_004_000_000_000)
    wait = collector.named("waits for lib/x")
    assert (wait.begin, wait.end) == (1_001_000_000_000, 1_002_000_000_000)
    assert collector.named("a").events == ["overwrites"]
    assert collector.resource.items() >= {"service.name": "instui", "service.version": "0.1", "host.name": "h"}.items()


def test_a_wait_says_who_held_the_lock_and_links_to_that_session() -> None:
    with collecting() as collector:
        sent(waiting(), collector)
    wait, other = collector.named("waits for lib/x"), context_of("20261101-9")
    assert wait.links == [(f"{other.trace_id:032x}", f"{other.span_id:016x}")]
    assert wait.attributes["instui.holder.pid"] == 99
    assert wait.attributes["instui.holders"] == ["b of pid 99 (instui install b)"]
    with collecting() as second:
        sent([(0.0, START._replace(session="20261101-9")), *waiting()[-1:]], second)
    assert (second.named("instui install").trace, second.named("instui install").id) == wait.links[0]


def test_a_wait_links_to_the_wheel_of_the_session_that_let_it_go_on() -> None:
    with collecting() as collector:
        sent(list(read(RECORDINGS / "slow.jsonl")), collector)
    wait = collector.named("waits for site-packages/jwt")
    jwt = collector.named("jwt 1.4.0")
    assert wait.links == [(jwt.trace, jwt.id)]


@pytest.mark.parametrize("recording", sorted(RECORDINGS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_span_of_a_recording_lies_within_its_parent(recording: Path) -> None:
    with collecting() as collector:
        sent(list(read(recording)), collector)
    by_id = {one.id: one for one in collector.spans}
    assert len(by_id) == len(collector.spans)
    assert {one.trace for one in collector.spans} == {collector.spans[0].trace}
    assert [one.name for one in collector.spans if one.parent not in by_id] == [collector.spans[0].name]
    for one in collector.spans:
        parent = by_id.get(one.parent, one)
        assert parent.begin <= one.begin <= one.end <= parent.end


def test_a_failure_is_the_status_of_its_spans() -> None:
    with collecting() as collector:
        sent(waiting("rotten"), collector)
    assert {one.name: one.error for one in collector.spans if one.error} == {"instui install": "rotten", "a": "rotten"}
    with collecting() as second:
        sent(waiting()[:-1], second)
    assert second.named("instui install").error == "killed"


def test_a_parent_that_is_given_is_that_of_the_session_which_is_still_found_by_its_id() -> None:
    with collecting() as collector:
        sent(waiting(), collector, PARENT)
    whole, moved = collector.named("instui install"), collector.named("instui, as a part of another trace")
    assert (whole.trace, whole.parent) == ("11112222333344445555666677778888", "aaaabbbbccccdddd")
    expected = context_of("20261101-1")
    assert (moved.trace, moved.id) == (f"{expected.trace_id:032x}", f"{expected.span_id:016x}")
    assert moved.links == [(whole.trace, whole.id)]


def test_waits_bytes_and_wheels_are_metrics_with_few_attributes() -> None:
    with collecting() as collector:
        sent(list(read(RECORDINGS / "slow.jsonl")), collector)
    assert collector.metrics["instui.wheels"] == [({"instui.outcome": "done"}, 10)]
    waits = {tuple(attributes.values()): seconds for attributes, seconds in collector.metrics["instui.lock.wait"]}
    assert set(waits) == {("claim", "own wheel"), ("environment", "other program")}
    assert waits["environment", "other program"] == pytest.approx(3.186, abs=0.001)
    ((about, seconds),) = collector.metrics["instui.session.duration"]
    assert about == {"instui.command": "install", "instui.outcome": "done"}
    assert seconds == pytest.approx(13.21, abs=0.01)
    fetched, unpacked = collector.metrics["instui.bytes"]
    assert fetched[1] > 1e6 and unpacked[1] > 1e6


def test_what_is_sent_twice_is_the_same() -> None:
    with collecting() as first, collecting() as second:
        sent(waiting(), first)
        sent(waiting(), second)
    assert [one.id for one in first.spans] == [one.id for one in second.spans]


def test_why_nothing_was_sent_is_one_line() -> None:
    with collecting(401) as collector, pytest.raises(NotSent, match="401"):
        sent(waiting(), collector)
    assert collector.spans == []
    with pytest.raises(NotSent) as refused:
        sent(waiting(), Collector("http://user:secret@127.0.0.1:1"))
    where = "http://127.0.0.1:1"
    assert refused.value.line == f"the session was not sent to the collector at {where}: Connection refused"
    with pytest.raises(NotSent, match="OTEL_SDK_DISABLED"):
        Message(Fold().snapshot(0.0), [], environ={"OTEL_SDK_DISABLED": "true"})


def test_a_collector_that_is_busy_or_broken_is_tried_once_and_the_reason_is_said() -> None:
    with collecting(503) as busy, pytest.raises(NotSent, match="it answered 503"):
        sent(waiting(), busy)
    assert len(busy.headers) == 1
    with socket.create_server(("127.0.0.1", 0)) as broken:
        taken: list[int] = []
        Thread(target=break_off, args=(broken, taken), daemon=True).start()
        with pytest.raises(NotSent, match="Remote end closed"):
            sent(waiting(), Collector(f"http://127.0.0.1:{broken.getsockname()[1]}"))
        assert len(taken) == 1


@pytest.mark.parametrize("status", [307, 404, 500])
def test_an_answer_that_is_no_success_is_said_in_its_own_words(status: int) -> None:
    with collecting(status) as collector, pytest.raises(NotSent, match=f"^it answered {status} [A-Z][A-Za-z ]+$"):
        sent(waiting(), collector)
    assert len(collector.headers) == 1  # headers may have a password: they are not sent on to another address


def test_a_port_that_speaks_something_else_is_said_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        preface = b"\x00\x00\x18\x04\x00\x00\x00\x00\x00"  # as servers for gRPC begin
        Thread(target=break_off, args=(server, [], preface), daemon=True).start()
        where = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(NotSent, match=r"^it does not speak HTTP there; is that the port for gRPC\?"):
            sent(waiting(), Collector(f"http://{where}"))
        with pytest.raises(NotSent, match=r"^TLS failed: [a-z ]+$"):
            sent(waiting(), Collector(f"https://{where}"))


def test_the_url_of_traces_is_that_of_a_collector_as_well() -> None:
    with collecting() as collector:
        sent(waiting(), collector, path="/v1/traces")
    assert collector.spans and collector.metrics


def test_of_too_many_wheels_those_of_note_have_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otel_spans, "_WHEELS", 2)
    timed = waiting()
    for number in range(5):
        wheel = f"w{number}"
        timed[1:1] = [(0.1, events.UnpackStarted(wheel, 9, 1)), (0.2 + number, events.UnpackFinished(wheel, 3, 9))]
    with collecting() as collector:
        sent(sorted(timed, key=lambda one: one[0]), collector)
    wheels = [one.name for one in collector.spans if one.attributes["instui.kind"] == "wheel"]
    assert sorted(wheels) == ["a", "w4"]  # it waited; it took longest
    assert collector.named("instui install").attributes["instui.wheels_without_spans"] == 4


def break_off(server: socket.socket, taken: list[int], answer: bytes = b"") -> None:
    """Take connections and what is sent, and answer no more than that."""
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            taken.append(1)
            with connection:
                connection.recv(100_000)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(100_000):
                    pass


def test_opentelemetry_is_not_loaded_before_something_is_sent() -> None:
    modules = "instui.cli.trace, instui.cli.telemetry, instui.trace.otlp"
    check = f"import sys, {modules}; sys.exit('opentelemetry' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(NotSent, match=r"instui install --python .* opentelemetry-exporter-otlp-proto-http$"):
        sent(waiting(), Collector("http://127.0.0.1:1"))


def test_a_session_of_a_program_that_names_no_command_is_sent_as_well() -> None:
    with collecting() as collector:
        sent([(0.0, START._replace(command=[], session="")), *waiting()[1:]], collector)
        assert "instui" in [one.name for one in collector.spans]
