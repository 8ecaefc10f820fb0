"""Commands on a disk whose power goes in the middle of them, and what lies there when it is back.

The judge uses no code of the engine: RECORD files, the wheels themselves, and a tree of an undisturbed run.
"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from support import trees
from support.crash.filesystems import Disk
from support.environments import PATIENCE
from support.wheelsmith import build_wheel

COMMANDS = ("install", "upgrade", "uninstall")
_SHARED = "../../../etc/shared.conf"  # of all three distributions: the losers have it torn, which G7 allows
_MIXED = ("one", "two", "three")
_NAMES = (*_MIXED, "four", "five")


class Cut(NamedTuple):
    """When the power goes: `delay` seconds after the journal's line number `line`; see `Disk.cut` for `log`."""

    line: int
    delay: float
    log: bool
    slow: float


class Ended(NamedTuple):
    """How a command ended on a disk that failed."""

    exit_code: int
    error: str


class Power:
    """An environment and a cache on a disk of their own, in the state before a command, and that command."""

    def __init__(self, disk: Disk, place: Path, skeleton: Path, clean_environ: dict[str, str]) -> None:
        self.disk = disk
        self.place = place
        self.top = disk.top / "venv"
        self.second = disk.top / "second"
        self.cache = disk.top / "cache"
        self.journal = place / "journal.jsonl"
        self.environ = clean_environ
        self.wheels = {version: _wheels(place, version) for version in ("1.0", "2.0")}
        for top in (self.top, self.second):
            shutil.copytree(skeleton, top, symlinks=True)
        python = next(self.top.glob("lib/python*")).name
        self.site = self.top / "lib" / python / "site-packages"
        self.expected: dict[str, dict[str, str]] = {}  # command -> the tree that it leaves where nothing happens
        self.lines: dict[str, int] = {}  # command -> how many lines its journal has then
        disk.save(place / "install.img")
        for command, state in (("install", "upgrade"), ("upgrade", ""), ("uninstall", "")):
            self.begin(command)
            done = self.run(command)
            assert (done.returncode, done.stderr) == (0, "")
            self.expected[command] = trees.tree(self.top)
            self.lines[command] = len(self.journal.read_text().splitlines())
            if state:
                disk.save(place / f"{state}.img")
                shutil.copyfile(place / f"{state}.img", place / "uninstall.img")

    def arguments(self, command: str) -> list[object]:
        """The command line without where and how."""
        if command == "uninstall":
            return ["uninstall", *_NAMES]
        return ["install", "--no-deps", *self.wheels["2.0" if command == "upgrade" else "1.0"]]

    def line(self, command: str, *more: object, top: Path | None = None) -> list[str]:
        """The whole command line; `top`: of another environment than the first."""
        place = ("--cache-dir", self.cache, "--python", top or self.top, "--jobs", 2, "--ui", "none")
        arguments = (*self.arguments(command), *place, *more)
        return [sys.executable, "-m", "instui", *map(str, arguments)]

    def begin(self, command: str) -> None:
        """Everything as it is before `command`."""
        self.disk.load(self.place / f"{command}.img")

    def run(self, command: str, *more: object, top: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run `command` to its end."""
        self.journal.unlink(missing_ok=True)
        line = self.line(command, "--journal", self.journal, *more, top=top)
        return subprocess.run(line, env=self.environ, capture_output=True, text=True, timeout=2 * PATIENCE, check=False)

    def run_until(self, command: str, cut: Cut, fail: Callable[[], None] | None = None) -> Ended:
        """Run `command`, and cut the power in the middle of it; then it is back, and the disk mounted again.

        `fail`: what happens to the disk instead. Whatever it is, the command ends, with no more than one line.
        """
        self.journal.unlink(missing_ok=True)
        slow = ("--slow", cut.slow) if cut.slow else ()
        line = self.line(command, "--journal", self.journal, *slow)
        with subprocess.Popen(line, env=self.environ, stderr=subprocess.PIPE, text=True) as process:
            try:
                while process.poll() is None and _lines(self.journal) < cut.line:
                    time.sleep(0.0005)
                time.sleep(cut.delay)
                if fail is None:
                    self.disk.cut(log=cut.log)
                else:
                    fail()
                _, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        self.disk.restart()
        assert "Traceback" not in errors
        assert process.returncode in (0, 1), errors
        assert len(errors.splitlines()) == process.returncode, errors
        return Ended(process.returncode, errors)

    def torn(self, top: Path | None = None) -> list[str]:
        """What readers would find wrong in the environment now."""
        site = (top or self.top) / self.site.relative_to(self.top)
        return [
            f"{name}: {wrong}"
            for name in trees.distributions(site)
            for wrong in trees.wrong_rows(site, name)
            if not wrong.startswith(_SHARED)
        ]

    def torn_in_store(self) -> list[str]:
        """Files of visible entries of the store that are not what the wheel has; both by their own content."""
        found = []
        by_digest = {_digest(wheel): wheel for wheels in self.wheels.values() for wheel in wheels}
        for manifest in self.cache.glob("store-*/??/*/manifest"):
            entry = manifest.parent
            for path, content in _contents(by_digest[entry.name]).items():
                place = entry / "files" / path
                if not place.is_file() or place.read_bytes() != content:
                    found.append(f"{entry.name[:8]} {path}")
        return found

    def empty_store(self) -> None:
        """Leave of each file in the store, and of its links in environments, what is left of one that nobody synced.

        When a cut comes, the kernel may have written everything, or nothing; of a file that it had not, ext4 has the
        name and no content.
        """
        for path in self.cache.glob("store-*/??/*/files/**/*"):
            if path.is_file():
                status = path.stat()
                os.truncate(path, 0)
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def leftovers(self) -> list[str]:
        """What is left of sessions that ended."""
        return leftovers(self.top)


def leftovers(top: Path) -> list[str]:
    """What lies in the environment `top` of sessions that ended, of those that were cut off included."""
    private = top / ".instui"
    places = [path for name in ("stage", "records") for path in sorted((private / name).glob("*"))]
    # a record that was never begun: see test_a_record_that_was_not_quite_written_is_removed
    return [path.relative_to(private).as_posix() for path in places if path.suffix != ".new"]


def _wheels(place: Path, version: str) -> list[Path]:
    """With files that come, change, stay and go, large ones, and, but for the last two, ones that all have.

    So the first and the last two are committed as a group.
    """
    directory = place / version
    directory.mkdir()
    texts = random.Random(version)
    return [
        build_wheel(
            directory,
            name,
            version,
            {
                f"{name}/__init__.py": b"",
                f"{name}/same.py": b"same\n" * 100,
                f"{name}/version.py": f"V = {version!r}\n".encode(),
                **{f"{name}/v{version}/{number}.bin": texts.randbytes(6000 * number) for number in range(12)},
                f"{'ns' if name in _MIXED else 'ns-' + name}/{name}.py": texts.randbytes(3000),
            },
            data={
                "scripts/tool-" + name: b"#!python\n",
                f"data/etc/{'shared' if name in _MIXED else name + '/own'}.conf": f"{name} {version}\n".encode(),
            },
            entry_points=f"[console_scripts]\nrun-{name} = {name}:run\n",
        )
        for name in _NAMES
    ]


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def _lines(journal: Path) -> int:
    try:
        return journal.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
