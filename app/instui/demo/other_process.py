"""Demonstrations with another process in the same environment: a second session, a real uv, a stopped process."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from instui.monitor.reader import Tail, decoded, read
from instui.monitor.units import seconds
from instui.program import again
from instui_engine.fs.flock import open_lock, try_lock
from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionFinished

from .inspect import listed, owners, whole
from .process import Process
from .scenario import Scenario, Scene, Verdict
from .wheels import build, owned, package

_SLOWEST = 2.0  # the other session is slowed down at least this much: it must hold its lock until this one asks for it


# -- two sessions


def _ours(directory: Path) -> list[Path]:
    return [
        build(directory, "square", owned("shapes", "square")),
        build(directory, "triangle", owned("shapes", "triangle")),
        build(directory, "caliper", owned("tools", "caliper")),
        *(build(directory, name, package(name, 12)) for name in ("south01", "south02", "south03")),
    ]


def _second_session(scene: Scene) -> Process:
    directory = scene.place / "second"
    directory.mkdir()
    build(directory, "circle", owned("shapes", "circle"))
    build(directory, "compass", owned("tools", "compass"))
    for name in ("north01", "north02"):
        build(directory, name, package(name, 40))
    return _session(scene, directory, "circle")


def _session(scene: Scene, wheels: Path, wheel: str, *, stop: bool = False) -> Process:
    """A second session. It counts as holding its lock once `wheel` has been granted its claims."""
    journal = scene.place / f"{wheels.name}.jsonl"
    return session(scene, wheels, journal, _granted(journal, wheel), stop=stop)


def session(
    scene: Scene,
    wheels: Path,
    journal: Path,
    holds: AbstractContextManager[Callable[[], bool]],
    *,
    stop: bool = False,
    slow: float = 0.0,
) -> Process:
    """`instui install` of a directory of wheels in another process, like this session, but slowed down by `slow`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("INSTUI_")}
    settings = {
        "INSTUI_PYTHON": str(scene.environment.top),
        "INSTUI_CACHE_DIR": str(scene.place / "cache"),
        "INSTUI_JOBS": "8",
        "INSTUI_SLOW": str(slow or max(scene.slow, _SLOWEST)),
        "INSTUI_JOURNAL": str(journal),
        "INSTUI_NO_DEPS": "1",
        "INSTUI_OFFLINE": "1",
        "INSTUI_NO_FSYNC": "1",
        "INSTUI_UI": "none",
    }
    command = [*again(), "install", str(wheels)]
    return Process(command, own | settings, holds, stop=stop)


@contextmanager
def _granted(journal: Path, wheel: str) -> Iterator[Callable[[], bool]]:
    """A function that says whether the session of `journal` has granted `wheel` its claims by now."""
    found = False

    def granted() -> bool:
        nonlocal found
        lines = decoded(tail.poll())
        found = found or any(isinstance(event, events.LockGranted) and event.wheel == wheel for _, event in lines)
        return found

    with Tail(journal) as tail:
        yield granted


def _both_result(scene: Scene, _: SessionFinished) -> Verdict:
    code = scene.process.finish() if scene.process else None
    found, good = owners(scene.site_packages / "shapes"), whole(scene.site_packages)
    waited = {event.wheel: event.waited for event in _granted_claims(scene.journal)}
    by_us = _waits_for_others(scene)
    mixed = "not mixed" if len(found) == 1 else "MIXED"
    waits = ", ".join(f"{name} {seconds(waited.get(name, 0.0))}" for name in by_us)
    others = [name for name in good if name[:5] in ("north", "south")]
    return Verdict(
        f"Both sessions are through (the other one: exit {code}). shapes/ is {mixed}, all of {', '.join(sorted(found))}"
        f", who came last; waited for the other session: {waits or 'nobody'}; the {len(others)} disjoint wheels are "
        "whole and waited for nobody.",
        code == 0 and found == {"triangle"} and bool(by_us) and len(others) == 5 and "triangle" in good,
    )


# -- uv


def _plain_wheels(directory: Path) -> list[Path]:
    return [build(directory, name, package(name, 30)) for name in (f"lens{number:02}" for number in range(1, 7))]


_PROJECT = """\
[build-system]
requires = []
build-backend = "grind"
backend-path = ["."]

[project]
name = "prism"
version = "1.0"
"""
_BACKEND = """\
import shutil, time

def build_wheel(directory, config_settings=None, metadata_directory=None):
    time.sleep({seconds})  # stands for a compiler
    return shutil.copy("prism-1.0-py3-none-any.whl", directory).rpartition("/")[2]
"""


