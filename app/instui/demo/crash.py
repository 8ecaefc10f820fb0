"""The demonstration of a crash: an upgrade is killed in the middle of its commit, and the next session settles it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from instui.monitor.reader import Tail, decoded, read
from instui_engine.commands.install import install
from instui_engine.journal import events
from instui_engine.journal.events import SessionFinished
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options

from .inspect import listed, owners, whole
from .other_process import session
from .process import Process
from .scenario import Scenario, Scene, Verdict
from .wheels import build, owned, package

_PARTS = 60
_OLD, _NEW = "lamp 1.0", "lamp 2.0"


def _wheels(directory: Path) -> list[Path]:
    """The same upgrade as in the killed session, and two more wheels."""
    return [_upgrade(directory), *(build(directory, name, package(name, 20)) for name in ("shade", "stand"))]


def _upgrade(directory: Path) -> Path:
    return build(directory, "lamp", owned("lamp", _NEW, _PARTS), "2.0")


def _crash(scene: Scene, control: Control) -> None:
    """Install 1.0; then let a second process upgrade it, and kill that process in the middle of its commit."""
    first, second = scene.place / "first", scene.place / "second"
    for directory in (first, second):
        directory.mkdir()
    old = build(first, "lamp", owned("lamp", _OLD, _PARTS))
    options = Options(cache=scene.place / "cache", jobs=2, fsync=False)
    install(Request(arguments=(str(old),), no_deps=True, offline=True), scene.environment, options, control)
    if control.cancelled():
        return
    _upgrade(second)
    journal = scene.place / "second.jsonl"
    scene.process = session(scene, second, journal, _half_done(journal, control), slow=1.0)
    _kill(scene, scene.process, journal)


def _kill(scene: Scene, process: Process, journal: Path) -> None:
    try:
        reached = process.wait_until_it_holds()
        process.kill()
        scene.found = _seen(scene.site_packages) if reached else f"NOT KILLED IN TIME ({process.error()})"
        for _, event in read(journal):
            if isinstance(event, events.SessionStarted) and event.control:
                Path(event.control).unlink(missing_ok=True)  # it could not do so itself
    finally:
        process.close()
        scene.process = None


@contextmanager
def _half_done(journal: Path, control: Control) -> Iterator[Callable[[], bool]]:
    """A function that says whether the other session has taken half of the steps of its commit by now.

    It also says so when this session is asked to stop.
    """
    half = False

    def is_half_done() -> bool:
        nonlocal half
        for _, event in decoded(tail.poll()):
            half = half or (isinstance(event, events.CommitProgress) and 2 * event.done >= event.renames)
        return half or control.cancelled()

    with Tail(journal) as tail:
        yield is_half_done


def _seen(site_packages: Path) -> str:
    """What a reader of the environment sees at present."""
    names = [distribution.name for distribution in distributions(path=[str(site_packages)])]
    texts = [path.read_text() for path in sorted((site_packages / "lamp").glob("part*.py"))]
    old, new = (sum(repr(owner) in text for text in texts) for owner in (_OLD, _NEW))
    seen = "importlib.metadata finds no lamp" if "lamp" not in names else "importlib.metadata FINDS A TORN LAMP"
    return f"{seen}, and of the files that lie there unlisted {new} are of 2.0 and {old} of 1.0"


def _killed(scene: Scene) -> str:
    return (
        "A session that was upgrading lamp from 1.0 to 2.0 has just been killed (SIGKILL) in the middle of its commit. "
        f"What a reader sees now: {scene.found}."
    )


def _result(scene: Scene, _: SessionFinished) -> Verdict:
    settled = [event for _, event in read(scene.journal) if isinstance(event, events.RecoveryFinished)]
    outcomes = ", ".join(f"{event.wheel} {event.version}: {event.outcome}" for event in settled) or "NOTHING"
    found, there, good = owners(scene.site_packages / "lamp"), listed(scene.site_packages), whole(scene.site_packages)
    version = ", ".join(d.version for d in distributions(path=[str(scene.site_packages)]) if d.name == "lamp")
    private = scene.environment.private
    left = [*private.glob("records/*"), *(p for p in private.glob("stage/*") if p.name != scene.journal.stem)]
    return Verdict(
        f"Recovered: {outcomes}. lamp is listed as {version or 'NOTHING'}, and all its files are of "
        f"{', '.join(sorted(found))}; by RECORD, whole: {', '.join(good)}. "
        f"{'SOMETHING' if left else 'Nothing'} of the killed session is left over.",
        "finds no lamp" in scene.found
        and [event.wheel for event in settled] == ["lamp"]
        and (version, found) == ("2.0", {_NEW})
        and there == good == ["lamp", "shade", "stand"]
        and not left,
    )


CRASH = Scenario(
    "crash",
    3.0,
    _wheels,
    {
        "session.started": _killed,
        "recovery.started": "Watch lamp: what the dead session was about to do stands in a record that was written "
        "before its first rename. This session goes on where that one was killed, under the same locks.",
        "recovery.finished": "The last rename was that of lamp-2.0.dist-info: only now is lamp listed again, and it is "
        "whole. Had another program changed what was still to be done, it would have been undone instead.",
        "stage.started": "Now the work of this session itself: lamp 2.0 is installed already, so it stages the rest.",
    },
    _result,
    before=_crash,
    rests={"recovery.started": 1.5, "stage.started": 1.0},
)
