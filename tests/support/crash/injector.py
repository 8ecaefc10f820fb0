"""Crashes, signals and errors at the N-th call of a command that changes a file, in whatever thread or process.

`injector.c` does it, preloaded into the command. `Injector.count` says how many points a command has, `Injector.run`
runs it with a fault at one of them:

    injector = Injector(build(scratch), scratch / "state", below=[venv])
    for at in range(1, injector.count(command) + 1):
        injector.run(command, at, KILL)
"""

import errno
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from support.crash.forks import Forks

_PIDS = 1000
_PROGRAM = [sys.executable, "-m", "instui"]
_LAYOUT = struct.Struct(f"<QQQII{_PIDS}I")  # as in injector.c
_CHANGES = "open,mkdir,unlink,link,symlink,rename,write,copy,truncate,chmod,utime,sync"
# what cannot come from every call: a point where it never happens proves nothing
_CALLS = {errno.EMFILE: "open,read", errno.EXDEV: "link,rename,copy", errno.EMLINK: "link,mkdir,rename"}


@dataclass(frozen=True)
class Fault:
    """What happens at a point. `calls` are the families of calls that count as points.

    "kill": the main process dies before the call. "lose": only the helper process that makes the call dies, and only
    calls of helpers are points. "tear": a write puts half there, and then the same.
    "signal": the main process gets signal `number`; `second` calls later again, if that is not 0.
    "fail": the call returns error `number`; if `second`, so does every later one.
    """

    name: str
    action: Literal["kill", "lose", "tear", "signal", "fail"]
    number: int = 0
    second: int = 0
    calls: str = _CHANGES


KILL = Fault("kill", "kill")
LOSE = Fault("lose", "lose")
TEAR = Fault("tear", "tear")
SIGINT = Fault("SIGINT", "signal", signal.SIGINT)
SIGINT_TWICE = Fault("SIGINT twice", "signal", signal.SIGINT, 1)
SIGTERM = Fault("SIGTERM", "signal", signal.SIGTERM)
SIGHUP = Fault("SIGHUP", "signal", signal.SIGHUP)
ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMFILE", "EXDEV", "EMLINK")
READ_ERRORS = ("EIO", "EACCES")


def failing(name: str, from_there_on: bool = False, reading: bool = False) -> Fault:
    """The error `name` (ENOSPC), once or from a point on; `reading`: of what opens files and directories to read."""
    number: int = getattr(errno, name)
    shown = f"{name}{' reading' * reading}{'...' * from_there_on}"
    return Fault(shown, "fail", number, int(from_there_on), "read" if reading else _CALLS.get(number, _CHANGES))


class Call(NamedTuple):
    """One point, as the trace has it."""

    number: int
    pid: int
    name: str
    path: str
    target: str

    def __str__(self) -> str:
        return f"{self.name} {self.path}{f' -> {self.target}' if self.target else ''}"


@dataclass(frozen=True)
class Run:
    """How a command ended. `marked`: the count when the marked text was last written, 0 for never.

    `fired`: whether the fault came at all; the command may have ended before its point. `hung`: it did not end.
    """

    code: int
    stdout: str
    stderr: str
    count: int
    marked: int = 0
    fired: bool = False
    hung: bool = False
    trace: tuple[Call, ...] = ()


