"""Environments to install into, and what the engine says while it does: helpers of the integration tests."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.commands.uninstall import uninstall
from instui_engine.commit.group import Groups
from instui_engine.fs.paths import neutral
from instui_engine.journal.codec import decode
from instui_engine.journal.events import Event
from instui_engine.resolve.request import LockedWheel, Request
from instui_engine.session.context import Control
from instui_engine.session.options import Options
from instui_engine.store.entry import Entry
from instui_engine.target.environment import Environment, discover
from instui_engine.target.volumes import Volumes
from instui_engine.wheel.entry_points import EntryPoint
from instui_engine.wheel.manifest import Manifest, build
from instui_engine.wheel.metadata import WheelMetadata
from instui_engine.wheel.record import Row
from support.processes import state
from support.targets import linux_interpreter

E = TypeVar("E")
T = TypeVar("T")
PATIENCE = 60.0  # seconds; what does not happen within them does not happen


def examples(count: int, swept: int = 0) -> int:
    """How many examples Hypothesis tries: `count`, fewer under --quick, and `swept` or ten times more under --sweep."""
    scale = int(settings.default.max_examples)  # type: ignore[union-attr]
    return swept if swept and scale > 100 else max(1, count * scale // 100)


def until(happened: Callable[[], T], process: "subprocess.Popen[str] | None" = None) -> T:
    """Poll until `happened()` is true, and return that; fails after a long while, or when `process` has ended."""
    end = time.monotonic() + PATIENCE
    while True:
        ended = process is not None and process.poll() is not None
        if found := happened():
            return found
        if ended and process is not None:
            raise AssertionError(f"the process ended with {process.returncode} before it happened")
        if time.monotonic() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.01)


class Lines:
    """The events of one journal. Lines that do not decode fail the test."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.events: list[tuple[float, Event]] = []
        for line in lines:
            decoded = decode(line)
            assert decoded is not None, f"unknown event: {line}"
            self.events.append(decoded)

    def of(self, kind: type[E], wheel: str = "") -> list[E]:
        """The events of one class, those of one wheel only if it is given."""
        return [e for _, e in self.events if isinstance(e, kind) and (not wheel or getattr(e, "wheel", "") == wheel)]

    def times(self, kind: type[Event], wheel: str) -> list[float]:
        return [t for t, e in self.events if isinstance(e, kind) and getattr(e, "wheel", "") == wheel]


def read_journal(path: Path) -> Lines:
    """The whole lines of a journal that may still grow."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return Lines(text[: text.rfind("\n") + 1].splitlines())


class Venv:
    """A virtual environment, and installs into it within this process."""

    def __init__(self, top: Path, cache: Path) -> None:
        self.top = top
        self.cache = cache
        self.environment: Environment = discover(cache, python=str(top))
        self.site = top / self.environment.roots["purelib"]
        self.lines = Lines([])

    def install(
        self, *wheels: Path, jobs: int = 1, control: Control | None = None, reinstall: bool = False, **options: Any
    ) -> Outcome:
        """Install wheel files in the order given; `lines` has the journal afterwards."""
        lines: list[str] = []
        request = Request(arguments=tuple(map(str, wheels)), no_deps=True, reinstall=reinstall)
        chosen = Options(**{"cache": self.cache, "jobs": jobs, "fsync": False, "lock_timeout": PATIENCE, **options})
        outcome = install(request, self.environment, chosen, control, Recording((lines.append,)))
        self.lines = Lines(lines)
        return outcome

    def put(self, *wheels: Path, **options: Any) -> Outcome:
        """Install, which must succeed."""
        outcome = self.install(*wheels, **options)
        assert (outcome.exit_code, outcome.error) == (0, "")
        return outcome

    def remove(self, *names: str, jobs: int = 1, **options: Any) -> Outcome:
        """Uninstall, which must succeed."""
        lines: list[str] = []
        chosen = Options(**{"cache": self.cache, "jobs": jobs, "fsync": False, "lock_timeout": PATIENCE, **options})
        outcome = uninstall(names, self.environment, chosen, recording=Recording((lines.append,)))
        self.lines = Lines(lines)
        assert (outcome.exit_code, outcome.error) == (0, "")
        return outcome

    def journals(self) -> list[Path]:
        """The journals that lie in the environment, the oldest first."""
        return sorted((self.top / ".instui" / "sessions").glob("*.jsonl"))

    def stages(self) -> list[str]:
        """What lies in the stage."""
        stage = self.top / ".instui" / "stage"
        return sorted(os.listdir(stage)) if stage.exists() else []

    def move_away(self) -> None:
        """Take the environment out of the way, so that another one can be made at the same path."""
        number = 0
        while (away := self.top.with_name(f"{self.top.name}.{number}")).exists():
            number += 1
        self.top.rename(away)


class Session:
    """`python -m instui ...` in a process of its own, with its journal."""

    def __init__(self, process: "subprocess.Popen[str]", journal: Path) -> None:
        self.process = process
        self.journal = journal

    @property
    def lines(self) -> Lines:
        return read_journal(self.journal)

    def wait_for(self, kind: type[Event], wheel: str = "") -> Event:
        """The first event of that kind, as soon as it is in the journal."""
        return until(lambda: self.lines.of(kind, wheel), self.process)[0]

    def finish(self) -> tuple[int, str]:
        """Wait for the end; exit code and stderr."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The process does not run (SIGSTOP) but keeps its locks."""
        self.process.send_signal(signal.SIGSTOP)
        if Path("/proc/self/stat").exists():
            until(lambda: state(self.process.pid) in "Tt")
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


