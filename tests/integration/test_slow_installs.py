"""Installs that are slow for a known reason: `instui explain` says which one it is, how long it took, whose it was.

So does the attribution under it. How long Python takes to start is up to what else the machine has to do, and left out.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from instui.explain.attribution import Kind, Piece
from support import slow_installs
from support.environments import Venv
from support.slow import Lab, Slow
from support.slow_disk import slow_disk

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux says who holds a lock")

_TRIES = 3
Make = Callable[[Lab], Slow]


class Slowed(Protocol):
    def __call__(self, make: Make, kind: Kind | None = None) -> Slow: ...


@pytest.fixture
def slowed(
    tmp_path: Path, make_venv: Callable[[Path], Venv], clean_environ: Mapping[str, str], sweeping: bool
) -> Iterator[Slowed]:
    """Make a slow install, in a lab of its own; and again if the rest of the machine was in its way.

    So it was if the process did not get to run or, where there is no delay, if anything else than `kind` took longest.
    Where a busy machine is the best explanation of all, the next one is judged: the journal forgets the load.
    """
    with ExitStack() as labs:

        def slowed(make: Make, kind: Kind | None = None) -> Slow:
            for number in range(_TRIES):
                place = tmp_path / f"lab{number}"
                place.mkdir()
                slow = make(labs.enter_context(Lab(place, make_venv, clean_environ)))
                if not disturbed(slow) and (slow.seconds or kind in (None, longest(took_of(slow)))):
                    break
            if not slow.seconds and first_of(slow)["kind"] in ("disk", "crowded"):
                slow = slow.without_load()
            if sweeping and slow.seconds:
                assert slow.attribution.wall <= 4 * slow.seconds
            return slow

        yield slowed


def unexplained_at_most(slow: Slow) -> float:
    return 0.02 + 0.02 * slow.attribution.wall


def took_of(slow: Slow) -> dict[Kind, float]:
    """How long each kind of work took."""
    attribution = slow.attribution
    return {piece.kind: attribution.seconds(piece.kind) for piece in attribution.pieces if piece.kind != "start"}


def longest(took: Mapping[Kind, float]) -> Kind:
    return max(took, key=lambda kind: took[kind])


def disturbed(slow: Slow) -> bool:
    """Whether the process did not get to run."""
    return slow.attribution.unexplained > unexplained_at_most(slow)


def first_of(slow: Slow) -> dict[str, Any]:
    """The longest finding."""
    return max(slow.explained()["findings"], key=lambda one: float(one["seconds"]))


def pieces_of(slow: Slow, kind: Kind) -> list[Piece]:
    """The pieces of that kind, which took longer than any other: as long as the delay that was constructed."""
    attribution, took = slow.attribution, took_of(slow)
    assert longest(took) == kind, took
    assert attribution.unexplained <= unexplained_at_most(slow)
    if slow.seconds:
        assert took[kind] >= 0.9 * slow.seconds
    return [piece for piece in attribution.pieces if piece.kind == kind]


def share_of(wheel: str, pieces: list[Piece]) -> float:
    """Which part of the pieces' time is of that wheel."""
    return sum(piece.seconds for piece in pieces if piece.wheel == wheel) / sum(piece.seconds for piece in pieces)


def finding_of(slow: Slow, kind: str) -> dict[str, Any]:
    """What is explained of a slow install: the first finding is of that kind, of the right length, wheels and process.

    The findings add up to the wall clock.
    """
    explained = slow.explained()
    findings: list[dict[str, Any]] = explained["findings"]
    assert sum(one["seconds"] for one in findings) + explained["unexplained"] == pytest.approx(explained["wall"])
    first = max((one for one in findings if one["kind"] != "start"), key=lambda one: one["seconds"])
    assert first["kind"] == kind, findings
    assert first["critical"]
    assert set(slow.wheels) <= set(first["wheels"])
    assert (first["holder"] or {"pid": 0})["pid"] == slow.holder
    if slow.seconds:
        assert first["seconds"] >= 0.9 * slow.seconds
    return first


