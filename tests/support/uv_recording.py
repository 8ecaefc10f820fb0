"""Record what real uv does with the wheels of a demonstration, for the screen of that demonstration.

    python tests/support/uv_recording.py [NAME]...

Each run installs the wheels into a fresh environment in one command, with uv's defaults but for the number of threads,
while inotify watches the contested directory; what is seen of a file is its text, which names its owner. Of all runs
the last owners are kept, of the typical one all writes: that in which the number of files that are not of the commonest
owner is the median of the runs that left a mix. The recordings are committed; run this again for another uv.
"""

import ctypes
import json
import os
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from uv import find_uv_bin

from instui.demo import without_locks
from instui.demo.performance import SCENARIOS

RUNS = 15
THREADS = 8  # as many as uv starts on a machine with eight processors
_CREATE, _MOVED_TO, _CLOSE_WRITE = 0x100, 0x80, 0x8
_EVENT = struct.Struct("iIII")
_SECONDS = 30.0  # an installation of three small wheels takes a hundredth of a second


class Subject(NamedTuple):
    """The contested files of a demonstration: `pattern` below the environment, "{site}" for its site-packages."""

    directory: str
    pattern: str
    owner: str  # a regular expression that finds the owner in the text of a file


SUBJECTS = {
    "same-module": Subject("{site}/shapes", "part*.py", r"OWNER = '(\w+)'"),
    "readme-clash": Subject("{site}", "README.md", r"This is (\w+)\."),
    "etc-race": Subject("etc", "shared.conf", r"owner = (\w+)"),
}


class Run(NamedTuple):
    """One run of uv: the writes that were seen, as seconds, file and owner; and the owner of each file at the end."""

    writes: list[tuple[float, str, str]]
    last: dict[str, str]

    @property
    def odd(self) -> int:
        """How many files are not of the commonest owner."""
        return len(self.last) - max(Counter(self.last.values()).values())


class Watcher:
    """Watches a directory that need not be there yet."""

    def __init__(self, directory: Path, subject: Subject) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._directory = directory
        self._subject = subject
        self._owners: dict[str, str] = {}
        self.writes: list[tuple[float, str, str]] = []
        self._watched = self._watch(directory)
        if not self._watched:
            self._watch(directory.parent)

    def close(self) -> None:
        os.close(self._fd)

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Note all writes until the process has ended."""
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            ended = process.poll() is not None
            if poller.poll(0 if ended else 5):
                self._take(time.perf_counter(), os.read(self._fd, 65536))
            elif ended:
                return
        raise TimeoutError

    def _watch(self, directory: Path) -> bool:
        mask = _CREATE | _MOVED_TO | _CLOSE_WRITE
        return bool(self._libc.inotify_add_watch(self._fd, os.fsencode(directory), mask) >= 0)

    def _take(self, now: float, data: bytes) -> None:
        if not self._watched:
            self._watched = self._watch(self._directory)
            if self._watched:  # what was written before that
                for path in sorted(self._directory.glob(self._subject.pattern)):
                    self._look(now, path.name)
            return
        for name in _names(data):
            if Path(name).match(self._subject.pattern):
                self._look(time.perf_counter(), name)

    def _look(self, now: float, name: str) -> None:
        owner = owner_of(self._directory / name, self._subject)
        if owner and self._owners.get(name) != owner:
            self._owners[name] = owner
            self.writes.append((now, name, owner))


def _names(data: bytes) -> Iterator[str]:
    place = 0
    while place < len(data):
        *_, length = _EVENT.unpack_from(data, place)
        place += _EVENT.size
        yield os.fsdecode(data[place : place + length].rstrip(b"\0"))
        place += length


def owner_of(path: Path, subject: Subject) -> str:
    """Whose file it is; "" if it is not there, or not written yet."""
    try:
        found = re.search(subject.owner, path.read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found.group(1) if found else ""


def command(wheels: Sequence[str], environment: str) -> list[str]:
    """The command that is recorded."""
    return [find_uv_bin(), "pip", "install", "--offline", "--no-index", "--no-deps", "--python", environment, *wheels]


def run_uv(name: str, scratch: Path) -> Run:
    """Install the wheels of that demonstration into a fresh environment, and watch."""
    subject = SUBJECTS[name]
    place = Path(tempfile.mkdtemp(dir=scratch))
    wheels = place / "wheels"
    wheels.mkdir()
    files = [str(path) for path in SCENARIOS[name].make(wheels)]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    environ |= {"UV_CONCURRENT_INSTALLS": str(THREADS), "UV_CACHE_DIR": str(place / "cache"), "UV_NO_CONFIG": "1"}
    venv = place / ".venv"
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, str(venv)], env=environ, check=True)
    site = next(venv.glob("lib/python*/site-packages")).relative_to(venv)
    directory = venv / subject.directory.format(site=site)
    watcher = Watcher(directory, subject)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command(files, str(venv)), env=environ, stdout=quiet, stderr=subprocess.PIPE, text=True
    ) as uv:
        watcher.watch(uv)
        assert uv.stderr is not None
        errors = uv.stderr.read()
    watcher.close()
    if uv.returncode:
        raise RuntimeError(errors)
    begin = watcher.writes[0][0] if watcher.writes else 0.0
    last = {path.name: owner_of(path, subject) for path in sorted(directory.glob(subject.pattern))}
    shutil.rmtree(place)
    return Run([(t - begin, file, owner) for t, file, owner in watcher.writes], last)


def typical(runs: Sequence[Run]) -> Run:
    """The median of the runs that left a mix and of which everything was seen; else any."""

    def was_seen(run: Run) -> bool:
        return {file: owner for _, file, owner in run.writes} == run.last  # the later of two writes

    seen = [run for run in runs if was_seen(run)] or list(runs)
    mixed = sorted((run for run in seen if run.odd), key=lambda run: run.odd)
    return mixed[len(mixed) // 2] if mixed else seen[0]


def recording(name: str, runs: Sequence[Run]) -> dict[str, object]:
    """The content of the recording, as `instui.demo.without_locks` reads it."""
    files = sorted(runs[0].last)
    wheels = sorted({owner for run in runs for owner in [*run.last.values(), *(owner for _, _, owner in run.writes)]})
    version = subprocess.run([find_uv_bin(), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    shown = typical(runs)
    return {
        "made by": "python tests/support/uv_recording.py",
        "command": f"UV_CONCURRENT_INSTALLS={THREADS} uv {' '.join(command(['*.whl'], '.venv')[1:])}",
        "processors": os.cpu_count(),
        "program": f"uv {version}",
        "owners": wheels,
        "files": files,
        "runs": [[wheels.index(run.last[file]) for file in files] for run in runs],
        "writes": [[round(t, 6), files.index(file), wheels.index(owner)] for t, file, owner in shown.writes],
    }


def main(names: Sequence[str]) -> None:
    """Make the recordings of these names, or all."""
    for name in names or SUBJECTS:
        scratch = Path(tempfile.mkdtemp(prefix="instui-uv-"))
        try:
            made = recording(name, [run_uv(name, scratch) for _ in range(RUNS)])
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        rows = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in made.items()]
        without_locks.path_of(name).write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
