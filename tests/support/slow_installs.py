"""The slow installs: each is real, and slow because of one thing that is known here, with its delay.

Most of a session's time is the delay itself, also on a busy machine. Where the work is what is slow (large wheels,
copies, upgrades), there is much of it, and the delay is 0.0: the tests judge its share.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from instui_engine.journal.events import (
    CommitStarted,
    EnvironmentWaiting,
    FetchStarted,
    LockReleased,
    LockWaiting,
    UnpackFinished,
    UnpackStarted,
    WaitStarted,
)
from instui_engine.store.gc_lock import lock_file
from support.environments import Session
from support.indexes import add_wheel
from support.slow import Lab, Slow, delayed, flock, moment, until_locked
from support.slow_disk import SlowDisk
from support.webserver import WebServer


def throttled_index(lab: Lab, seconds: float = 2.5, again: list[Slow] | None = None) -> Slow:
    """A large and a small wheel come from an index that sends so slowly that the large one takes `seconds`.

    `again` gets the same install into another environment, when the cache has them.
    """
    large, small = lab.wheel("large", 4, 100_000), lab.wheel("small", 2)
    with WebServer() as web:
        urls = {wheel: add_wheel(web, wheel) for wheel in (large, small)}
        for url in urls.values():
            web.pages[url[len(web.url()) :]].rate = int(large.stat().st_size / seconds)
        session = lab.run(lab.venv(), "--pylock", lab.pylock(urls), online=True)
        if again is not None:
            again.append(lab.slow(lab.run(lab.venv(), "--pylock", lab.pylock(urls), online=True), 0.0))
    return lab.slow(session, seconds, ["large"])


def slow_resolver(lab: Lab, each: float = 1.0) -> Slow:
    """An index that answers late when it is asked for metadata, of which each wheel's names the next wheel."""
    with WebServer() as web:
        for name, requires in (("one", ["two"]), ("two", ["three"]), ("three", [])):
            url = add_wheel(web, lab.wheel(name, requires=requires))
            web.pages[f"{url[len(web.url()) :]}.metadata"].late = each
        session = lab.run(lab.venv(), "--index-url", web.url("/simple"), "one", online=True)
    return lab.slow(session, 3 * each)


def slow_disk(lab: Lab, each: float = 1.5) -> Slow:
    """A disk on which each wait for it takes so long, for wheels that are in the cache."""
    wheels = [lab.wheel(name) for name in ("one", "two")]
    lab.run(lab.venv(), *wheels)
    log = lab.place / "syncs"
    session = lab.run(lab.venv(), *wheels, before=delayed("syncfs", each, log), fsync=True)
    return lab.slow(session, each * log.read_text().count("syncfs("))


def throttled_disk(lab: Lab, disk: SlowDisk, seconds: float = 3.0) -> Slow:
    """A large wheel for a disk that takes so long to write it; the lab is on that disk."""
    wheel, top = lab.wheel("large", 6, 2_000_000), lab.venv()
    with disk.throttled(int(wheel.stat().st_size / seconds)):
        session = lab.run(top, wheel, fsync=True)
    return lab.slow(session, seconds, ["large"])


def foreign_lock(lab: Lab, seconds: float = 2.5) -> Slow:
    """Another program holds the environment's lock."""
    top = lab.venv()
    with flock(top / ".lock") as holder:
        session = lab.start(top, lab.wheel("one"))
        session.wait_for(EnvironmentWaiting)
        time.sleep(seconds)
    until = time.monotonic()
    lab.succeeds(session)
    return lab.slow(session, until - moment(session, EnvironmentWaiting), holder=holder.pid)


def stopped_holder(lab: Lab, seconds: float = 2.5) -> Slow:
    """Another session was stopped (SIGSTOP) in its commit, and is killed after `seconds`."""
    top = lab.venv()
    first, second = (lab.wheel(name, below="shared") for name in ("first", "second"))
    lab.run(top, lab.wheel("base", below="shared"))  # so that each file of shared/ is a step
    holder = lab.start(top, "--slow", 20, first)
    holder.wait_for(CommitStarted)
    with holder.stopped():
        session = lab.start(top, second)
        session.wait_for(LockWaiting)
        time.sleep(seconds)
        until = time.monotonic()
        holder.process.kill()
    lab.succeeds(session)
    return lab.slow(session, until - moment(session, LockWaiting), ["second"], holder.process.pid)


def stopped_engine(lab: Lab, seconds: float = 4.0, meanwhile: list[str] | None = None) -> Slow:
    """The session itself was stopped (SIGSTOP) while it unpacked, and went on after `seconds`.

    `meanwhile` gets what `instui explain` says before that.
    """
    environ, lab.environ, top = lab.environ, customized(lab, _SLOW_HASHES.format(each=0.02)), lab.venv()
    session = lab.start(top, lab.wheel("large", 20, 20))
    lab.environ = environ
    session.wait_for(UnpackStarted)
    with session.stopped():
        since = time.monotonic()
        time.sleep(seconds)
        if meanwhile is not None:
            (journal,) = (top / ".instui" / "sessions").glob("*.jsonl")
            meanwhile.append(lab.slow(Session(session.process, journal), 0.0).told())
        until = time.monotonic()
    lab.succeeds(session)
    return lab.slow(session, until - since)


def two_sessions(lab: Lab) -> Slow:
    """Another session commits, slowly, into the same directory."""
    top = lab.venv()
    first, second = (lab.wheel(name, 10, below="shared") for name in ("first", "second"))
    lab.run(top, lab.wheel("base", 10, below="shared"))  # so that each file of shared/ is a step
    holder = lab.start(top, "--slow", 15, first)
    holder.wait_for(CommitStarted)
    session = lab.run(top, second)
    lab.succeeds(holder)
    waited = moment(holder, LockReleased, "first") - moment(session, LockWaiting)
    return lab.slow(session, waited, ["second"], holder.process.pid)