def one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Commit each wheel under its own claims, as beside other sessions, also where a session is alone."""
    patch.setattr(Groups, "_is_wanted", lambda self: False)


def jitter(patch: pytest.MonkeyPatch, seed: int, longest: float = 0.002) -> None:
    """Make every rename, link and mkdir take a random while, so that what can race does."""
    generator = random.Random(seed)

    def slowed(call: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any, **options: Any) -> Any:
            if generator.random() < 0.5:
                time.sleep(generator.random() * longest)
            return call(*arguments, **options)

        return slow

    for name in ("rename", "mkdir"):
        patch.setattr(os, name, slowed(getattr(os, name)))


def planned_environment(top: Path) -> Environment:
    """A virtual environment of CPython 3.11 at `top` that need not exist, for plans."""
    roots = {
        "purelib": "lib/python3.11/site-packages",
        "platlib": "lib/python3.11/site-packages",
        "headers": "include/site/python3.11",
        "scripts": "bin",
        "data": "",
    }
    places = neutral(roots.values())
    volumes = Volumes(str(top))
    return Environment(top, linux_interpreter(), MappingProxyType(roots), f"{top}/bin/python", places, places, volumes)


def entry(
    name: str,
    files: Sequence[str],
    data: Sequence[str] = (),
    *,
    version: str = "1.0",
    commands: Sequence[str] = (),
    shebangs: Sequence[str] = (),
) -> tuple[LockedWheel, Entry]:
    """A wheel that exists only as its manifest. `data`: paths below `.data` (`scripts/tool`)."""
    stem = f"{name.replace('-', '_')}-{version}"
    points = tuple(EntryPoint("console", command, "module", "main") for command in commands)
    metadata = WheelMetadata(
        name=name,
        version=version,
        root_is_purelib=True,
        requires_python="",
        requires_dist=(),
        dist_info=f"{stem}.dist-info",
        data_dir=f"{stem}.data" if data else "",
        entry_points=points,
        warnings=(),
    )
    paths = [*files, *(f"{stem}.data/{path}" for path in data), f"{stem}.dist-info/METADATA"]
    row = Row("sha256", "A" * 43, 1)
    manifest: Manifest = build(metadata, dict.fromkeys(paths, row), dict.fromkeys(paths, 1), shebangs)
    wheel = LockedWheel(name, version, f"{stem}-py3-none-any.whl", path=f"/nowhere/{stem}-py3-none-any.whl")
    return wheel, Entry("0" * 64, f"/nowhere/{stem}", manifest)


def install_old_record(site: Path, name: str, version: str, listed: Sequence[str]) -> None:
    """Put files and a `.dist-info` that lists them where an installer would, without hashes."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for path in listed:
        place = Path(os.path.normpath(site / path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{name} {version} {path}\n")
    own = [f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text(
        "".join(f"{json.dumps(path) if ',' in path else path},,\n" for path in [*listed, *own])
    )
