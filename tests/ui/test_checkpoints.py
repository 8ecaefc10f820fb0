"""Going anywhere in a recording: by the copies of the fold that are made on the way, as if all had been folded anew."""

import gzip
import random
import weakref
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.made_up_journal import whole
from instui.monitor.eta import Estimator
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import decoded
from instui.monitor.session import SessionRecord
from instui.tui import checkpoints
from instui.tui.tape import Tape
from instui.tui.transport import Transport
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.screens import RECORDINGS, Recorded
from support.tapes import Clock, come, folded, tape_of, told
from support.time_left import INSTALLS

NAMES = ["a", "b", "c"]
PATHS = ["lib/x/", "lib/y.py", "bin/tool"]


def recorded() -> dict[str, list[str]]:
    found = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in RECORDINGS.glob("*.jsonl")}
    for path in INSTALLS.glob("*.gz"):
        found[f"installs/{path.name}"] = gzip.decompress(path.read_bytes()).decode().splitlines()
    found["joined"] = Recorded.of("joined")._lines
    return found


RECORDED = recorded()


def shown_at(transport: Transport, place: int) -> Snapshot:
    """The session at a place."""
    transport.go(place)
    return come(transport)


def check(timed: Sequence[tuple[float, Event]], chance: random.Random, seeks: int) -> None:
    """Wherever it goes, in any order, it shows what a fold from the start shows; what was shown before stays."""
    tape = tape_of(timed)
    transport = Transport(tape, Clock(), held=True)
    transport.complete = True
    kept: list[tuple[Snapshot, str]] = []
    for number in range(seeks):
        place = chance.randrange(len(tape) + 1)
        shown = shown_at(transport, place)
        assert told(shown) == told(folded(tape, place, tape.time(place)))
        kept.append((shown, told(shown)))
        if number % 3 == 0:
            transport.prepare()
    assert all(told(shown) == text for shown, text in kept)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_recorded_session_is_everywhere_what_a_fold_from_its_start_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 60)
    monkeypatch.setattr(checkpoints, "MOST", 8)
    monkeypatch.setattr("instui.monitor.eta.MOST", 20)  # wheels from which on the copies share what was estimated
    check(list(decoded(RECORDED[name])), random.Random(name), 12)


wheels, paths, seconds = st.sampled_from(NAMES), st.sampled_from(PATHS), st.sampled_from([0.0, 0.1, 0.3, 1.5])
holders = st.lists(st.builds(Holder, wheel=st.sampled_from(["", *NAMES]), pid=st.sampled_from([0, 7])), max_size=2)
happened: st.SearchStrategy[Event] = st.one_of(
    st.builds(events.WheelAdded, wheels, st.just("1"), st.just("f.whl"), st.just(100), st.booleans()),
    st.builds(events.FetchProgress, wheels, st.sampled_from([10, 50]), st.just(100)),
    st.builds(events.UnpackProgress, wheels, st.sampled_from([10, 50]), st.just(100)),
    st.builds(events.UnpackFinished, wheels, st.just(3), st.just(100)),
    st.builds(
        events.PlanWheel, wheels, st.just(0), st.just(3), st.just(1), st.lists(paths, max_size=2), st.just(["lib"]),
        st.just(""),
    ),
    st.builds(events.StageStarted, wheels, st.just(3)),
    st.builds(events.StageFinished, wheels),
    st.builds(events.LockRequested, wheels),
    st.builds(events.LockWaiting, wheels, paths, st.just("X"), holders),
    st.builds(events.LockGranted, wheels, st.just(0.1)),
    st.builds(events.LockReleased, wheels, st.just(0.1)),
    st.builds(events.CommitFinished, wheels, st.just(3)),
    st.builds(events.Overwrite, wheels, paths, wheels, wheels, st.booleans(), st.just("")),
    st.builds(events.WheelFailed, wheels, st.just("broken")),
    st.builds(events.WheelCancelled, wheels),
    st.builds(events.EnvironmentWaiting, st.just(".lock"), holders),
    st.builds(events.EnvironmentGranted, st.just(".lock"), st.just(0.1)),
    st.builds(events.WaitStarted, wheels, st.just("wheel"), st.just("x"), holders),
    st.builds(events.WaitFinished, wheels, st.just("wheel")),
    st.builds(events.SessionPaused),
    st.builds(events.SessionResumed),
    st.builds(events.RecoveryStarted, wheels, st.just("1"), st.just("dead")),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(seconds, happened), min_size=5, max_size=60), st.randoms(use_true_random=False))
def test_any_history_is_everywhere_what_a_fold_from_its_start_is(
    monkeypatch: pytest.MonkeyPatch, happened: list[tuple[float, Event]], chance: random.Random
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 4)
    monkeypatch.setattr(checkpoints, "MOST", 5)
    monkeypatch.setattr(checkpoints, "AT_ONCE", 3)
    monkeypatch.setattr("instui.tui.transport.AT_ONCE", 3)
    t, timed = 0.0, []
    for after, event in happened:
        t += after
        timed.append((t, event))
    check(timed, chance, 6)