_SLOW_HASHES = """
import hashlib, time
sha256 = hashlib.sha256
def slow(*arguments, **options):
    end = time.thread_time() + {each}
    while time.thread_time() < end:
        pass
    return sha256(*arguments, **options)
hashlib.sha256 = slow
"""


def slow_unpacking(lab: Lab, *arguments: object, each: float = 0.005) -> Session:
    """An install that needs a processor for so many seconds to unpack a file, however fast the machine is."""
    environ = lab.environ
    lab.environ = customized(lab, _SLOW_HASHES.format(each=each))
    try:
        return lab.run(lab.venv(), *arguments)
    finally:
        lab.environ = environ


def customized(lab: Lab, program: str) -> dict[str, str]:
    """The environment of a process that runs this program when it starts."""
    (lab.place / "sitecustomize.py").write_text(program)
    path = os.pathsep.join(filter(None, (str(lab.place), lab.environ.get("PYTHONPATH"))))
    return {**lab.environ, "PYTHONPATH": path}


def giant_wheel(lab: Lab) -> Slow:
    """One wheel has ten times more files than all the others have together."""
    small = [lab.wheel(f"small-{number}", 4) for number in range(8)]
    return lab.slow(slow_unpacking(lab, "--jobs", 2, *small, lab.wheel("giant", 320)), 0.0, ["giant"])


def one_worker(lab: Lab) -> Slow:
    """One worker has all the work on several large wheels."""
    names = [f"large-{number}" for number in range(5)]
    wheels = [lab.wheel(name, 50) for name in names]
    return lab.slow(slow_unpacking(lab, "--jobs", 1, *wheels), 0.0, names)


@contextmanager
def elsewhere(place: Path) -> Iterator[Path | None]:
    """A directory on another file system than `place`; None if there is none to write to."""
    for other in ("/dev/shm", "/run", os.path.expanduser("~")):
        if os.access(other, os.W_OK) and os.stat(other).st_dev != place.stat().st_dev:
            with TemporaryDirectory(dir=other) as path:
                yield Path(path)
            return
    yield None


def other_file_system(lab: Lab, cache: Path) -> Slow:
    """The cache is warm, but on another file system than the environment."""
    wheel, where = lab.wheel("large", 4000, 200), ("--cache-dir", cache)
    lab.run(lab.venv(), *where, wheel)
    return lab.slow(lab.run(lab.venv(), *where, wheel), 0.0, ["large"])


def many_upgrades(lab: Lab) -> Slow:
    """Sixty distributions are upgraded, from the cache."""
    names = [f"dist-{number}" for number in range(60)]
    old, new = ([lab.wheel(name, 15, version=version) for name in names] for version in ("1.0", "2.0"))
    top = lab.venv()
    lab.run(top, *old)
    lab.run(lab.venv(), *new)
    return lab.slow(lab.run(top, *new), 0.0, names)


def damaged_entry(lab: Lab) -> Slow:
    """A file of a large wheel in the cache was edited in place, through an environment that links to it."""
    wheels, top = [lab.wheel("large", 200), lab.wheel("small")], lab.venv()
    lab.run(top, *wheels)
    edited = next(top.rglob("large/d3/m3.bin"))
    edited.write_bytes(b"edited")
    return lab.slow(slow_unpacking(lab, *wheels), 0.0, ["large"])


def fetched_by_another(lab: Lab, seconds: float = 4.0) -> Slow:
    """Another session has begun to fetch the wheel, from a throttled server."""
    wheel = lab.wheel("large", 4, 100_000)
    with WebServer() as web:
        url = add_wheel(web, wheel)
        web.pages[url[len(web.url()) :]].rate = int(wheel.stat().st_size / seconds)
        listed = ("--pylock", lab.pylock({wheel: url}))
        holder = lab.start(lab.venv(), *listed, online=True)
        holder.wait_for(FetchStarted)
        session = lab.run(lab.venv(), *listed, online=True)
        lab.succeeds(holder)
    waited = moment(holder, UnpackFinished) - moment(session, WaitStarted)
    return lab.slow(session, waited, ["large"], holder.process.pid)


_SLOW_RENAME = """
import os, time
rename = os.rename
def slow(*arguments, **options):
    os.rename = rename
    while not os.path.exists({go!r}):
        time.sleep(0.01)
    rename(*arguments, **options)
os.rename = slow
"""


def pruned_cache(lab: Lab, seconds: float = 2.5) -> Slow:
    """`instui cache prune` holds the cache until another session has waited `seconds` for it."""
    top, go = lab.venv(), lab.place / "go"
    lab.run(top, lab.wheel("unused"))
    shutil.rmtree(top)  # nothing links to the entry any longer
    environ = customized(lab, _SLOW_RENAME.format(go=str(go)))
    prune = [*lab.program, "cache", "prune", "--cache-dir", str(lab.cache)]
    with subprocess.Popen(prune, env=environ, stdout=subprocess.DEVNULL) as pruning:
        try:
            until_locked(lock_file(lab.cache))
            session = lab.start(lab.venv(), lab.wheel("one"))
            session.wait_for(WaitStarted)
            time.sleep(seconds)
        finally:
            until = time.monotonic()
            go.touch()
        lab.succeeds(session)
    return lab.slow(session, until - moment(session, WaitStarted), holder=pruning.pid)