def test_a_throttled_index_is_time_for_fetching_its_largest_wheel(slowed: Slowed) -> None:
    slow = slowed(slow_installs.throttled_index)
    assert share_of("large", pieces_of(slow, "fetch")) > 0.8
    finding = finding_of(slow, "fetch")
    assert finding["wheels"][0] == "large"
    assert "kB/s; the slowest: large 1.0" in finding["text"]
    assert "mirror" in finding["remedy"]


def test_an_index_that_answers_late_is_time_for_resolving(slowed: Slowed) -> None:
    slow = slowed(slow_installs.slow_resolver)
    assert pieces_of(slow, "resolve")
    finding = finding_of(slow, "resolve")
    assert finding["text"].startswith("uv decided which wheels satisfy 1 requirement: ")
    assert "--pylock" in finding["remedy"]


@pytest.mark.needs("strace")
def test_a_slow_disk_is_named_for_syncs_in_which_nobody_works(slowed: Slowed) -> None:
    slow = slowed(slow_installs.slow_disk)
    assert {piece.what for piece in pieces_of(slow, "sync")} == {"stage", "environment"}
    finding = finding_of(slow, "disk")
    assert "slow" in finding["text"]
    assert "--no-fsync" in finding["remedy"]


@pytest.mark.needs("root", "mkfs.ext4")
def test_a_disk_that_writes_slowly_is_named_with_where_else_the_cache_may_be(
    tmp_path: Path, make_venv: Callable[[Path], Venv], clean_environ: Mapping[str, str]
) -> None:
    with slow_disk(tmp_path) as disk:
        place = disk.place / "lab"
        place.mkdir()
        with Lab(place, make_venv, clean_environ) as lab:
            slow = slow_installs.throttled_disk(lab, disk)
            finding = finding_of(slow, "disk")
            assert "unpacking" in finding["text"] or "syncing" in finding["text"]
            assert "slow" in finding["text"]
            assert "--cache-dir on a faster disk" in finding["remedy"]
            assert "--no-fsync" in finding["remedy"]
    assert not os.path.ismount(disk.place)


@pytest.mark.needs("flock")
def test_a_program_that_holds_the_environments_lock_is_named(slowed: Slowed) -> None:
    slow = slowed(slow_installs.foreign_lock)
    (wait,) = pieces_of(slow, "environment")
    assert [(holder.pid, holder.command.split()[:2]) for holder in wait.holders] == [(slow.holder, ["flock", "-x"])]
    finding = finding_of(slow, "environment-lock")
    assert f"/.lock, held by pid {slow.holder} `flock -x" in finding["text"]
    assert finding["remedy"].startswith("it could only be waited for; --lock-timeout ")
    assert finding["text"] in slow.told()


def test_a_stopped_session_that_holds_a_claim_is_named_as_stopped(slowed: Slowed) -> None:
    slow = slowed(slow_installs.stopped_holder)
    (wait,) = pieces_of(slow, "claim")
    assert wait.wheel == "second"
    assert "/shared" in wait.path
    assert [(holder.pid, holder.state) for holder in wait.holders] == [(slow.holder, "stopped")]
    finding = finding_of(slow, "claim")
    assert "second 1.0 waited for site-packages/shared/" in finding["text"]
    assert "(stopped" in finding["text"]
    assert f"kill -CONT {slow.holder}" in finding["remedy"]


def test_a_session_that_was_stopped_itself_is_told_so_while_it_is_and_afterwards(slowed: Slowed) -> None:
    meanwhile: list[str] = []
    slow = slowed(partial(slow_installs.stopped_engine, meanwhile=meanwhile))
    assert pieces_of(slow, "halt")
    finding = finding_of(slow, "halt")
    assert finding["text"].startswith("the session stood still for ")
    assert finding["text"] in slow.told()
    assert slow.attribution.seconds("halt") > slow.seconds / 2
    pid = slow.session.process.pid
    assert "the session stands still, for " in meanwhile[-1]
    assert f"`kill -CONT {pid}` lets it go on" in meanwhile[-1]