def _uv(scene: Scene) -> Process:
    """A real uv that installs a package from source: it holds the environment's lock while it builds."""
    from uv import find_uv_bin

    source = scene.place / "prism"
    source.mkdir()
    (source / "pyproject.toml").write_text(_PROJECT)
    (source / "grind.py").write_text(_BACKEND.format(seconds=_build_seconds(scene)))
    build(source, "prism", package("prism", 30))
    own = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    settings = {
        "VIRTUAL_ENV": str(scene.environment.top),
        "UV_CACHE_DIR": str(scene.place / "uv"),
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    command = ["uv", "pip", "install", "--no-deps", str(source)]
    lock = scene.environment.lock_path
    return Process(command, own | settings, nullcontext(lambda: _is_held(lock)), executable=os.fsdecode(find_uv_bin()))


def _build_seconds(scene: Scene) -> float:
    return max(2.0, 2.5 * scene.slow)


def _is_held(lock: Path) -> bool:
    """Whether a process holds that lock exclusively."""
    if not lock.exists():
        return False
    descriptor = open_lock(lock)
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _uv_result(scene: Scene, _: SessionFinished) -> Verdict:
    code = scene.process.finish() if scene.process else None
    good = whole(scene.site_packages)
    waited = sum(e.waited for e in _events(scene.journal) if isinstance(e, events.EnvironmentGranted))
    lenses = [name for name in good if name.startswith("lens")]
    return Verdict(
        f"uv was left alone (exit {code}), and its prism is {'whole' if 'prism' in good else 'NOT WHOLE'}; "
        f"{len(lenses)} of 6 wheels of ours are whole. The session waited {seconds(waited)} for uv, and said so.",
        code == 0 and "prism" in good and len(lenses) == 6 and waited > 0,
    )


# -- a timeout


def _late(directory: Path) -> list[Path]:
    return [
        build(directory, "square", owned("shapes", "square")),
        *(build(directory, name, package(name, 30)) for name in ("south01", "south02", "south03", "south04")),
    ]


def _stopped_session(scene: Scene) -> Process:
    directory = scene.place / "stopped"
    directory.mkdir()
    build(directory, "circle", owned("shapes", "circle"))
    return _session(scene, directory, "circle", stop=True)


def _timeout_result(scene: Scene, finished: SessionFinished) -> Verdict:
    pid = scene.process.pid if scene.process else 0
    code = scene.process.finish() if scene.process else None
    there, good = listed(scene.site_packages), whole(scene.site_packages)
    named = f"pid {pid}" in finished.error or not Path("/proc/locks").exists()
    ours = [name for name in good if name.startswith("south")]
    claim = finished.error.partition(", held by")[0]
    square = "LISTED" if "square" in there else "not there, not even in part"
    circle = "whole" if "circle" in good else "NOT WHOLE"
    return Verdict(
        f"Exit {finished.exit}, as was to be seen: “{claim}”, held by pid {pid}, "
        f"which it {'names' if named else 'DOES NOT NAME'}. square is {square}; {len(ours)} other wheels of ours are "
        f"whole. Set going again, that process ended with exit {code}, and its circle is {circle}.",
        named and "square" not in there and len(ours) == 4 and code == 0 and circle == "whole",
    )


# -- the journal


def _events(journal: Path) -> Iterator[Event]:
    return (event for _, event in read(journal))


def _granted_claims(journal: Path) -> Iterator[events.LockGranted]:
    return (event for event in _events(journal) if isinstance(event, events.LockGranted))


def _waits_for_others(scene: Scene) -> list[str]:
    """The wheels that waited for a holder outside the session."""
    waits = (event for event in _events(scene.journal) if isinstance(event, events.LockWaiting))
    return list(dict.fromkeys(event.wheel for event in waits if scene.is_foreign(event)))


OTHER_PROCESS = (
    Scenario(
        "two-sessions",
        3.0,
        _ours,
        {
            "session.started": "Two real sessions install into one environment at once: this one, and a second process "
            "that wants shapes/ and tools/ as well.",
            "stage.started": "Both stage side by side, each where nobody else looks: no lock is needed for that.",
            "lock.waiting by another": "Watch shapes/: the other session holds it, so square waits for that process, "
            "and triangle for square. In Locks, v shows it as a chain.",
            "lock.granted by another": "The other session is through with it, and the turn is ours; the wheels called "
            "south, which share no path with anybody, have long been installed.",
        },
        _both_result,
        _second_session,
    ),
    Scenario(
        "uv-holds",
        3.0,
        _plain_wheels,
        {
            "session.started": "A real uv builds and installs a package in the same environment, and holds its .lock "
            "all the while (a pause stands for the compiler).",
            "stage.started": "Meanwhile this session unpacks and stages: none of that needs the lock.",
            "environment.waiting": "Watch .lock: uv holds it, so nothing is moved into place; it is named by pid and "
            "command, here and in Locks.",
            "environment.granted": "uv has let go. This session shares .lock with other sessions, and keeps uv out "
            "while it commits.",
        },
        _uv_result,
        _uv,
    ),
    Scenario(
        "timeout",
        3.0,
        _late,
        {
            "session.started": "Another install holds shapes/ and was stopped, as ctrl+z does: its locks stay. Square "
            "wants shapes/, too, and waits only so long.",
            "stage.started": "Staged without locks. What collides with nobody will be installed all the same.",
            "lock.waiting by another": "Watch square: the holder of shapes/ is named. When the time is up the session "
            "ends with exit 4; it never goes on without the lock.",
        },
        _timeout_result,
        _stopped_session,
        exit=4,
        lock_timeout=5.0,
    ),
)
