"""What is explained of the resolution: what uv did, and what it waited for."""

from instui.explain.explanation import explain
from instui.explain.findings import Finding
from instui_engine.journal import events
from support.explained import START, added, ended, in_order, resolved, snapshot_of, the
from support.made_up import span


def test_what_only_uv_has_read_is_not_counted() -> None:
    finding = the("resolve", resolved((0.0, "deciding"), asked=()))
    assert finding.text == "uv decided which wheels satisfy what is asked for: deciding 4.0 s"


def test_what_uv_did_is_said_with_its_seconds_the_longest_first() -> None:
    finding = the("resolve", resolved((0.0, "deciding"), (1.0, "listing"), (3.5, "deciding")))
    assert finding.text == "uv decided which wheels satisfy 2 requirements: listing 2.5 s, deciding 1.50 s"
    assert "--pylock" in finding.remedy


def test_a_session_without_an_index_is_told_of_the_place_of_its_wheels() -> None:
    def remedies(*arguments: str) -> tuple[str, str]:
        steps = in_order(
            added("a"),
            [(0.0, events.ResolveStarted(["a"])), (1.0, events.ResolveProgress("waiting for files.example"))],
            span("resolve", 0.0, 8.0),
            span("acquire", 8.0, 12.0),
            [(8.0, events.FetchStarted("a", 0, 100))],
            [(8.0 + part / 4, events.FetchProgress("a", part, 100)) for part in range(1, 16)],
            [(12.0, events.FetchFinished("a", 100))],
        )
        start = START._replace(command=["instui", "install", *arguments])
        found = explain(snapshot_of(*steps, ended(12.0), start=start))
        return the("resolve", found).remedy, the("fetch", found).remedy

    assert remedies("a") == (
        "an index that answers: --index-url; --offline takes what is cached",
        "--index-url of a nearer mirror; what is fetched stays in the cache",
    )
    assert remedies("a", "--no-index", "--find-links", "http://files.example/") == (
        "a place that answers: --find-links; --offline takes what is cached",
        "--find-links of a nearer place; what is fetched stays in the cache",
    )


def test_a_server_of_which_uv_reads_whole_wheels_is_told() -> None:
    found = the("resolve", resolved((0.0, "waiting for files.example to send whole wheels, asked about a")))
    assert "; uv reads whole wheels for their metadata, as this server has no range requests" in found.text
    assert found.remedy.startswith("a server with range requests, or with the metadata beside each wheel")
    assert "whole wheels" not in the("resolve", resolved((0.0, "waiting for files.example, asked about a"))).text


def test_what_took_longer_than_usual_says_so() -> None:
    earlier = [resolved((0.0, "deciding"), end=1.0)]
    fold = snapshot_of(
        (0.0, events.SpanStarted("resolve")),
        (0.0, events.ResolveProgress("deciding")),
        (4.0, events.SpanFinished("resolve", 4.0, 0.0, -1.0)),
        ended(4.0),
    )
    assert the("resolve", explain(fold, earlier)).text.endswith("; 4 x its usual time (1.00 s)")
    assert "usual" not in the("resolve", explain(fold)).text


def test_steps_of_uv_of_one_kind_are_one_and_its_waits_began_before_they_were_told() -> None:
    def resolved(*doings: tuple[float, str]) -> Finding:
        told = [(t, events.ResolveProgress(doing)) for t, doing in doings]
        steps = [(0.0, events.ResolveStarted(["a"])), *told]
        return the("resolve", explain(snapshot_of(*in_order(span("resolve", 0.0, 9.0), steps), ended(9.0))))

    found = resolved(
        (0.0, "reading the metadata of 1 package, the last a"),
        (1.0, "reading the metadata of 2 packages, the last b"),
        (3.0, "waiting for the address of x.example, asked about b"),
        (8.0, "reading the metadata of 9 packages, the last c"),
    )
    last = "reading the metadata of 9 packages, the last c 3.0 s"
    assert f": waiting for the address of x.example, asked about b 6.0 s, {last}" in found.text
    assert found.remedy.startswith("a name server")
    found = resolved((1.0, "trying versions of b (9 so far)"), (5.0, "trying versions of b (70 so far)"))
    assert found.text.endswith(": trying versions of b (70) 8.0 s")
    assert found.remedy.startswith("a version of b, or bounds for it, leave less to try; a lock file")
    assert resolved((0.0, "1" * 1_000_000))  # of a damaged journal: a search from each digit would take an hour
