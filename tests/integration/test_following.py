"""A session that a program follows: its events come while it runs, and it never outlives the block."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest

import instui_engine as engine
from instui_engine.commands.command import Work
from instui_engine.journal.events import CommitFinished, Event, SessionFinished, SessionStarted, StageStarted
from support.environments import Venv
from support.wheelsmith import build_wheel

Follow = Callable[..., engine.Following]


@pytest.fixture
def target(venv: Callable[[], Venv]) -> Venv:
    return venv()


@pytest.fixture
def follow(target: Venv, tmp_path: Path) -> Follow:
    """Follow the install of three wheels, that many times slower than usual."""
    wheels = [str(build_wheel(tmp_path, f"d{n}", "1.0", {f"d{n}/{m}.py": b"" for m in range(20)})) for n in range(3)]
    request = engine.Request(tuple(wheels), no_deps=True)
    environment = engine.discover(python=str(target.top))

    def begin(slow: float = 0.0) -> engine.Following:
        options = engine.Options(cache=tmp_path / "cache", jobs=1, slow=slow)
        return engine.follow(partial(engine.install, request, environment, options))

    return begin


def test_events_come_in_order_with_their_times(follow: Follow) -> None:
    with follow() as session:
        events = list(session)
    assert isinstance(events[0][1], SessionStarted)
    assert isinstance(events[-1][1], SessionFinished)
    assert [seconds for seconds, _ in events] == sorted(seconds for seconds, _ in events)
    assert session.outcome.installed == ("d0", "d1", "d2")


def test_an_event_is_there_before_the_session_ends(follow: Follow) -> None:
    with follow(slow=5) as session:
        next(seconds for seconds, event in session if isinstance(event, StageStarted))
        with pytest.raises(RuntimeError, match="still runs"):
            _ = session.outcome
    assert session.outcome.exit_code == 130


def test_leaving_early_cancels_the_session_and_leaves_nothing_half_done(follow: Follow, target: Venv) -> None:
    with pytest.raises(LookupError), follow(slow=5) as session:
        for _, event in session:
            if isinstance(event, CommitFinished):
                raise LookupError
    installed = session.outcome.installed
    assert session.outcome.exit_code == 130
    assert installed and len(installed) < 3
    assert engine.diagnose(engine.discover(python=str(target.top))).is_clean
    assert "session" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_with_async_other_tasks_run_meanwhile(follow: Follow, library: str) -> None:
    pytest.importorskip(library)

    async def main() -> tuple[int, list[str], engine.Outcome]:
        turns, names = 0, []

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await anyio.sleep(0.001)

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            async with follow(slow=1) as session:
                async for _, event in session:
                    names.append(type(event).__name__)
            group.cancel_scope.cancel()
        return turns, names, session.outcome

    turns, names, outcome = anyio.run(main, backend=library)
    assert turns > 10
    assert (names[0], names[-1], outcome.exit_code) == ("SessionStarted", "SessionFinished", 0)


def test_a_task_that_is_cancelled_cancels_its_session_and_waits_for_it(follow: Follow, target: Venv) -> None:
    async def main() -> engine.Outcome:
        with anyio.CancelScope() as scope:
            async with follow(slow=5) as session:
                async for _, event in session:
                    if isinstance(event, CommitFinished):
                        scope.cancel()
        return session.outcome

    assert anyio.run(main).exit_code == 130
    assert engine.diagnose(engine.discover(python=str(target.top))).is_clean


def test_a_wait_that_is_given_up_takes_no_event_away(follow: Follow) -> None:
    async def main() -> list[tuple[float, Event]]:
        events: list[tuple[float, Event]] = []
        async with follow(slow=1) as session:
            while not events or not isinstance(events[-1][1], SessionFinished):
                with anyio.move_on_after(0.02):
                    async for one in session:
                        events.append(one)
        return events

    events = anyio.run(main)
    assert isinstance(events[0][1], SessionStarted)
    assert [t for t, _ in events] == sorted(t for t, _ in events)
    assert sum(isinstance(event, CommitFinished) for _, event in events) == 3


def test_what_the_thread_raises_is_raised_for_the_outcome(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(work: Work) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("INSTUI_DEBUG", "1")  # else it is an outcome, an internal error
    monkeypatch.setattr("instui_engine.commands.install.Pipeline.run", bug)
    with follow() as session:
        list(session)
    with pytest.raises(ZeroDivisionError):
        _ = session.outcome