def build(directory: Path) -> Path:
    """Compile the library into `directory`. FileNotFoundError: there is no compiler."""
    compiler = shutil.which("gcc") or "cc"
    library = directory / "injector.so"
    source = Path(__file__).with_name("injector.c")
    command = [compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return library


Watch = Callable[[int], bool]
"""Called with the number of a point; whether the command dies there."""


class Injector:
    """Runs commands under the library. `state` is a file of its own; `below`: only changes below these are points.

    With `forks`, what is `python -m instui` is a fork that they make.
    """

    def __init__(
        self,
        library: Path,
        state: Path,
        below: Sequence[Path],
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        forks: Forks | None = None,
    ) -> None:
        self._library = library
        self._forks = forks
        self._state = state
        self._below = [str(path) for place in below for path in dict.fromkeys((place, place.resolve()))]
        self._env = dict(os.environ if env is None else env)
        self._timeout = timeout
        self._out = state.with_name(f"{state.name}.out")
        self._errors = state.with_name(f"{state.name}.err")

    def count(self, command: Sequence[str], calls: str = _CHANGES) -> int:
        """How many points an undisturbed run has, which must succeed."""
        done = self.run(command, calls=calls)
        assert done.code == 0, f"exit {done.code}: {done.stderr}{done.stdout}"
        return done.count

    def run(
        self,
        command: Sequence[str],
        at: int = 0,
        fault: Fault | None = None,
        *,
        calls: str = _CHANGES,
        mark: str = "",
        trace: bool = False,
        watch: Watch | None = None,
    ) -> Run:
        """Run to the end, with `fault` at the point `at`; without one only count.

        `watch` is called at each point, just before the call, while the thread that makes it stands still. Where it
        returns true, the main process dies. It is not called where a line is added to a journal that has one: that
        leaves the same state, and what takes long is told in more lines. Nor is it called once `mark` was written.
        """
        traced = self._state.with_suffix(".trace")
        traced.unlink(missing_ok=True)
        env = {
            "INJECT_STATE": str(self._state),
            "INJECT_BELOW": ":".join(self._below),
            "INJECT_CALLS": fault.calls if fault else calls,
            **({"INJECT_MARK": mark} if mark else {}),
            **({"INJECT_TRACE": str(traced)} if trace else {}),
        }
        if fault:
            env |= {"INJECT_AT": str(at), "INJECT_ACTION": fault.action}
            env |= {"INJECT_NUMBER": str(int(fault.number)), "INJECT_SECOND": str(fault.second)}
        elif watch:
            env |= {"INJECT_ACTION": "watch"}
        with self._state.open("w+b") as file:
            file.truncate(_LAYOUT.size)
            with mmap.mmap(file.fileno(), _LAYOUT.size) as shared:
                forked = self._forks if list(command[:3]) == _PROGRAM else None
                code, hung = (
                    self._finish(command, env, watch) if forked is None else self._fork(forked, command, env, watch)
                )
                pids = _LAYOUT.unpack(shared)[5:]
                _wait([pid for pid in pids if pid], self._timeout)
                count, marked, fired, *_ = _LAYOUT.unpack(shared)
        out, errors = (path.read_text(errors="replace") for path in (self._out, self._errors))
        return Run(code, out, errors, count, marked, fired > 0, hung, _read(traced) if trace else ())

    def _finish(self, command: Sequence[str], env: Mapping[str, str], watch: Watch | None) -> tuple[int, bool]:
        """Exit code of a process of its own, and whether it had to be killed since it hung."""
        variables = {**self._env, "LD_PRELOAD": str(self._library), **env}
        with self._out.open("wb") as out, self._errors.open("wb") as errors, _pipes(self._state) as (ask, go):
            with subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=errors) as child:
                ended = os.pidfd_open(child.pid)
                is_over = False
                try:
                    is_over = _attend(ended, ask, go, watch, self._timeout)
                finally:
                    os.close(ended)
                    if not is_over:
                        child.kill()
            return child.returncode, not is_over

    def _fork(
        self, forks: Forks, command: Sequence[str], env: Mapping[str, str], watch: Watch | None
    ) -> tuple[int, bool]:
        with _pipes(self._state) as (ask, go):
            pid = forks.start(command[3:], env, self._out, self._errors)
            is_over = False
            try:
                is_over = _attend(forks.fileno(), ask, go, watch, self._timeout)
            finally:  # also where `watch` has failed: the next one has the server for itself
                if not is_over:
                    os.kill(pid, signal.SIGKILL)
                code = forks.wait()
            return code, not is_over


@contextmanager
def _pipes(state: Path) -> Iterator[tuple[int, int]]:
    """Two pipes beside `state`: by one a watched run says that it is at a point, by the other it is told to go on."""
    places = [state.with_name(f"{state.name}.{end}") for end in ("ask", "go")]
    for place in places:
        if not place.exists():
            os.mkfifo(place)
    descriptors = [os.open(place, os.O_RDWR | os.O_CLOEXEC) for place in places]
    try:
        yield descriptors[0], descriptors[1]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _attend(ended: int, ask: int, go: int, watch: Watch | None, timeout: float) -> bool:
    """Wait until `ended` can be read, and call `watch` at each point until then. False after `timeout` seconds."""
    while True:
        ready, _, _ = select.select([ended, ask], [], [], timeout)
        if ask in ready:
            number = int.from_bytes(os.read(ask, 8), "little")
            os.write(go, b"k" if watch is not None and watch(number) else b"x")
        else:
            return ended in ready


def _wait(pids: Sequence[int], timeout: float) -> None:
    """Until none of the command's processes runs: a helper may outlive the main process that was killed."""
    end = time.monotonic() + timeout
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > end:
            raise AssertionError(f"processes of the command do not end: {pids}")
        time.sleep(0.005)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _read(path: Path) -> tuple[Call, ...]:
    if not path.exists():
        return ()
    lines = path.read_text(errors="surrogateescape").splitlines()
    calls = []
    for line in lines:
        number, pid, name, one, two = line.split("\t")
        calls.append(Call(int(number), int(pid), name, one, two))
    return tuple(sorted(calls))