# -- the work for it


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """The events that any fold gets."""
    found: list[Event] = []
    feed = Fold.feed

    def counted(self: Fold, t: float, event: Event) -> None:
        found.append(event)
        feed(self, t, event)

    monkeypatch.setattr(Fold, "feed", counted)
    return found


def test_a_step_from_anywhere_to_anywhere_folds_no_more_than_lies_between_two_copies(fed: list[Event]) -> None:
    tape = tape_of(whole(1000))
    assert len(tape) > 8 * checkpoints.EVERY
    transport = Transport(tape, Clock(), held=True)
    transport.go_to_end()
    while transport.behind:
        transport.advance()
    chance = random.Random(1)
    for place in (len(tape) - 1, 1, *(chance.randrange(len(tape)) for _ in range(10))):
        fed.clear()
        shown_at(transport, place)
        assert len(fed) < checkpoints.EVERY + checkpoints.AT_ONCE
        fed.clear()
        shown_at(transport, tape.before_last(place) or 0)
        assert len(fed) < checkpoints.EVERY + checkpoints.AT_ONCE


def test_what_was_not_seen_yet_is_folded_once_while_there_is_nothing_else_to_do(fed: list[Event]) -> None:
    tape = tape_of(whole(500))
    transport = Transport(tape, Clock(), held=True)
    while transport.prepare():
        pass
    assert len(fed) <= len(tape)
    fed.clear()
    assert not transport.prepare()
    shown_at(transport, len(tape) - 1)
    assert len(fed) < checkpoints.EVERY + checkpoints.AT_ONCE


def test_what_was_shown_meanwhile_is_not_looked_through_again(
    fed: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instui.tui.transport._SPARE", 0.0)
    tape = tape_of(whole(1000))
    transport = Transport(tape, Clock(), held=True)
    assert transport.prepare()
    shown_at(transport, len(tape) // 2)
    fed.clear()
    while transport.prepare():
        pass
    assert len(fed) <= len(tape) // 2 + checkpoints.EVERY + checkpoints.AT_ONCE


def test_what_was_estimated_for_many_wheels_is_not_estimated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    look = Estimator.look
    monkeypatch.setattr(Estimator, "look", lambda self, t, *given: (looks.append(t), look(self, t, *given))[1])
    monkeypatch.setattr("instui.monitor.eta.MOST", 400)
    tape = tape_of(whole(500))
    transport = Transport(tape, Clock(), held=True)
    while transport.prepare():
        pass
    assert looks
    before = [*looks]
    for place in range(2 * checkpoints.EVERY - 1, len(tape), checkpoints.EVERY):
        shown_at(transport, place)
    assert looks == before


def test_what_copies_have_in_common_they_share() -> None:
    tape = tape_of(whole(500))
    transport = Transport(tape, Clock(), held=True)
    while transport.prepare():
        pass
    late, later = (shown_at(transport, place) for place in (len(tape) - 20, len(tape) - 10))
    changed = sum(one is not other for one, other in zip(late.wheels, later.wheels, strict=True))
    assert changed < 20
    assert sum(one is not other for one, other in zip(late.locks, later.locks, strict=True)) < 60


def test_there_are_never_more_copies_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 10)
    monkeypatch.setattr(checkpoints, "MOST", 16)
    tape = tape_of(whole(300))
    copies = checkpoints.Checkpoints(tape)
    copies.prepare(100.0)
    assert not copies.due
    assert 8 <= len(copies) <= 17


def test_a_copy_that_nobody_needs_any_more_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: weakref.WeakSet[SessionRecord] = weakref.WeakSet()
    copied = SessionRecord.copy

    def copy(self: SessionRecord) -> SessionRecord:
        made.add(other := copied(self))
        return other

    monkeypatch.setattr(SessionRecord, "copy", copy)
    monkeypatch.setattr(checkpoints, "EVERY", 10)
    monkeypatch.setattr(checkpoints, "MOST", 16)
    monkeypatch.setattr(checkpoints, "FREEZE_AFTER", 1)
    tape = tape_of(whole(300))
    copies = checkpoints.Checkpoints(tape)
    copies.prepare(100.0)
    assert copies._unfrozen == 0  # from then on no garbage collection would find reference cycles
    assert len(made) == len(copies) - 1  # the first one is none
    del copies
    assert not made


def test_while_a_held_session_goes_on_garbage_is_seldom_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[None] = []
    monkeypatch.setattr("gc.freeze", lambda: frozen.append(None))
    monkeypatch.setattr(checkpoints, "EVERY", 10)
    tape = Tape()
    copies = checkpoints.Checkpoints(tape)
    for place, (t, event) in enumerate(whole(200), 1):
        tape.add(t, event)
        if place % 10 == 0:
            copies.prepare(1.0)
    assert len(copies) > 100
    assert 1 <= len(frozen) <= len(tape) // 10 // checkpoints.FREEZE_AFTER