def test_a_session_that_commits_into_the_same_directory_is_named(slowed: Slowed) -> None:
    slow = slowed(slow_installs.two_sessions)
    waits = pieces_of(slow, "claim")
    assert {wait.wheel for wait in waits} == {"second"}
    assert {holder.pid for wait in waits for holder in wait.holders} == {slow.holder}
    finding = finding_of(slow, "claim")
    assert f"held by first of pid {slow.holder} `instui install" in finding["text"]
    assert "one command" in finding["remedy"]


def test_a_giant_wheel_is_time_for_unpacking_it(slowed: Slowed) -> None:
    slow = slowed(slow_installs.giant_wheel, "unpack")
    assert share_of("giant", pieces_of(slow, "unpack")) > 0.8
    assert "more workers do not help" in finding_of(slow, "giant-wheel")["text"]


def test_with_one_worker_every_large_wheel_is_on_the_critical_path(slowed: Slowed) -> None:
    slow = slowed(slow_installs.one_worker, "unpack")
    assert {piece.wheel for piece in pieces_of(slow, "unpack")} == set(slow.wheels)
    if (slow.snapshot.session and slow.snapshot.session.cpus) == 1:
        assert finding_of(slow, "unpack")
    else:
        assert finding_of(slow, "one-worker")["remedy"].startswith("--jobs ")


def test_a_cache_on_another_file_system_is_time_for_copies(slowed: Slowed, tmp_path: Path) -> None:
    with slow_installs.elsewhere(tmp_path) as cache:
        if cache is None:
            pytest.skip("there is no second file system here that one can write to")
        slow = slowed(partial(slow_installs.other_file_system, cache=cache), "stage")
    assert share_of("large", pieces_of(slow, "stage")) > 0.8
    finding = finding_of(slow, "copy")
    assert "another file system" in finding["text"]
    assert "--cache-dir" in finding["remedy"]


def test_many_upgrades_are_time_for_what_each_of_them_takes(slowed: Slowed) -> None:
    slow = slowed(slow_installs.many_upgrades)
    attribution = slow.attribution
    assert attribution.seconds("plan", "stage", "commit", "clean") > 0.5 * (attribution.wall + attribution.begin)
    assert attribution.critical <= set(slow.wheels)
    assert attribution.seconds("fetch", "unpack", "claim") == 0
    texts = {one["kind"]: one["text"] for one in slow.explained()["findings"]}
    assert "replaced 60 old versions by 60 wheels" in texts["replace"]
    assert "removed the files of 60 old versions" in texts["clean"]


def test_a_damaged_entry_of_the_cache_is_time_for_unpacking_it_again(slowed: Slowed) -> None:
    slow = slowed(slow_installs.damaged_entry)
    finding = finding_of(slow, "unpacked-again")
    assert "large 1.0 was unpacked again" in finding["text"]
    assert "edit" in finding["remedy"]


def test_another_session_that_fetches_the_wheel_is_named(slowed: Slowed) -> None:
    slow = slowed(slow_installs.fetched_by_another)
    (wait,) = pieces_of(slow, "wait")
    assert (wait.what, wait.wheel) == ("wheel", "large")
    assert [holder.pid for holder in wait.holders] == [slow.holder]
    assert "another process to fetch or unpack large 1.0" in finding_of(slow, "wait-wheel")["text"]


def test_a_prune_that_holds_the_cache_is_named(slowed: Slowed) -> None:
    slow = slowed(slow_installs.pruned_cache)
    (wait,) = pieces_of(slow, "wait")
    assert wait.what == "cache"
    assert [(holder.pid, "cache prune" in holder.command) for holder in wait.holders] == [(slow.holder, True)]
    finding = finding_of(slow, "wait-cache")
    assert "instui cache prune" in finding["text"]
    assert "prune" in finding["remedy"]
