"""Where installs are made slow on purpose: the real program, slowed down by one known thing."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED

from instui.explain.attribution import Attribution, attribute
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import read
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, SessionStarted, SpanFinished
from support.environments import PATIENCE, Session, Venv
from support.wheelsmith import escaped, wheel_files, zipped

_ONLINE = {"UV_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}

MakeVenv = Callable[[Path], Venv]


class Slow(NamedTuple):
    """A slow install that is over. `seconds` is the constructed delay, in `wheels`, by the process `holder`."""

    session: Session
    seconds: float
    wheels: tuple[str, ...] = ()
    holder: int = 0
    environ: Mapping[str, str] = {}

    @property
    def snapshot(self) -> Snapshot:
        """All that the journal says."""
        fold = Fold()
        for t, event in read(self.session.journal):
            fold.feed(t, event)
        return fold.snapshot(fold.now)

    @property
    def attribution(self) -> Attribution:
        """Where its wall clock went."""
        return attribute(self.snapshot)

    def explained(self) -> dict[str, Any]:
        """What `instui explain --json` says of it."""
        return dict(json.loads(self._explain("--json")))

    def told(self) -> str:
        """What `instui explain` says of it."""
        return self._explain()

    def without_load(self) -> "Slow":
        """The same install in a journal that does not know what processors and disks did meanwhile."""
        journal = self.session.journal.with_suffix(".without-load.jsonl")
        unknown = {"cpu": 0.0, "stalled": -1.0, "system": -1.0, "idle": -1.0}
        with journal.open("w") as file:
            for t, event in read(self.session.journal):
                file.write(f"{encode(t, event._replace(**unknown) if isinstance(event, SpanFinished) else event)}\n")
        return self._replace(session=Session(self.session.process, journal))

    def _explain(self, *options: str) -> str:
        command = [sys.executable, "-m", "instui", "explain", *options, str(self.session.journal)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=dict(self.environ), check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout


class Lab:
    """A place for slow installs, with a cache of its own. A context manager: what still runs in the end is killed."""

    def __init__(self, place: Path, make_venv: MakeVenv, environ: Mapping[str, str]) -> None:
        self.place = place
        self.cache = place / "cache"
        self.environ = {**environ, "INSTUI_CACHE_DIR": str(self.cache), "UV_CACHE_DIR": str(place / "uv")}
        self._make_venv = make_venv
        self._numbers = count()
        self._sessions: list[Session] = []
        self.program = [sys.executable, "-m", "instui"]
        (place / "wheels").mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            if session.process.poll() is None:
                session.process.kill()
                session.process.send_signal(signal.SIGCONT)
            session.process.communicate()

    def venv(self) -> Path:
        """The top of a new environment."""
        return self._make_venv(self.place / f"venv{next(self._numbers)}").top

    def wheel(
        self,
        name: str,
        files: int = 5,
        size: int = 20,
        *,
        version: str = "1.0",
        below: str = "",
        requires: Sequence[str] = (),
        packed: bool = False,
    ) -> Path:
        """A wheel of that many files, each of `size` random bytes, in directories `below` a package, its own for "".

        With `packed`, they are digits instead, and compressed.
        """
        draw, package = random.Random(f"{name} {version}"), below or escaped(name)
        content = {
            f"{package}/d{number % 40}/m{number}.bin": draw.randbytes(size // 2).hex().encode()
            if packed
            else draw.randbytes(size)
            for number in range(files)
        }
        path = self.place / "wheels" / f"{escaped(name)}-{version}-py3-none-any.whl"
        method = ZIP_DEFLATED if packed else ZIP_STORED
        path.write_bytes(zipped(wheel_files(name, version, content, requires=requires), method=method))
        return path

    def pylock(self, urls: Mapping[Path, str]) -> Path:
        """A lock file of wheels that come from these URLs."""
        lines = ['lock-version = "1.0"', 'created-by = "tests"']
        for wheel, url in urls.items():
            name, version = wheel.name.split("-")[:2]
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            lines += [
                "[[packages]]",
                f'name = "{name.replace("_", "-")}"',
                f'version = "{version}"',
                f'wheels = [{{name = "{wheel.name}", url = "{url}", size = {wheel.stat().st_size}, '
                f'hashes = {{sha256 = "{digest}"}}}}]',
            ]
        path = self.place / "pylock.toml"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def start(
        self,
        top: Path,
        *arguments: object,
        before: Sequence[str] = (),
        fsync: bool = False,
        online: bool = False,
    ) -> Session:
        """Start `instui install WORDS` into the environment at `top`; `online`: it may ask for more than the files."""
        journal = self.place / f"journal{next(self._numbers)}.jsonl"
        kept = [] if online else ["--no-deps"]  # wheel files need no resolver
        options = [*kept, *([] if fsync else ["--no-fsync"]), "--ui", "none", "--python", top, "--journal", journal]
        command = [*before, *self.program, "install", *map(str, (*options, *arguments))]
        env = {**self.environ, **(_ONLINE if online else {})}
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._sessions.append(Session(process, journal))
        return self._sessions[-1]

    def run(self, top: Path, *arguments: object, **options: Any) -> Session:
        """As `start`, to its end, which must be a success."""
        session = self.start(top, *arguments, **options)
        self.succeeds(session)
        return session

    def succeeds(self, session: Session) -> None:
        """Wait for the end of the session, which must be a success."""
        code, errors = session.finish()
        assert code == 0, errors

    def slow(self, session: Session, seconds: float, wheels: Sequence[str] = (), holder: int = 0) -> Slow:
        """What became of a session that was made slow."""
        return Slow(session, seconds, tuple(wheels), holder, self.environ)


def moment(session: Session, kind: type[Event], wheel: str = "") -> float:
    """When the first event of that kind happened, on the clock that all processes share (`time.monotonic`)."""
    lines = session.lines
    (started,) = lines.of(SessionStarted)
    return started.clock + next(
        t
        for t, event in lines.events
        if isinstance(event, kind) and (not wheel or getattr(event, "wheel", "") == wheel)
    )


@contextmanager
def flock(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`flock -x PATH sleep`: a program of others that holds a lock until the end of the block."""
    command = ["flock", "-x", "-o", str(path), "sleep", str(PATIENCE)]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            until_locked(path)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def until_locked(path: Path) -> None:
    """Wait until somebody holds the lock on a file."""
    import fcntl

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if path.exists():
            with path.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
        time.sleep(0.01)
    raise AssertionError(f"nobody locks {path}")


def delayed(call: str, seconds: float, log: Path, when: str = "") -> list[str]:
    """What to put before a command so that this system call of it takes so much longer (strace)."""
    delay = f"--inject={call}:delay_enter={int(seconds * 1e6)}{':when=' + when if when else ''}"
    return ["strace", "-f", "-qq", "--seccomp-bpf", f"--trace={call}", delay, "-o", str(log)]
